package kernel

import (
	"fmt"
	"math"
	"testing"
)

type depthwiseCase struct {
	c, k, stride, h, w int
	act                Act
	noBias             bool
	dilation           int // 0 means 1
}

func (d depthwiseCase) check(t testing.TB, isa ISA, seed uint64) {
	t.Helper()
	what := isa.String() + " " + name(d)
	s := random(seed)
	w, bias := s.slice(d.c*d.k*d.k), s.slice(d.c)
	if d.noBias {
		bias = nil
	}
	in := newArena(t, d.c, d.h, d.w, seed%2 == 0, s.fill)
	dw := NewDepthwise(isa, w, bias, d.c, d.k, d.stride, d.h, d.w)
	oh, ow := dw.Out()
	run := func(out *arena, u0, u1 int) { dw.Run(out.planes, in.planes, d.act, u0, u1) }
	dilation := max(1, d.dilation)
	if dilation > 1 {
		k := NewDilated(isa, w, bias, d.c, d.k, dilation, d.h, d.w)
		scratch := k.NewScratch()
		run = func(out *arena, u0, u1 int) { k.Run(out.planes, in.planes, d.act, scratch, u0, u1) }
	}
	if oh != (d.h-1)/d.stride+1 || ow != (d.w-1)/d.stride+1 {
		t.Fatalf("%s: output is %dx%d", what, oh, ow)
	}
	fresh := func() *arena { return newArena(t, d.c, oh, ow, seed%3 == 0, unset) }
	out := forEachSplit(t, what, dw.Units(), s, fresh, run)
	in.check(t, what, true)
	out.compare(t, what, func(c, i int) (float64, float64) {
		sum, scale := 0.0, 1.0
		if bias != nil {
			sum = float64(bias[c])
		}
		for ky := range d.k {
			for kx := range d.k {
				y, x := i/ow*d.stride+(ky-d.k/2)*dilation, i%ow*d.stride+(kx-d.k/2)*dilation
				if y >= 0 && y < d.h && x >= 0 && x < d.w {
					v := float64(w[(c*d.k+ky)*d.k+kx]) * float64(in.plane(c)[y*d.w+x])
					sum += v
					scale += math.Abs(v)
				}
			}
		}
		return d.act.reference(sum), scale
	})
}

func TestDepthwise(t *testing.T) {
	t.Parallel()
	var cases []depthwiseCase
	for _, k := range []int{1, 3, 5, 7} {
		for _, stride := range []int{1, 2, 3} {
			for _, hw := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {3, 3}, {6, 6}, {7, 7}, {11, 11}, {22, 22}, {28, 28}, {44, 44}} {
				cases = append(cases, depthwiseCase{c: 3, k: k, stride: stride, h: hw[0], w: hw[1], act: testActs[len(cases)%len(testActs)]})
			}
		}
	}
	// Every width that the strips of the assembly treat differently.
	for w := 1; w <= 200; w++ {
		for _, k := range []int{3, 5} {
			for stride := 1 + w/101; stride <= 2; stride++ {
				cases = append(cases, depthwiseCase{c: 1 + w%3, k: k, stride: stride, h: 1 + w%9, w: w, act: testActs[w%3], noBias: w%4 == 0})
			}
		}
	}
	for w := 1; w <= 45; w++ {
		cases = append(cases, depthwiseCase{c: 1 + w%3, k: 3 + w/2%2*2, stride: 1, h: 1 + w%11, w: w, act: testActs[w%len(testActs)], dilation: 2 + w%3})
	}
	forEachISA(t, func(t *testing.T, p ISA) {
		for i := 0; i < len(cases); i += every {
			cases[i].check(t, p, uint64(i))
		}
	})
}

func FuzzDepthwise(f *testing.F) {
	f.Add(uint8(3), uint8(0), uint8(0), uint8(14), uint8(14), uint8(1), uint64(1))
	f.Add(uint8(0), uint8(1), uint8(1), uint8(1), uint8(17), uint8(2), uint64(2))
	f.Add(uint8(1), uint8(1), uint8(0), uint8(0), uint8(40), uint8(0), uint64(3))
	f.Fuzz(func(t *testing.T, c, k, stride, h, w, act uint8, seed uint64) {
		d := depthwiseCase{c: int(c%5) + 1, k: 3 + 2*int(k%2), stride: int(stride%2) + 1, h: int(h%60) + 1, w: int(w)%(120*(int(stride%2)+1)) + 1,
			act: testActs[int(act)%len(testActs)], noBias: seed%5 == 0, dilation: 1 + int(seed%7/5)*(1-int(stride%2))}
		for _, p := range allISAs() {
			d.check(t, p, seed)
		}
	})
}

func BenchmarkDepthwise(b *testing.B) {
	for _, c := range []struct{ c, k, stride, w int }{
		{58, 3, 1, 28}, {116, 3, 1, 14}, {232, 3, 1, 7}, {58, 3, 1, 40}, {116, 3, 1, 20},
		{88, 3, 1, 44}, {176, 3, 1, 22}, {352, 3, 1, 11},
		{128, 5, 1, 44}, {128, 5, 1, 22}, {128, 5, 1, 11}, {128, 5, 1, 6}, {58, 5, 1, 28},
		{24, 3, 2, 88}, {88, 3, 2, 88}, {176, 3, 2, 44}, {352, 3, 2, 22}, {58, 3, 2, 56}, {128, 5, 2, 44}, {128, 5, 2, 22},
	} {
		for _, isa := range allISAs()[1:] {
			b.Run(fmt.Sprintf("%s/k%ds%dc%d@%d", isa, c.k, c.stride, c.c, c.w), func(b *testing.B) {
				s := random(1)
				in := newFastArena(c.c, c.w, c.w, s.fill)
				d := NewDepthwise(isa, s.slice(c.c*c.k*c.k), s.slice(c.c), c.c, c.k, c.stride, c.w, c.w)
				oh, ow := d.Out()
				out := newFastArena(c.c, oh, ow, unset)
				measure(b, float64(c.c*c.k*c.k*oh*ow), func() {
					d.Run(out.planes, in.planes, Act{Kind: LeakyReLU, Slope: 0.1}, 0, d.Units())
				})
			})
		}
	}
}

func BenchmarkDilated(b *testing.B) {
	for _, isa := range allISAs()[1:] {
		b.Run(isa.String()+"/k3d2c128@22", func(b *testing.B) {
			s := random(1)
			d := NewDilated(isa, s.slice(128*9), s.slice(128), 128, 3, 2, 22, 22)
			in, out, scratch := newFastArena(128, 22, 22, s.fill), newFastArena(128, 22, 22, unset), d.NewScratch()
			measure(b, 128*9*22*22, func() { d.Run(out.planes, in.planes, Act{}, scratch, 0, d.Units()) })
		})
	}
}
