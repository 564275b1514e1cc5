package video

import (
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/riffle/detector"
	"example.com/riffle/video/scene"
)

// standing is a camera before which somebody stands, ten frames a second.
func standing(frames int) *fakeCapture {
	return &fakeCapture{next: func(i int, p *fakePicture) error {
		if i >= frames {
			return io.EOF
		}
		time.Sleep(100 * time.Millisecond)
		p.box = &detector.Box{X1: 10, Y1: 20, X2: 20, Y2: 40}
		return nil
	}}
}

// During an outage of more than two seconds objects end, in time and with events,
// and who stands there afterwards is somebody else; even where nothing moves.
func TestAnOutageEndsObjects(t *testing.T) {
	for _, gated := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(func(n int, _ Source) (Capture, error) {
				if n == 1 {
					time.Sleep(6 * time.Second)
				}
				return standing([]int{40, 20, 0}[min(n, 2)]), nil
			}, Camera{
				Name: "c", Source: "rtsp://h/x", Motion: MotionGate{On: gated},
				Zones: []scene.Zone{{Name: "all", Points: []scene.Point{{}, {X: 1}, {X: 1, Y: 1}, {Y: 1}}}},
			})
			b.lib.moved = func() float64 { return 0 }
			b.cfg.Open = 20 * time.Second
			if _, err := b.run(t, func(*Runner) bool { return b.lib.opened.Load() >= 3 }); err != nil {
				t.Fatal(err)
			}
			var kinds []string
			ids := map[int]bool{}
			for _, e := range b.heard.events {
				if e.Event != "motion_start" && e.Event != "motion_end" {
					kinds = append(kinds, e.Event)
				}
				if e.Event == "object_new" {
					ids[e.ID] = true
				}
				if e.Event == "object_end" && e.ID == 1 && (e.Position < 5 || e.Position > 7) {
					t.Errorf("the first ends at %v s, want 2 s after the last frame, at 6 s", e.Position)
				}
			}
			want := []string{"camera_up", "object_new", "zone_enter", "camera_down", "zone_leave", "object_end", "camera_up", "object_new", "zone_enter"}
			if len(kinds) < len(want) || !slices.Equal(kinds[:len(want)], want) || len(ids) != 2 {
				t.Errorf("gated %v: events %v, want %v", gated, kinds, want)
			}
		})
	}
}
