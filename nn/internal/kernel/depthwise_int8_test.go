package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

type depthwiseInt8Case struct {
	c, k, stride, h, w int
	act                Act
	noBias             bool
	out                bool // planes of bytes
}

func (c depthwiseInt8Case) check(t testing.TB, seed uint64) {
	t.Helper()
	oh, ow := (c.h-1)/c.stride+1, (c.w-1)/c.stride+1
	if !DepthwiseInt8Fits(c.k, c.stride, c.w, c.out) {
		c.out = true
	}
	var first *arena
	var firstBytes *byteArena
	for _, set := range int8Sets() {
		what := fmt.Sprintf("set %d %+v", set, c)
		s := random(seed)
		w, bias := s.slice(c.c*c.k*c.k), s.slice(c.c)
		if c.noBias {
			bias = nil
		}
		in := newByteArena(t, c.c, c.h*c.w, seed%2 == 0, s.byte)
		quants, outs := s.quants(c.c), s.quants(c.c)
		if !c.out {
			outs = nil
		}
		d := newDepthwiseInt8(set, w, bias, c.c, c.k, c.stride, c.h, c.w, quants, outs)
		cut := 1 + int(seed)%c.c
		if c.out {
			out := newByteArena(t, c.c, oh*ow, true, func(_, _ int) byte { return canary })
			d.Run(out.planes, in.planes, c.act, 0, cut)
			d.Run(out.planes, in.planes, c.act, cut, c.c)
			out.check(t, what, false)
			if firstBytes == nil {
				firstBytes = out
			}
			for i := range c.c {
				if !slices.Equal(out.plane(i), firstBytes.plane(i)) {
					t.Fatalf("%s: plane %d is not that of pure Go:\n%v\n%v", what, i, out.plane(i), firstBytes.plane(i))
				}
			}
		} else {
			out := newArena(t, c.c, oh, ow, true, unset)
			d.Run(out.planes, in.planes, c.act, 0, cut)
			d.Run(out.planes, in.planes, c.act, cut, c.c)
			out.check(t, what, false)
			if first == nil {
				first = out
			}
			for i := range c.c {
				for j, v := range out.plane(i) {
					if math.Float32bits(v) != math.Float32bits(first.plane(i)[j]) {
						t.Fatalf("%s: plane %d pixel %d is %v, in Go %v", what, i, j, v, first.plane(i)[j])
					}
				}
			}
		}
		in.check(t, what, true)
		if set != setGo {
			continue
		}
		for i := range c.c {
			for j := range oh * ow {
				x := c.plain(w, bias, in.plane(i), quants[i], i, j/ow, j%ow)
				if !c.out {
					if d := math.Abs(float64(first.plane(i)[j]) - x); d > 1e-5 {
						t.Fatalf("%s: plane %d pixel %d is %v, want %v", what, i, j, first.plane(i)[j], x)
					}
					continue
				}
				steps := min(255, max(0, x/float64(outs[i].Scale)+float64(outs[i].Zero)))
				if got := float64(firstBytes.plane(i)[j]); math.Abs(got-steps) > 0.501 {
					t.Fatalf("%s: plane %d pixel %d is byte %v, want %v", what, i, j, got, steps)
				}
			}
		}
	}
}

// plain computes one output in double precision, with weights rounded as they are.
func (c depthwiseInt8Case) plain(w, bias []float32, in []byte, q Quant, plane, y, x int) float64 {
	w = w[plane*c.k*c.k : (plane+1)*c.k*c.k]
	scale := weightScale(w)
	sum := 0.0
	if bias != nil {
		sum = float64(bias[plane])
	}
	for i := range c.k {
		for j := range c.k {
			iy, ix := y*c.stride+i-c.k/2, x*c.stride+j-c.k/2
			if iy >= 0 && iy < c.h && ix >= 0 && ix < c.w {
				v := float64(scale) * math.RoundToEven(float64(w[i*c.k+j]/scale))
				sum += v * float64(q.Scale) * (float64(in[iy*c.w+ix]) - float64(q.Zero))
			}
		}
	}
	return c.act.reference(sum)
}

func TestDepthwiseInt8(t *testing.T) {
	t.Parallel()
	var cases []depthwiseInt8Case
	for _, k := range []int{3, 5} {
		for stride := 1; stride <= 2; stride++ {
			for w := 1; w <= 40; w++ {
				cases = append(cases, depthwiseInt8Case{c: 1 + w%4, k: k, stride: stride, h: 1 + w*7%13, w: w, act: testActs[w%3], out: w%2 == 0, noBias: w%5 == 0},
					depthwiseInt8Case{c: 3, k: k, stride: stride, h: w, w: 8 + w%17, act: testActs[w%3], out: w%2 == 1})
			}
			cases = append(cases, depthwiseInt8Case{c: 5, k: k, stride: stride, h: 44, w: 44, out: true}, depthwiseInt8Case{c: 5, k: k, stride: stride, h: 9, w: 88, out: false})
		}
	}
	for i := 0; i < len(cases); i += every {
		cases[i].check(t, uint64(i))
	}
}

func FuzzDepthwiseInt8(f *testing.F) {
	f.Add(uint8(2), true, false, uint8(11), uint8(11), uint8(1), true, uint64(1))
	f.Add(uint8(1), false, true, uint8(1), uint8(1), uint8(0), false, uint64(2))
	f.Fuzz(func(t *testing.T, c uint8, five, half bool, h, w, act uint8, out bool, seed uint64) {
		d := depthwiseInt8Case{c: int(c%5) + 1, k: 3, stride: 1, h: int(h%50) + 1, w: int(w%70) + 1, act: testActs[act%3], out: out, noBias: seed%5 == 0}
		if five {
			d.k = 5
		}
		if half {
			d.stride = 2
		}
		d.check(t, seed)
	})
}

func BenchmarkDepthwiseInt8(b *testing.B) {
	for _, c := range []struct{ c, k, stride, w int }{
		{88, 3, 1, 44}, {176, 3, 1, 22}, {352, 3, 1, 11}, {88, 3, 2, 88}, {128, 5, 1, 44}, {128, 5, 1, 22}, {128, 5, 2, 44},
	} {
		for _, set := range int8Sets()[1:] {
			b.Run(fmt.Sprintf("set%d/k%ds%dc%d@%d", set, c.k, c.stride, c.c, c.w), func(b *testing.B) {
				s := random(1)
				in := newByteArena(b, c.c, c.w*c.w, true, s.byte)
				ow := (c.w-1)/c.stride + 1
				out := newByteArena(b, c.c, ow*ow, true, s.byte)
				d := newDepthwiseInt8(set, s.slice(c.c*c.k*c.k), nil, c.c, c.k, c.stride, c.w, c.w, s.quants(c.c), s.quants(c.c))
				measure(b, float64(c.c*c.k*c.k*ow*ow), func() { d.Run(out.planes, in.planes, Act{}, 0, c.c) })
			})
		}
	}
}
