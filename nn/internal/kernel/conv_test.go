package kernel

import (
	"fmt"
	"math"
	"testing"
)

type convCase struct {
	m, cin, k, stride, pad, groups, h, w int
	act                                  Act
	res                                  bool
}

func (c convCase) check(t testing.TB, isa ISA, seed uint64) {
	t.Helper()
	what := isa.String() + " " + name(c)
	s := random(seed)
	cg := c.cin / c.groups
	w, bias := s.slice(c.m*cg*c.k*c.k), s.slice(c.m)
	conv := NewConv(isa, w, bias, ConvShape{Out: c.m, In: c.cin, Kernel: c.k, Stride: c.stride, Pad: c.pad, Groups: c.groups, Height: c.h, Width: c.w})
	oh, ow := conv.Out()
	in := newArena(t, c.cin, c.h, c.w, seed%2 == 0, s.fill)
	res := newArena(t, c.m, oh, ow, seed%2 == 1, s.fill)
	scratch := conv.NewScratch()
	for i := range scratch.rows[:len(scratch.rows)-conv.rowFloats] {
		scratch.rows[i] = nan // a run must not use what another left behind
	}
	fresh := func() *arena { return newArena(t, c.m, oh, ow, seed%2 == 0, unset) }
	out := forEachSplit(t, what, conv.Units(), s, fresh, func(out *arena, u0, u1 int) {
		var r []Plane
		if c.res {
			r = res.planes
		}
		conv.Run(out.planes, in.planes, r, c.act, scratch, u0, u1)
	})
	in.check(t, what, true)
	out.compare(t, what, func(m, i int) (float64, float64) {
		sum, scale := float64(bias[m]), 1.0
		if c.res {
			sum += float64(res.plane(m)[i])
		}
		g := m / (c.m / c.groups)
		for ch := range cg {
			for ky := range c.k {
				for kx := range c.k {
					y, x := i/ow*c.stride+ky-c.pad, i%ow*c.stride+kx-c.pad
					if y >= 0 && y < c.h && x >= 0 && x < c.w {
						v := float64(w[((m*cg+ch)*c.k+ky)*c.k+kx]) * float64(in.plane(g*cg + ch)[y*c.w+x])
						sum += v
						scale += math.Abs(v)
					}
				}
			}
		}
		return c.act.reference(sum), scale
	})
}

func TestConv(t *testing.T) {
	t.Parallel()
	cases := []convCase{
		{m: 24, cin: 3, k: 3, stride: 2, pad: 1, groups: 1, h: 64, w: 64, act: Act{Kind: ReLU}},
		{m: 16, cin: 3, k: 3, stride: 2, pad: 1, groups: 1, h: 57, w: 33, act: Act{Kind: HSwish}},
		{m: 8, cin: 4, k: 3, stride: 1, pad: 1, groups: 1, h: 7, w: 7, res: true},
		{m: 6, cin: 4, k: 3, stride: 1, pad: 1, groups: 2, h: 11, w: 9, act: Act{Kind: LeakyReLU, Slope: 0.1}, res: true},
		{m: 5, cin: 2, k: 7, stride: 2, pad: 3, groups: 1, h: 20, w: 22},
		{m: 4, cin: 4, k: 1, stride: 2, pad: 0, groups: 1, h: 9, w: 9},
		{m: 4, cin: 2, k: 2, stride: 3, pad: 0, groups: 1, h: 11, w: 12},
		{m: 3, cin: 1, k: 5, stride: 3, pad: 2, groups: 1, h: 4, w: 3},
		{m: 3, cin: 3, k: 3, stride: 1, pad: 2, groups: 3, h: 1, w: 1},
	}
	for w := 1; w <= 72; w++ {
		cases = append(cases, convCase{m: 1 + w%11, cin: 1 + w%3, k: 3, stride: 1 + w%2, pad: 1, groups: 1, h: 1 + w%6, w: w, act: testActs[w%len(testActs)]})
	}
	forEachISA(t, func(t *testing.T, p ISA) {
		for i := 0; i < len(cases); i += every {
			cases[i].check(t, p, uint64(i))
		}
	})
}

// The fused pool gives what convolution and pool give one after the other.
func TestConvMaxPool(t *testing.T) {
	t.Parallel()
	cases := []convCase{
		{m: 24, cin: 3, k: 3, stride: 2, pad: 1, groups: 1, h: 64, w: 64, act: Act{Kind: ReLU}},
		{m: 16, cin: 3, k: 3, stride: 2, pad: 1, groups: 1, h: 57, w: 33, act: Act{Kind: HSwish}},
		{m: 4, cin: 2, k: 5, stride: 1, pad: 2, groups: 2, h: 6, w: 40},
		{m: 4, cin: 2, k: 7, stride: 2, pad: 3, groups: 1, h: 30, w: 71, act: Act{Kind: LeakyReLU, Slope: 0.1}},
	}
	for w := 1; w <= 80; w++ {
		cases = append(cases, convCase{m: 3, cin: 1, k: 3, stride: 2, pad: 1, groups: 1, h: 1 + w%13, w: w, act: testActs[w%3]})
	}
	forEachISA(t, func(t *testing.T, p ISA) {
		for i := 0; i < len(cases); i += every {
			c := cases[i]
			what := p.String() + " " + name(c)
			s := random(uint64(i))
			w, bias := s.slice(c.m*c.cin/c.groups*c.k*c.k), s.slice(c.m)
			in := newArena(t, c.cin, c.h, c.w, i%2 == 0, s.fill)
			conv := NewConv(p, w, bias, ConvShape{Out: c.m, In: c.cin, Kernel: c.k, Stride: c.stride, Pad: c.pad, Groups: c.groups, Height: c.h, Width: c.w})
			ch, cw := conv.Out()
			middle := newArena(t, c.m, ch, cw, true, unset)
			conv.Run(middle.planes, in.planes, nil, c.act, conv.NewScratch(), 0, conv.Units())
			pool := NewMaxPool(p, 3, 2, 1, ch, cw)
			oh, ow := pool.Out()
			want := newArena(t, c.m, oh, ow, true, unset)
			pool.Run(want.planes, middle.planes)

			both := NewConvMaxPool(p, w, bias, ConvShape{Out: c.m, In: c.cin, Kernel: c.k, Stride: c.stride, Pad: c.pad, Groups: c.groups, Height: c.h, Width: c.w})
			if a, b := both.Out(); a != oh || b != ow {
				t.Fatalf("%s: output is %dx%d, want %dx%d", what, a, b, oh, ow)
			}
			scratch := both.NewScratch()
			for j := range scratch.data {
				scratch.data[j] = nan
			}
			fresh := func() *arena { return newArena(t, c.m, oh, ow, i%2 == 1, unset) }
			got := forEachSplit(t, what, both.Units(), s, fresh, func(out *arena, u0, u1 int) {
				both.Run(out.planes, in.planes, c.act, scratch, u0, u1)
			})
			in.check(t, what, true)
			got.compare(t, what, func(m, j int) (float64, float64) { return float64(want.plane(m)[j]), 0 })
		}
	})
}

func FuzzConv(f *testing.F) {
	f.Add(uint8(24), uint8(3), uint8(3), uint8(2), uint8(1), uint8(0), uint8(9), uint8(31), uint64(1))
	f.Add(uint8(3), uint8(1), uint8(5), uint8(1), uint8(2), uint8(1), uint8(3), uint8(2), uint64(2))
	f.Fuzz(func(t *testing.T, m, cin, k, stride, pad, groups, h, w uint8, seed uint64) {
		g := int(groups%3) + 1
		c := convCase{m: (int(m%12) + 1) * g, cin: (int(cin%4) + 1) * g, k: int(k%6) + 1, stride: int(stride%3) + 1, pad: int(pad % 3), groups: g,
			h: int(h%24) + 1, w: int(w%80) + 1, act: testActs[int(seed%uint64(len(testActs)))], res: seed%4 == 1}
		if c.h+2*c.pad < c.k || c.w+2*c.pad < c.k {
			t.Skip("filter is larger than the plane")
		}
		for _, p := range allISAs() {
			c.check(t, p, seed)
		}
	})
}

func BenchmarkStem(b *testing.B) {
	for _, size := range []int{224, 320, 352} {
		for _, isa := range allISAs()[1:] {
			s := random(1)
			act := Act{Kind: LeakyReLU, Slope: 0.1}
			w, bias := s.slice(24*27), s.slice(24)
			c := NewConv(isa, w, bias, ConvShape{Out: 24, In: 3, Kernel: 3, Stride: 2, Pad: 1, Groups: 1, Height: size, Width: size})
			both := NewConvMaxPool(isa, w, bias, ConvShape{Out: 24, In: 3, Kernel: 3, Stride: 2, Pad: 1, Groups: 1, Height: size, Width: size})
			oh, ow := c.Out()
			ph, pw := both.Out()
			macs := float64(24 * 27 * oh * ow)
			b.Run(fmt.Sprintf("%s/%d", isa, size), func(b *testing.B) {
				in, out := newFastArena(3, size, size, s.fill), newFastArena(24, oh, ow, unset)
				scratch := c.NewScratch()
				measure(b, macs, func() { c.Run(out.planes, in.planes, nil, act, scratch, 0, c.Units()) })
			})
			b.Run(fmt.Sprintf("%s/%d+pool", isa, size), func(b *testing.B) {
				in, out := newFastArena(3, size, size, s.fill), newFastArena(24, ph, pw, unset)
				scratch := both.NewScratch()
				measure(b, macs, func() { both.Run(out.planes, in.planes, act, scratch, 0, both.Units()) })
			})
		}
	}
}
