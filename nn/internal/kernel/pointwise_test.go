package kernel

import (
	"math"
	"testing"
)

type pointwiseCase struct {
	m, k, n, groups int
	act             Act
	res             int // 0 none, 1 other planes, 2 the output planes
	noBias          bool
}

func (c pointwiseCase) check(t testing.TB, isa ISA, seed uint64) {
	t.Helper()
	what := isa.String() + " " + name(c)
	s := random(seed)
	kg := c.k / c.groups
	w, bias := s.slice(c.m*kg), s.slice(c.m)
	if c.noBias {
		bias = nil
	}
	in := newArena(t, c.k, 1, c.n, seed%2 == 0, s.fill)
	res := newArena(t, c.m, 1, c.n, seed%2 == 1, s.fill)
	p := NewPointwise(isa, w, bias, c.m, c.k, c.n, c.groups)
	fresh := func() *arena {
		if c.res == 2 {
			return newArena(t, c.m, 1, c.n, seed%2 == 0, func(c, i int) float32 { return res.plane(c)[i] })
		}
		return newArena(t, c.m, 1, c.n, seed%2 == 0, unset)
	}
	out := forEachSplit(t, what, p.Units(), s, fresh, func(out *arena, u0, u1 int) {
		var r []Plane
		switch c.res {
		case 1:
			r = res.planes
		case 2:
			r = out.planes
		}
		p.Run(out.planes, in.planes, r, c.act, u0, u1)
	})
	in.check(t, what, true)
	res.check(t, what, true)
	out.compare(t, what, func(m, i int) (float64, float64) {
		sum, scale := 0.0, 1.0
		if bias != nil {
			sum = float64(bias[m])
		}
		if c.res != 0 {
			sum += float64(res.plane(m)[i])
		}
		g := m / (c.m / c.groups)
		for k := range kg {
			x := float64(w[m*kg+k]) * float64(in.plane(g*kg + k)[i])
			sum += x
			scale += math.Abs(x)
		}
		return c.act.reference(sum), scale
	})
}

func TestPointwise(t *testing.T) {
	t.Parallel()
	cases := []pointwiseCase{
		{m: 1, k: 1, n: 1, groups: 1},
		{m: 58, k: 58, n: 28 * 28, groups: 1, act: Act{Kind: ReLU}},
		{m: 116, k: 116, n: 14 * 14, groups: 1, act: Act{Kind: ReLU}},
		{m: 88, k: 88, n: 44 * 44, groups: 1, act: Act{Kind: LeakyReLU, Slope: 0.1}},
		{m: 352, k: 352, n: 11 * 11, groups: 1, act: Act{Kind: LeakyReLU, Slope: 0.1}},
		{m: 232, k: 464, n: 7 * 7, groups: 1},
		{m: 256, k: 300, n: 100, groups: 1, act: Act{Kind: ReLU}},
		{m: 240, k: 60, n: 28 * 28, groups: 3, res: 1, act: Act{Kind: ReLU}},
		{m: 60, k: 240, n: 14 * 14, groups: 3, res: 2},
		{m: 40, k: 80, n: 100, groups: 8},
		{m: 80, k: 40, n: 49, groups: 4, noBias: true},
		{m: 96, k: 48, n: 36, groups: 2, act: Act{Kind: HSwish}},
		{m: 10, k: 20, n: 25, groups: 2, act: Act{Kind: Sigmoid}, res: 1},
		{m: 24, k: 960, n: 1, groups: 1, act: Act{Kind: HSigmoid}},
	}
	// Every row count and every number of left-over pixels.
	for m := 1; m <= 20; m++ {
		cases = append(cases, pointwiseCase{m: m, k: 3 + m%5, n: 48 + m, groups: 1, res: m % 3, act: testActs[m%len(testActs)]})
	}
	for n := 1; n <= 130; n++ {
		cases = append(cases, pointwiseCase{m: 9, k: 1 + n%7, n: n, groups: 1, res: n % 3, act: testActs[n%3]})
		cases = append(cases, pointwiseCase{m: 6, k: 2, n: n, groups: 1 + n%2, noBias: true})
	}
	// Every shape of the kernels whose vectors lie across outputs.
	for m := 8; m <= 104; m += 8 {
		for n := 1; n <= 33; n++ {
			cases = append(cases, pointwiseCase{m: m, k: 1 + n%3, n: n, groups: 1, res: (n + m/8) % 3, act: testActs[(n/3)%len(testActs)]})
		}
	}
	forEachISA(t, func(t *testing.T, p ISA) {
		for i := 0; i < len(cases); i += every {
			cases[i].check(t, p, uint64(i))
		}
	})
}

func FuzzPointwise(f *testing.F) {
	f.Add(uint8(9), uint8(16), uint16(49), uint8(0), uint8(1), uint8(0), uint64(1))
	f.Add(uint8(3), uint8(1), uint16(17), uint8(2), uint8(2), uint8(1), uint64(2))
	f.Add(uint8(1), uint8(5), uint16(1), uint8(7), uint8(5), uint8(2), uint64(3))
	f.Fuzz(func(t *testing.T, m, k uint8, n uint16, groups, act, res uint8, seed uint64) {
		g := int(groups%8) + 1
		c := pointwiseCase{m: (int(m%40) + 1) * g, k: (int(k%40) + 1) * g, n: int(n%300) + 1, groups: g,
			act: testActs[int(act)%len(testActs)], res: int(res % 3), noBias: seed%5 == 0}
		for _, p := range allISAs() {
			c.check(t, p, seed)
		}
	})
}

func BenchmarkPointwise(b *testing.B) {
	for _, c := range []struct{ m, k, h, groups int }{
		{58, 58, 28, 1}, {116, 116, 14, 1}, {232, 232, 7, 1}, {24, 58, 56, 1},
		{88, 88, 44, 1}, {176, 176, 22, 1}, {352, 352, 11, 1}, {128, 128, 44, 1}, {128, 128, 22, 1}, {128, 128, 11, 1}, {128, 128, 6, 1},
		{1024, 704, 11, 1}, {256, 3136, 10, 1}, {240, 60, 28, 3}, {60, 240, 28, 3}, {120, 480, 14, 3},
	} {
		n := c.h * c.h
		for _, isa := range allISAs()[1:] {
			b.Run(label(isa, c.k, c.m, c.h, c.groups), func(b *testing.B) {
				s := random(1)
				in := newFastArena(c.k, c.h, c.h, s.fill)
				out := newFastArena(c.m, c.h, c.h, unset)
				p := NewPointwise(isa, s.slice(c.m*c.k/c.groups), s.slice(c.m), c.m, c.k, n, c.groups)
				measure(b, float64(c.m*c.k*n/c.groups), func() {
					p.Run(out.planes, in.planes, nil, Act{Kind: LeakyReLU, Slope: 0.1}, 0, p.Units())
				})
			})
		}
	}
}

// Planes that other layers wrote long ago come from memory, not from a cache.
func BenchmarkPointwiseCold(b *testing.B) {
	for _, c := range []struct{ m, k, h int }{{128, 176, 44}, {88, 24, 88}, {88, 88, 44}, {128, 704, 11}, {176, 88, 44}} {
		n := c.h * c.h
		for _, isa := range allISAs()[1:] {
			b.Run(label(isa, c.k, c.m, c.h, 1), func(b *testing.B) {
				s := random(1)
				sets := 64<<20/(floatSize*Stride(c.h, c.h)*(c.k+c.m)) + 1
				var in, out []*arena
				for range sets {
					in, out = append(in, newFastArena(c.k, c.h, c.h, s.fill)), append(out, newFastArena(c.m, c.h, c.h, unset))
				}
				p := NewPointwise(isa, s.slice(c.m*c.k), s.slice(c.m), c.m, c.k, n, 1)
				i := 0
				measure(b, float64(c.m*c.k*n), func() {
					i = (i + 1) % sets
					p.Run(out[i].planes, in[i].planes, nil, Act{Kind: LeakyReLU, Slope: 0.1}, 0, p.Units())
				})
			})
		}
	}
}
