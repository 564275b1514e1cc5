package kernel

import (
	"fmt"
	"math"
	"testing"
)

type poolCase struct{ k, stride, pad, h, w int }

func (c poolCase) check(t testing.TB, isa ISA, average bool, seed uint64) {
	t.Helper()
	what := fmt.Sprintf("%s %+v average=%v", isa, c, average)
	s := random(seed)
	// Negative values only: zero padding would win over them.
	planes := 2
	if c.h*c.w < 100 {
		planes = filterPlanes + 3
	}
	in := newArena(t, planes, c.h, c.w, seed%2 == 0, func(_, _ int) float32 { return s.float() - 1.5 })
	p := NewMaxPool(isa, c.k, c.stride, c.pad, c.h, c.w)
	if average {
		p = NewAvgPool(isa, c.k, c.stride, c.pad, c.h, c.w)
	}
	oh, ow := p.Out()
	out := newArena(t, planes, oh, ow, seed%2 == 1, unset)
	p.Run(out.planes, in.planes)
	in.check(t, what, true)
	out.check(t, what, false)
	out.compare(t, what, func(ch, i int) (float64, float64) {
		top, sum := math.Inf(-1), 0.0
		for ky := range c.k {
			for kx := range c.k {
				y, x := i/ow*c.stride+ky-c.pad, i%ow*c.stride+kx-c.pad
				if y >= 0 && y < c.h && x >= 0 && x < c.w {
					v := float64(in.plane(ch)[y*c.w+x])
					top, sum = max(top, v), sum+v
				}
			}
		}
		if average {
			return sum / float64(c.k*c.k), 3
		}
		return top, 0
	})
}

func TestPool(t *testing.T) {
	t.Parallel()
	cases := []poolCase{{2, 2, 0, 8, 8}, {5, 3, 2, 17, 19}, {1, 1, 0, 3, 3}, {2, 1, 1, 4, 5}, {7, 7, 0, 7, 7}}
	for w := 1; w <= 80; w++ {
		for _, stride := range []int{1, 2} {
			cases = append(cases, poolCase{3, stride, 1, 1 + w%7, w})
		}
	}
	forEachISA(t, func(t *testing.T, p ISA) {
		for i := 0; i < len(cases); i += every {
			cases[i].check(t, p, false, uint64(i))
			cases[i].check(t, p, true, uint64(i))
		}
	})
}

func FuzzPool(f *testing.F) {
	f.Add(uint8(3), uint8(2), uint8(1), uint8(7), uint8(40), true, uint64(1))
	f.Add(uint8(3), uint8(2), uint8(1), uint8(1), uint8(19), false, uint64(2))
	f.Fuzz(func(t *testing.T, k, stride, pad, h, w uint8, average bool, seed uint64) {
		c := poolCase{int(k%5) + 1, int(stride%3) + 1, 0, int(h%30) + 1, int(w%90) + 1}
		c.pad = int(pad) % (c.k/2 + 1)
		if c.h+2*c.pad < c.k || c.w+2*c.pad < c.k {
			t.Skip("window is larger than the plane")
		}
		for _, p := range allISAs() {
			c.check(t, p, average, seed)
		}
	})
}

func TestGlobalAvgPool(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		for n := 1; n <= 130; n++ {
			s := random(uint64(n))
			in, out := newArena(t, 3, 1, n, n%2 == 0, s.fill), newArena(t, 3, 1, 1, true, unset)
			GlobalAvgPool(p, out.planes, in.planes, n)
			in.check(t, "global average", true)
			out.check(t, "global average", false)
			out.compare(t, fmt.Sprintf("%s global average of %d", p, n), func(c, _ int) (float64, float64) {
				sum := 0.0
				for _, v := range in.plane(c) {
					sum += float64(v)
				}
				return sum / float64(n), 1
			})
		}
	})
}

func BenchmarkPool(b *testing.B) {
	for _, average := range []bool{false, true} {
		for _, isa := range allISAs() {
			b.Run(fmt.Sprintf("%s/average=%v/24@176", isa, average), func(b *testing.B) {
				s := random(1)
				p := newPool(isa, average, 3, 2, 1, 176, 176)
				in, out := newFastArena(24, 176, 176, s.fill), newFastArena(24, 88, 88, unset)
				measureValues(b, 24*9*88*88, func() { p.Run(out.planes, in.planes) })
			})
		}
	}
}

func BenchmarkGlobalAvgPool(b *testing.B) {
	for _, isa := range allISAs() {
		b.Run(isa.String()+"/1024@7", func(b *testing.B) {
			in, out := newFastArena(1024, 7, 7, random(1).fill), newFastArena(1024, 1, 1, unset)
			measureValues(b, 1024*7*7, func() { GlobalAvgPool(isa, out.planes, in.planes, 7*7) })
		})
	}
}
