package kernel

import (
	"fmt"
	"math"
	"testing"
)

// checkGEMM compares the micro-kernels of one tiling with their pure Go twin.
func checkGEMM(t *testing.T, isa ISA, cut tiling, m, n int) {
	t.Helper()
	k := 1 + (m+n)%4
	s := random(uint64(m * n))
	w, bias := s.slice(m*k), s.slice(m)
	in, res := newFastArena(k, 1, n, s.fill), newFastArena(m, 1, n, s.fill)
	p := newGEMM(isa, w, bias, m, k, n, 1)
	p.rows = nil
	p.cut(cut, 1)
	p.pack(w)
	twin := newGEMM(Generic, w, bias, m, k, n, 1)
	got, want := newArena(t, m, 1, n, true, unset), newFastArena(m, 1, n, unset)
	var r []Plane
	if n%2 == 0 {
		r = res.planes
	}
	act := testActs[n%3]
	what := fmt.Sprintf("%s %+v of %d pixels", isa, cut.rows, n)
	p.run(got.planes, in.planes, r, 0, act, 0, p.units())
	got.check(t, what, false)
	twin.run(want.planes, in.planes, r, 0, act, 0, twin.units())
	for c := range m {
		for i, v := range got.plane(c) {
			if d := math.Abs(float64(v - want.plane(c)[i])); !(d < 1e-5) {
				t.Fatalf("%s: plane %d pixel %d is %v, in Go %v", what, c, i, v, want.plane(c)[i])
			}
		}
	}
}
