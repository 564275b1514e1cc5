package kernel

import "testing"

// TestPeak: no GEMM can be faster than its ISA's peak, and a peak that is
// ten times what any core does is a broken loop.
func TestPeak(t *testing.T) {
	for _, isa := range allISAs() {
		g := Peak(isa) / 1e9
		t.Logf("%s: %.1f GMAC/s", isa, g)
		if loop, _ := peakLoop(isa); loop == nil {
			if g != 0 {
				t.Errorf("%s has no loop but a peak of %g GMAC/s", isa, g)
			}
		} else if g <= 0 || g > 1000 {
			t.Errorf("%s: a peak of %g GMAC/s", isa, g)
		}
	}
}
