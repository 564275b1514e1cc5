package video

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Times are the container's; where it has none, or goes back, they go on.
func TestTimesAreTheContainers(t *testing.T) {
	const none = -1
	for name, c := range map[string]struct{ stamps, want []int }{ // milliseconds
		"variable":          {[]int{0, 100, 200, 700, 1200}, []int{0, 100, 200, 700, 1200}},
		"begins late":       {[]int{1400, 1500, 2000}, []int{0, 100, 600}},
		"none at the end":   {[]int{0, 100, 600, none, none}, []int{0, 100, 600, 700, 800}},
		"none":              {[]int{none, none, none}, []int{0, 167, 333}},
		"goes back":         {[]int{5000, 5100, 0, 100, 200}, []int{0, 100, 200, 300, 400}},
		"twice the same":    {[]int{0, 100, 100, 200}, []int{0, 100, 200, 300}},
		"first has no time": {[]int{none, 200, 300}, []int{0, 200, 300}},
	} {
		var s stamps
		var got []int
		for _, ms := range c.stamps {
			f := &frame{fps: 6, stamp: time.Duration(ms) * time.Millisecond, timed: ms != none}
			if !f.timed {
				f.stamp = 0
			}
			got = append(got, int(s.next(f).Round(time.Millisecond).Milliseconds()))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// variable is a file of 30 frames: 20 at 10 a second, then one in half a second.
func variable() *fakeCapture {
	c := frameCapture(30)
	c.fps = 30 / 6.6 // on average
	c.stamp = func(i int) (time.Duration, bool) {
		at := time.Duration(min(i, 20)) * 100 * time.Millisecond
		return at + time.Duration(max(0, i-20))*500*time.Millisecond, true
	}
	return c
}

// The drawn video of a file whose rate varies lasts as long as the file, and has
// all its frames.
func TestADrawnFileKeepsTheTimes(t *testing.T) {
	b := newBench(constantly(func() Capture { return variable() }), Camera{Name: "c", Source: "a.avi", EveryFrame: true, Out: "o.mp4"})
	b.lib.rate = 10
	if _, err := b.run(t, nil); err != nil {
		t.Fatal(err)
	}
	// The last frame is at 6.5 s: number 65 at 10 a second.
	if w := b.lib.writer; w.fps != 10 || w.frames != 66 {
		t.Errorf("%d frames at %v a second, want 66 at 10", w.frames, w.fps)
	}
	if n := b.log.count("may be damaged"); n != 0 {
		t.Errorf("log %s", b.log.b.String())
	}
}

// Played at its own pace a file takes as long as it lasts.
func TestAFileAtItsOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(constantly(func() Capture { return variable() }), Camera{Name: "c", Source: "a.avi"})
		start := time.Now()
		if _, err := b.run(t, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 6500*time.Millisecond {
			t.Errorf("a file of 6.5 s took %v", took)
		}
	})
}

// A camera whose picture is frozen is opened anew without a word, as long as
// frames come: a black picture at night is no outage.
func TestAFrozenPictureIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(int, Source) (Capture, error) {
			return &fakeCapture{next: func(i int, _ *fakePicture) error {
				time.Sleep(100 * time.Millisecond)
				if i == 40 {
					return ErrFrozen
				}
				return nil
			}}, nil
		}, Camera{Name: "c", Source: "rtsp://h/x"})
		r, err := b.run(t, func(*Runner) bool { return b.lib.opened.Load() >= 4 })
		if err != nil {
			t.Fatal(err)
		}
		if got := b.heard.kinds(); !slices.Equal(got, []string{"camera_up"}) {
			t.Errorf("events %v", got)
		}
		if r.cameras[0].lostSince != (time.Time{}) {
			t.Error("the camera counts as lost")
		}
	})
	synctest.Test(t, func(t *testing.T) { // frozen and then gone
		b := newBench(func(n int, _ Source) (Capture, error) {
			if n > 0 {
				return nil, errors.New("connection refused")
			}
			return &fakeCapture{next: func(i int, _ *fakePicture) error {
				if i > 3 {
					return ErrFrozen
				}
				return nil
			}}, nil
		}, Camera{Name: "c", Source: "rtsp://h/x"})
		if _, err := b.run(t, func(*Runner) bool { return b.lib.opened.Load() >= 4 }); err != nil {
			t.Fatal(err)
		}
		if got := b.heard.kinds(); !slices.Equal(got, []string{"camera_up", "camera_down"}) {
			t.Errorf("events %v", got)
		}
	})
}
