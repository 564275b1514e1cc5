package kernel

import "testing"

// TestPeak: no product can be faster than its path's peak, and a peak that is
// ten times what any core does is a broken loop.
func TestPeak(t *testing.T) {
	for _, path := range Available() {
		g := Peak(path) / 1e9
		t.Logf("%s: %.1f GMAC/s", path, g)
		if loop, _ := peakLoop(path); loop == nil {
			if g != 0 {
				t.Errorf("%s has no loop but a peak of %g GMAC/s", path, g)
			}
		} else if g < 1 || g > 1000 {
			t.Errorf("%s: a peak of %g GMAC/s", path, g)
		}
	}
}
