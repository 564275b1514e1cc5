package kernel

import (
	"example.com/riffle/internal/isa"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// arena is memory laid out as the package comment asks, as tightly as allowed:
// forbidden pages where the slack ends, NaN in the slack.
type arena struct {
	c, h, w, stride int
	data, before    []float32
	planes          []Plane
}

var nan = float32(math.NaN())

// newArena makes c planes filled with fill(channel, pixel).
func newArena(t testing.TB, c, h, w int, atEnd bool, fill func(c, i int) float32) *arena {
	t.Helper()
	g := Guard(w)
	a := &arena{c: c, h: h, w: w, stride: h*w + g}
	a.data = newRegion(t, 2*Slack+g+c*a.stride, atEnd)
	for i := range Slack {
		a.data[i], a.data[len(a.data)-1-i] = nan, nan
	}
	for i := range c {
		p := Plane(&a.data[Slack+g+i*a.stride])
		a.planes = append(a.planes, p)
		for j := range h * w {
			*at(p, j) = fill(i, j)
		}
	}
	a.before = append([]float32(nil), a.data...)
	return a
}

// newFastArena makes planes as an engine would: on cache lines, Stride apart.
func newFastArena(c, h, w int, fill func(c, i int) float32) *arena {
	const line = 16
	a := &arena{c: c, h: h, w: w, stride: Stride(h, w)}
	front := (Slack + Guard(w) + line - 1) / line * line
	a.data = make([]float32, front+c*a.stride+Slack+line)
	for uintptr(unsafe.Pointer(&a.data[0]))%(line*floatSize) != 0 {
		a.data = a.data[1:]
	}
	for i := range c {
		p := Plane(&a.data[front+i*a.stride])
		a.planes = append(a.planes, p)
		for j := range h * w {
			*at(p, j) = fill(i, j)
		}
	}
	return a
}

func (a *arena) plane(c int) []float32 { return floats(a.planes[c], a.h*a.w) }

// check reports any change outside the planes, or anywhere if whole is set.
func (a *arena) check(t testing.TB, what string, whole bool) {
	t.Helper()
	if !whole {
		before := *a
		before.data = append([]float32(nil), a.before...)
		for c := range a.c {
			o := Slack + Guard(a.w) + c*a.stride
			copy(before.data[o:o+a.h*a.w], a.plane(c))
		}
		a.before = before.data
	}
	for i, v := range a.data {
		if math.Float32bits(v) != math.Float32bits(a.before[i]) {
			p := i - Slack - Guard(a.w)
			t.Fatalf("%s: %dx%dx%d arena changed from %v to %v at float %d of plane %d", what, a.c, a.h, a.w, a.before[i], v, p%a.stride, p/a.stride)
		}
	}
}

// random returns a filler and a maker of slices with values in -1..1.
func random(seed uint64) *source { return &source{rand.New(rand.NewPCG(seed, 17))} }

type source struct{ r *rand.Rand }

func (s *source) float() float32        { return s.r.Float32()*2 - 1 }
func (s *source) fill(_, _ int) float32 { return s.float() }
func (s *source) slice(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = s.float()
	}
	return x
}

func unset(_, _ int) float32 { return nan }

// activations that tests cover.
var testActs = []Act{{}, {Kind: ReLU}, {Kind: LeakyReLU, Slope: 0.1}, {Kind: HSwish}, {Kind: HSigmoid}, {Kind: Sigmoid}, {Kind: ReLU6}}

// reference is the activation in double precision.
func (a Act) reference(x float64) float64 {
	six := math.Min(math.Max(x+3, 0), 6) / 6
	switch a.Kind {
	case ReLU:
		return math.Max(x, 0)
	case LeakyReLU:
		return math.Max(x, float64(a.Slope)*x)
	case ReLU6:
		return math.Min(math.Max(x, 0), 6)
	case HSwish:
		return x * six
	case HSigmoid:
		return six
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	}
	return x
}

// compare checks every output plane against want(channel, pixel), which also
// returns the sum of the absolute values of all terms: float32 sums may be
// wrong by a few units of its last place.
func (a *arena) compare(t testing.TB, what string, want func(c, i int) (v, scale float64)) {
	t.Helper()
	for c := range a.c {
		for i, got := range a.plane(c) {
			v, scale := want(c, i)
			if d := math.Abs(float64(got) - v); !(d <= 1e-6*scale+1e-6) {
				t.Fatalf("%s: plane %d row %d column %d is %v, want %v", what, c, i/a.w, i%a.w, got, v)
			}
		}
	}
}

// splits cuts n units in several ways; every kernel must give the same result
// for each of them.
func splits(n int, s *source) [][]int {
	list := [][]int{{0, n}}
	if n > 1 {
		list = append(list, []int{0, 1 + s.r.IntN(n-1), n})
	}
	var single []int
	for i := 0; i <= n && n <= 40; i++ {
		single = append(single, i)
	}
	if len(single) > 2 {
		list = append(list, single)
	}
	return list
}

// forEachSplit runs a kernel once for every split, into output planes made by
// fresh, and wants equal bits every time. It returns the first output.
func forEachSplit(t testing.TB, what string, units int, s *source, fresh func() *arena, run func(out *arena, u0, u1 int)) *arena {
	t.Helper()
	var first *arena
	for _, cut := range splits(units, s) {
		out := fresh()
		for i := 1; i < len(cut); i++ {
			run(out, cut[i-1], cut[i])
		}
		out.check(t, what, false)
		if first == nil {
			first = out
			continue
		}
		for c := range out.c {
			for i, v := range out.plane(c) {
				if w := first.plane(c)[i]; math.Float32bits(v) != math.Float32bits(w) {
					t.Fatalf("%s: split %v gives %v at plane %d pixel %d, one call gives %v", what, cut, v, c, i, w)
				}
			}
		}
	}
	return first
}

func forEachISA(t *testing.T, f func(t *testing.T, p ISA)) {
	for _, p := range allISAs() {
		t.Run(p.String(), func(t *testing.T) { f(t, p) })
	}
}

func name(v any) string { return fmt.Sprintf("%+v", v) }

// allISAs lists the instruction sets of this machine, Generic first.
func allISAs() []ISA { return isa.Available() }

func isaBest() ISA { return isa.Best() }
