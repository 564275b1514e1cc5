//go:build opencv

package opencv

import (
	"testing"
	"time"

	"gocv.io/x/gocv"
)

// A picture that does not change in any bit for seconds is an error, the next
// time only after twice as long; one changed pixel in a row that is looked at
// makes it alive.
func TestAFrozenPicture(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	p := &picture{mat: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(1, 2, 3, 0), 48, 64, gocv.MatTypeCV8UC3)}
	defer p.Close()
	limits := &frozenLimits{}
	for _, limit := range []time.Duration{frozenFirst, 2 * frozenFirst, 4 * frozenFirst} {
		w := &freezeWatch{limits: limits, source: "rtsp://a"}
		for i := range 100 {
			p.mat.SetUCharAt(0, 0, uint8(i))
			if err := w.check(p); err != nil {
				t.Fatalf("a living picture: %v", err)
			}
		}
		for range 30 {
			if err := w.check(p); err != nil {
				t.Fatalf("at once: %v", err)
			}
		}
		w.since = time.Now().Add(-limit + time.Second)
		if err := w.check(p); err != nil {
			t.Errorf("before %v: %v", limit, err)
		}
		w.since = time.Now().Add(-limit)
		if w.check(p) == nil {
			t.Errorf("after %v it is still well", limit)
		}
	}
}
