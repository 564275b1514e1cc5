package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

type int8Case struct {
	m, k, n, groups int
	act             Act
	res             int // 0 none, 1 other planes, 2 the output planes
	noBias          bool
	lo, hi          float32
	in              int  // 0 planes of float32, 1 of bytes, 2 of both
	out             bool // planes of bytes
}

// int8Run is what one set of kernels made of a case.
type int8Run struct {
	planes   Int8Planes
	in, res  *arena
	inBytes  *byteArena
	out      *arena
	outBytes *byteArena
	w, bias  []float32
}

// run computes the case with one set of kernels; every split of the work gives
// equal bits.
func (c int8Case) run(t testing.TB, set dotSet, seed uint64) int8Run {
	t.Helper()
	what := fmt.Sprintf("set %d %+v", set, c)
	s := random(seed)
	r := int8Run{w: s.slice(c.m * c.k / c.groups), bias: s.slice(c.m), planes: Int8Planes{Lo: c.lo, Hi: c.hi}}
	var bias []float32
	if !c.noBias {
		bias = r.bias
	} else {
		clear(r.bias)
	}
	r.in = newArena(t, c.k, 1, c.n, seed%2 == 0, s.fill)
	r.inBytes = newByteArena(t, c.k, c.n, true, s.byte)
	r.res = newArena(t, c.m, 1, c.n, seed%2 == 1, s.fill)
	in := append([]Plane(nil), r.in.planes...)
	if c.in > 0 {
		r.planes.In = s.quants(c.k)
		for i := range in {
			if c.in == 2 && s.r.IntN(2) == 0 {
				r.planes.In[i] = Quant{}
			} else {
				in[i] = r.inBytes.planes[i]
			}
		}
	}
	if c.out {
		r.planes.Out = s.quants(c.m)
		for i := range r.planes.Out {
			if seed%4 == 0 { // as after a ReLU
				r.planes.Out[i].Zero = 0
			}
		}
	}
	p := newPointwiseInt8(isaOf(set), set, r.w, bias, c.m, c.k, c.n, c.groups, r.planes)
	in = p.Inputs(in)
	scratch := Floats(p.ScratchFloats())
	work := func(out, res []Plane, u0, u1 int) {
		for i := range scratch {
			scratch[i] = nan
		}
		p.Run(out, in, res, c.act, scratch, u0, u1)
	}
	if c.out {
		var res []Plane
		if c.res != 0 {
			res = r.res.planes
		}
		for _, cut := range splits(p.Units(), s) {
			out := newByteArena(t, c.m, c.n, true, func(_, _ int) byte { return canary })
			for i := 1; i < len(cut); i++ {
				work(out.planes, res, cut[i-1], cut[i])
			}
			out.check(t, what, false)
			if r.outBytes == nil {
				r.outBytes = out
			}
			for m := range c.m {
				if !slices.Equal(out.plane(m), r.outBytes.plane(m)) {
					t.Fatalf("%s: split %v gives other bytes in plane %d", what, cut, m)
				}
			}
		}
	} else {
		fresh := func() *arena {
			if c.res == 2 {
				return newArena(t, c.m, 1, c.n, seed%2 == 0, func(c, i int) float32 { return r.res.plane(c)[i] })
			}
			return newArena(t, c.m, 1, c.n, seed%2 == 0, unset)
		}
		r.out = forEachSplit(t, what, p.Units(), s, fresh, func(out *arena, u0, u1 int) {
			switch c.res {
			case 0:
				work(out.planes, nil, u0, u1)
			case 1:
				work(out.planes, r.res.planes, u0, u1)
			case 2:
				work(out.planes, out.planes, u0, u1)
			}
		})
	}
	r.in.check(t, what, true)
	r.inBytes.check(t, what, true)
	r.res.check(t, what, true)
	return r
}

// check compares the pure Go form with what its documentation says, computed one
// value at a time, and the other sets with the pure Go form: bit by bit.
func (c int8Case) check(t testing.TB, seed uint64) {
	t.Helper()
	want := c.run(t, setGo, seed)
	_, rest := c.act.split()
	for m := range c.m {
		for i := range c.n {
			x := c.plain(want, m, i)
			if c.out {
				steps := float64(x)/float64(want.planes.Out[m].Scale) + float64(want.planes.Out[m].Zero)
				if got := float64(want.outBytes.plane(m)[i]); math.Abs(got-min(255, max(0, steps))) > 0.501 {
					t.Fatalf("%+v: plane %d pixel %d is byte %v, want %v", c, m, i, got, steps)
				}
				continue
			}
			v := want.out.plane(m)[i]
			exact := rest == None && c.in == 0
			if exact && math.Float32bits(v) != math.Float32bits(x) || math.Abs(float64(v-x)) > 1e-5 {
				t.Fatalf("%+v: plane %d pixel %d is %v, want %v", c, m, i, v, x)
			}
		}
	}
	for _, set := range int8Sets()[1:] {
		got := c.run(t, set, seed)
		for m := range c.m {
			if c.out {
				if !slices.Equal(got.outBytes.plane(m), want.outBytes.plane(m)) {
					t.Fatalf("set %d %+v: plane %d is not that of pure Go:\n%v\n%v", set, c, m, got.outBytes.plane(m), want.outBytes.plane(m))
				}
				continue
			}
			for i, v := range got.out.plane(m) {
				x := want.out.plane(m)[i]
				d := math.Abs(float64(v - x))
				if rest == None && math.Float32bits(v) != math.Float32bits(x) || !(d <= 1e-6*math.Abs(float64(x))+1e-6) {
					t.Fatalf("set %d %+v: plane %d pixel %d is %v, in Go %v", set, c, m, i, v, x)
				}
			}
		}
	}
}

// plain computes one output.
func (c int8Case) plain(r int8Run, m, i int) float32 {
	kg := c.k / c.groups
	first := m / (c.m / c.groups) * kg
	quants := make([]Quant, kg)
	top := float32(0)
	for k := range quants {
		quants[k] = NewQuant(c.lo, c.hi)
		if c.in > 0 && r.planes.In[first+k].Scale != 0 {
			quants[k] = r.planes.In[first+k]
		}
	}
	all := append([]Quant{NewQuant(c.lo, c.hi)}, r.planes.In...) // of all groups
	for k, q := range all {
		if k > 0 && q.Scale == 0 || k == 0 && !c.anyFloat(r) {
			continue
		}
		top = max(top, q.Scale)
	}
	row := make([]float32, kg)
	greatest := float32(0)
	for k, q := range quants {
		row[k] = r.w[m*kg+k] * (q.Scale / top)
		greatest = max(greatest, float32(math.Abs(float64(row[k]))))
	}
	scale := greatest / 127
	sum := 0
	for k, q := range quants {
		x := 0.0
		if c.in > 0 && r.planes.In[first+k].Scale != 0 {
			x = float64(r.inBytes.plane(first + k)[i])
		} else {
			x = math.RoundToEven(float64(r.in.plane(first + k)[i]*(1/q.Scale))) + float64(q.Zero)
		}
		sum += int(max(0, min(255, x))-float64(q.Zero)) * int(math.RoundToEven(float64(row[k]/scale)))
	}
	y := float32(float32(sum)*(scale*top)) + r.bias[m]
	if c.res != 0 {
		y += r.res.plane(m)[i]
	}
	if slope, rest := c.act.split(); rest == None {
		return leaky(y, slope)
	}
	return float32(c.act.reference(float64(y)))
}

func (c int8Case) anyFloat(r int8Run) bool {
	return c.in == 0 || slices.ContainsFunc(r.planes.In, func(q Quant) bool { return q.Scale == 0 })
}

// isaOf is an instruction set that goes with a set of kernels: activations that
// need a pass of their own come from it.
func isaOf(set dotSet) ISA {
	if set == setGo {
		return Generic
	}
	return isaBest()
}

func TestPointwiseInt8(t *testing.T) {
	t.Parallel()
	leaky := Act{Kind: LeakyReLU, Slope: 0.1}
	cases := []int8Case{
		{m: 1, k: 1, n: 1, groups: 1, lo: -1, hi: 1},
		{m: 58, k: 58, n: 28 * 28, groups: 1, act: Act{Kind: ReLU}, lo: 0, hi: 1},
		{m: 88, k: 88, n: 600, groups: 1, lo: -0.1, hi: 0.9},
		{m: 80, k: 352, n: 11 * 11, groups: 1, act: leaky, lo: -0.5, hi: 0.5},
		{m: 40, k: 3148, n: 64, groups: 1, lo: -1, hi: 1},
		{m: 240, k: 60, n: 100, groups: 3, res: 1, act: Act{Kind: ReLU}, lo: -1, hi: 1},
		{m: 10, k: 20, n: 25, groups: 2, act: Act{Kind: Sigmoid}, res: 1, lo: -1, hi: 2},
		{m: 12, k: 9, n: 70, groups: 1, lo: 0.25, hi: 0.75}, // 0 is always among the values
		{m: 12, k: 9, n: 70, groups: 1, lo: -0.75, hi: -0.25},
		{m: 12, k: 9, n: 33, groups: 1, act: leaky}, // a dead tensor
	}
	for n := 1; n <= 130; n++ {
		cases = append(cases,
			int8Case{m: 1 + n%19, k: 1 + n%7, n: n, groups: 1, res: n % 3, act: testActs[n%6], lo: -1, hi: 1},
			int8Case{m: 18, k: 10, n: n, groups: 1 + n%2, noBias: true, lo: -0.3, hi: 1},
			int8Case{m: 1 + n%23, k: 1 + n%13, n: n, groups: 1, act: testActs[n%3], in: n % 3, out: n%2 == 0, res: n / 3 % 2, lo: -1, hi: 1},
			int8Case{m: 12, k: 2 * (1 + n%9), n: n, groups: 2, act: testActs[n%3], in: 1, out: n%2 == 1, lo: -1, hi: 1})
	}
	for i := 0; i < len(cases); i += every {
		cases[i].check(t, uint64(i))
	}
}

func FuzzPointwiseInt8(f *testing.F) {
	f.Add(uint8(9), uint8(16), uint16(49), uint8(0), uint8(1), uint8(0), float32(-1), float32(1), uint64(1))
	f.Add(uint8(3), uint8(1), uint16(17), uint8(2), uint8(2), uint8(1), float32(0), float32(0.1), uint64(2))
	f.Add(uint8(1), uint8(5), uint16(1), uint8(7), uint8(5), uint8(2), float32(3), float32(-3), uint64(3))
	f.Fuzz(func(t *testing.T, m, k uint8, n uint16, groups, act, res uint8, lo, hi float32, seed uint64) {
		if !(math.Abs(float64(lo)) < 1e6 && math.Abs(float64(hi)) < 1e6) || hi > 0 && hi < 1e-6 || lo < 0 && lo > -1e-6 {
			return // such ranges are no calibration's
		}
		g := int(groups%8) + 1
		int8Case{m: (int(m%40) + 1) * g, k: (int(k%40) + 1) * g, n: int(n%300) + 1, groups: g,
			act: testActs[act%6], res: int(res % 3), noBias: seed%5 == 0, lo: lo, hi: hi}.check(t, seed)
		in := int(seed % 3)
		if g > 1 {
			in = min(in, 1)
		}
		int8Case{m: (int(m%40) + 1) * g, k: (int(k%40) + 1) * g, n: int(n%300) + 1, groups: g, act: testActs[act%3],
			in: in, out: seed/3%2 == 0, res: int(res % 2), noBias: seed%5 == 0, lo: lo, hi: hi}.check(t, seed)
	})
}

// Values that no number of bits holds become some byte, the same on all instruction sets.
func TestPointwiseInt8Wild(t *testing.T) {
	t.Parallel()
	wild := []float32{nan, float32(math.Inf(1)), float32(math.Inf(-1)), 3e9, -3e9, 3e38, 70000, -70000, 32000, 1e-40}
	n := len(wild)
	fill := func(_, i int) float32 { return wild[i] }
	var want []float32
	for _, set := range int8Sets() {
		in, out := newArena(t, 1, 1, n, true, fill), newArena(t, 1, 1, n, true, unset)
		p := newPointwiseInt8(isaOf(set), set, []float32{127}, nil, 1, 1, n, 1, Int8Planes{Lo: -100, Hi: 155})
		p.Run(out.planes, in.planes, nil, Act{}, Floats(p.ScratchFloats()), 0, p.Units())
		if want == nil {
			want = out.plane(0)
		}
		for i, v := range out.plane(0) {
			if v != want[i] || v < -12700 || v > 155*127 {
				t.Errorf("set %d: %v becomes %v, in Go %v", set, wild[i], v, want[i])
			}
		}
	}
}

func BenchmarkPointwiseDot(b *testing.B) {
	for _, c := range []struct{ m, k, h int }{
		{88, 88, 44}, {176, 176, 22}, {352, 352, 11}, {128, 176, 44}, {64, 256, 44}, {128, 128, 11}, {128, 128, 6}, {256, 3136, 8},
	} {
		n := c.h * c.h
		for _, isa := range allISAs()[1:] {
			s := random(1)
			in, out := newFastArena(c.k, c.h, c.h, s.fill), newFastArena(c.m, c.h, c.h, unset)
			w, bias := s.slice(c.m*c.k), s.slice(c.m)
			act := Act{Kind: LeakyReLU, Slope: 0.1}
			b.Run(fmt.Sprint(label(isa, c.k, c.m, c.h, 1), "/float32"), func(b *testing.B) {
				p := NewPointwise(isa, w, bias, c.m, c.k, n, 1)
				measure(b, float64(c.m*c.k*n), func() { p.Run(out.planes, in.planes, nil, act, 0, p.Units()) })
			})
			dot := func(name string, p *PointwiseDot) {
				b.Run(fmt.Sprint(label(isa, c.k, c.m, c.h, 1), "/", name), func(b *testing.B) {
					scratch := Floats(p.ScratchFloats())
					measure(b, float64(c.m*c.k*n), func() { p.Run(out.planes, in.planes, nil, act, scratch, 0, p.Units()) })
				})
			}
			dot("int8", NewPointwiseInt8(isa, w, bias, c.m, c.k, n, 1, Int8Planes{Lo: -1, Hi: 1}))
			if BF16Fast(isa) {
				dot("bf16", NewPointwiseBF16(isa, w, bias, c.m, c.k, n, 1))
			}
		}
	}
}
