package kernel

import (
	"fmt"
	"math"
	"testing"
)

func checkLinear(t testing.TB, isa ISA, m, k int, act Act, seed uint64) {
	t.Helper()
	what := fmt.Sprintf("%s linear %dx%d %v", isa, m, k, act)
	s := random(seed)
	w, bias := s.slice(m*k), s.slice(m)
	if seed%3 == 0 {
		bias = make([]float32, m)
	}
	in := newArena(t, k, 1, 1, true, s.fill)
	given := bias
	if seed%3 == 0 {
		given = nil
	}
	l := NewLinear(isa, w, given, m, k)
	scratch := make([]float32, l.ScratchFloats())
	for i := range scratch {
		scratch[i] = nan
	}
	fresh := func() *arena { return newArena(t, m, 1, 1, true, unset) }
	out := forEachSplit(t, what, l.Units(), s, fresh, func(out *arena, u0, u1 int) {
		l.Run(out.planes, in.planes, act, scratch, u0, u1)
	})
	in.check(t, what, true)
	out.compare(t, what, func(m, _ int) (float64, float64) {
		sum, scale := float64(bias[m]), 1.0
		for j := range k {
			v := float64(w[m*k+j]) * float64(in.plane(j)[0])
			sum += v
			scale += math.Abs(v)
		}
		return act.reference(sum), scale
	})
}

func TestLinear(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		for i, mk := range [][2]int{{1, 1}, {8, 16}, {7, 15}, {9, 17}, {33, 100}, {80, 256}, {3, 1000}, {17, 31}, {250, 512}} {
			checkLinear(t, p, mk[0], mk[1], testActs[i%len(testActs)], uint64(i))
		}
	})
}

func FuzzLinear(f *testing.F) {
	f.Add(uint8(8), uint16(16), uint8(1), uint64(1))
	f.Add(uint8(1), uint16(33), uint8(2), uint64(3))
	f.Fuzz(func(t *testing.T, m uint8, k uint16, act uint8, seed uint64) {
		for _, p := range allISAs() {
			checkLinear(t, p, int(m%50)+1, int(k%400)+1, testActs[int(act)%len(testActs)], seed)
		}
	})
}

func BenchmarkLinear(b *testing.B) {
	const m, k = 1000, 1024
	for _, isa := range allISAs()[1:] {
		b.Run(fmt.Sprintf("%s/%dx%d", isa, k, m), func(b *testing.B) {
			s := random(1)
			l := NewLinear(isa, s.slice(m*k), s.slice(m), m, k)
			in, out := newFastArena(k, 1, 1, s.fill), newFastArena(m, 1, 1, unset)
			scratch := make([]float32, l.ScratchFloats())
			measure(b, m*k, func() { l.Run(out.planes, in.planes, Act{}, scratch, 0, l.Units()) })
		})
	}
}
