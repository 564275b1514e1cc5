package kernel

import (
	"fmt"
	"testing"
)

// TestPointwiseDeep: products of several parts and groups are those of Pointwise,
// whose sums begin with the same numbers.
func TestPointwiseDeep(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, isa ISA) {
		for i, c := range []pointwiseCase{
			{m: 128, k: 1024, n: 150, groups: 1, act: Act{Kind: ReLU}},
			{m: 131, k: 1033, n: 33, groups: 1, res: 1, act: Act{Kind: HSwish}},
			{m: 256, k: 1500, n: 16, groups: 1, res: 2, act: Act{Kind: LeakyReLU, Slope: 0.1}},
			{m: 96, k: 1400, n: 401, groups: 1, res: 1, act: Act{Kind: Sigmoid}, noBias: true},
			{m: 640, k: 211, n: 64, groups: 1, act: Act{Kind: HSwish}},
		} {
			s := random(uint64(i))
			w, bias := s.slice(c.m*c.k), s.slice(c.m)
			if c.noBias {
				bias = nil
			}
			in := newArena(t, c.k, 1, c.n, i%2 == 0, s.fill)
			res := newArena(t, c.m, 1, c.n, i%2 == 1, s.fill)
			deep := NewPointwiseDeep(isa, w, bias, c.m, c.k, c.n)
			if deep == nil {
				t.Fatalf("%+v is not deep", c)
			}
			plain := NewPointwise(isa, w, bias, c.m, c.k, c.n, 1)
			start := func(c2, i int) float32 {
				if c.res == 2 {
					return res.plane(c2)[i]
				}
				return unset(c2, i)
			}
			residual := func(a *arena) []Plane {
				return [][]Plane{nil, res.planes, a.planes}[c.res]
			}
			want := newArena(t, c.m, 1, c.n, true, start)
			plain.Run(want.planes, in.planes, residual(want), c.act, 0, plain.Units())
			what := fmt.Sprintf("%s %+v", isa, c)
			fresh := func() *arena { return newArena(t, c.m, 1, c.n, i%2 == 0, start) }
			out := forEachSplit(t, what, deep.Units(), s, fresh, func(out *arena, u0, u1 int) {
				deep.Run(out.planes, in.planes, residual(out), c.act, c.n, u0, u1)
			})
			out.compare(t, what, func(m, i int) (float64, float64) { return float64(want.plane(m)[i]), float64(c.k) / 4 })
			few := newArena(t, c.m, 1, c.n, true, start)
			deep.Run(few.planes, in.planes, residual(few), c.act, 5, 0, deep.Units())
			for m := range c.m {
				for i := range 5 {
					if few.plane(m)[i] != out.plane(m)[i] {
						t.Fatalf("%s: the first pixels alone: plane %d pixel %d", what, m, i)
					}
				}
			}
			in.check(t, what, true)
			res.check(t, what, true)
		}
	})
	if NewPointwiseDeep(Generic, make([]float32, 100), nil, 10, 10, 100) != nil {
		t.Error("ten inputs are deep")
	}
}

func TestConvDeep(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, isa ISA) {
		for i, c := range []convCase{
			{m: 64, cin: 256, k: 3, stride: 1, pad: 1, h: 10, w: 14, act: Act{Kind: ReLU}},
			{m: 131, cin: 113, k: 3, stride: 2, pad: 1, h: 9, w: 11, act: Act{Kind: HSwish}},
			{m: 96, cin: 57, k: 5, stride: 1, pad: 2, h: 4, w: 33},
			{m: 80, cin: 190, k: 3, stride: 1, pad: 0, h: 18, w: 3, act: Act{Kind: LeakyReLU, Slope: 0.1}},
		} {
			shape := ConvShape{Out: c.m, In: c.cin, Kernel: c.k, Stride: c.stride, Pad: c.pad, Groups: 1, Height: c.h, Width: c.w}
			s := random(uint64(i))
			w, bias := s.slice(c.m*c.cin*c.k*c.k), s.slice(c.m)
			in := newArena(t, c.cin, c.h, c.w, i%2 == 0, s.fill)
			oh, ow := shape.OutputSize()
			plain := NewConv(isa, w, bias, shape)
			want := newArena(t, c.m, oh, ow, true, unset)
			plain.Run(want.planes, in.planes, nil, c.act, plain.NewScratch(), 0, plain.Units())
			for _, pieces := range []int{1, 3, 1000} {
				deep := NewConvDeep(isa, w, bias, shape, pieces)
				if deep == nil {
					t.Fatalf("%+v is not deep", c)
				}
				scratch := deep.NewScratch()
				for k := range scratch.memory {
					scratch.memory[k] = nan // a run must not use what another left behind
				}
				what := fmt.Sprintf("%s %+v in %d pieces", isa, c, pieces)
				fresh := func() *arena { return newArena(t, c.m, oh, ow, i%2 == 1, unset) }
				out := forEachSplit(t, what, deep.Units(), s, fresh, func(out *arena, u0, u1 int) {
					deep.Run(out.planes, in.planes, c.act, scratch, u0, u1)
				})
				out.compare(t, what, func(m, i int) (float64, float64) {
					return float64(want.plane(m)[i]), float64(c.cin*c.k*c.k) / 4
				})
			}
			in.check(t, "input", true)
		}
	})
}
