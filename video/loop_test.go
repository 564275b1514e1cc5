package video

import (
	"context"
	"errors"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
	"example.com/riffle/video/scene"
)

func constantly(c func() Capture) func(int, Source) (Capture, error) {
	return func(int, Source) (Capture, error) { return c(), nil }
}

// walking is a person of 10 x 20 pixels that walks to the right, two pixels a
// frame, for 26 frames.
func walking() *fakeCapture {
	c := frameCapture(26)
	end := c.next
	c.next = func(i int, p *fakePicture) error {
		x := float32(2 + 2*i)
		p.box = &detector.Box{X1: x, Y1: 20, X2: x + 10, Y2: 40}
		return end(i, p)
	}
	return c
}

func TestEveryFrameOfAFile(t *testing.T) {
	b := newBench(constantly(func() Capture { return frameCapture(200) }), Camera{Name: "c", Source: "a.avi", EveryFrame: true, Out: "o.mp4"})
	r, err := b.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := r.cameras[0].stages
	if s.looked.Load() != 200 || s.dropped.Load() != 0 || b.det.calls.Load() != 200 {
		t.Errorf("looked at %d, dropped %d, detected %d", s.looked.Load(), s.dropped.Load(), b.det.calls.Load())
	}
	if w := b.lib.writer; w.frames != 200 || !w.closed || w.fps != 10 || w.w != 64 || w.h != 48 {
		t.Errorf("file %+v", w)
	}
}

// Times are those of the file, however fast it is read.
func TestEventsOfAWalk(t *testing.T) {
	cam := Camera{
		Name: "c", Source: "a.avi", EveryFrame: true, Out: "o.mp4",
		Zones: []scene.Zone{{Name: "right", Points: []scene.Point{{X: 0.5}, {X: 1}, {X: 1, Y: 1}, {X: 0.5, Y: 1}}}},
		Lines: []scene.Line{{Name: "gate", From: scene.Point{X: 0.5, Y: 0}, To: scene.Point{X: 0.5, Y: 1}}},
	}
	b := newBench(constantly(func() Capture { return walking() }), cam)
	if _, err := b.run(t, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := b.heard.kinds(), []string{"camera_up", "object_new", "zone_enter", "line_cross", "zone_leave", "object_end"}; !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	for i, e := range b.heard.events {
		if e.Camera != "c" || e.Time.IsZero() || e.Text == "" || e.Position < 0 || e.Position > 2.6 {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	enter, cross, leave := b.heard.events[2], b.heard.events[3], b.heard.events[4]
	if enter.ID != 1 || enter.Label != "person" || enter.Zone != "right" || enter.Position < 1.2 || enter.Position > 1.5 {
		t.Errorf("enter %+v", enter)
	}
	if cross.Line != "gate" || cross.Direction != "in" || cross.Counts == nil || *cross.Counts != (LineCount{In: 1}) {
		t.Errorf("cross %+v", cross)
	}
	if leave.Stayed == nil || *leave.Stayed < 0.9 || *leave.Stayed > 1.4 {
		t.Errorf("leave %+v", leave)
	}
	last := b.lib.drawn[len(b.lib.drawn)-1]
	if len(last.Shapes) != 2 || last.Shapes[1].Text != "gate: 1 in, 0 out" || len(last.Marks) != 1 || !strings.HasPrefix(last.Marks[0].Text, "person 1 ") {
		t.Errorf("drawn %+v", last)
	}
	if s := b.heard.states[len(b.heard.states)-1]; len(s.Objects) != 0 || s.Lines[0].In != 1 {
		t.Errorf("last state %+v", s)
	}
}

// A slow detector sees the newest frame, never a queue of old ones.
func TestASlowDetectorSeesTheNewestFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		b := newBench(constantly(func() Capture {
			return &fakeCapture{next: func(int, *fakePicture) error {
				time.Sleep(time.Millisecond)
				sent.Add(1)
				return nil
			}}
		}), Camera{Name: "c", Source: "rtsp://h/x"})
		b.det.took = 25 * time.Millisecond
		r, err := b.run(t, func(r *Runner) bool { return r.cameras[0].stages.looked.Load() >= 20 })
		if err != nil {
			t.Fatal(err)
		}
		s := r.cameras[0].stages
		if s.dropped.Load() < 2*s.looked.Load() {
			t.Errorf("looked at %d, dropped %d", s.looked.Load(), s.dropped.Load())
		}
		if rest := sent.Load() - s.looked.Load() - s.dropped.Load(); rest > 4 {
			t.Errorf("%d frames were neither looked at nor dropped", rest)
		}
		if n := testutil.ToFloat64(r.metrics.dropped.WithLabelValues("c")); n != float64(s.dropped.Load()) {
			t.Errorf("the metric says %v dropped, not %d", n, s.dropped.Load())
		}
	})
}

func TestMailboxKeepsTheNewest(t *testing.T) {
	ctx := context.Background()
	m := newMailbox(false)
	for i := range 5 {
		back := m.put(ctx, &frame{number: i})
		if i == 0 && back != nil || i > 0 && (back == nil || back.number != i-1) {
			t.Fatalf("frame %d gives back %v", i, back)
		}
	}
	if f, _ := m.take(ctx, 0); f == nil || f.number != 4 {
		t.Errorf("took %v", f)
	}
	if f, late := m.take(ctx, time.Nanosecond); f != nil || !late {
		t.Errorf("took %v, late %v, where nothing comes", f, late)
	}
	m.close()
	if f, _ := m.take(ctx, 0); f != nil {
		t.Errorf("took %v after the end", f)
	}
	// With every, put waits and takes the frame back if nobody ever comes.
	every := newMailbox(true)
	if back := every.put(ctx, &frame{number: 1}); back != nil {
		t.Error("an empty mailbox gives back")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if back := every.put(ended, &frame{number: 2}); back == nil || back.number != 2 {
		t.Errorf("gives back %v", back)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.avi")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, b := range map[string]*bench{
		"gone.avi: no such file or directory": newBench(func(int, Source) (Capture, error) { return nil, errors.New("no") }, Camera{Name: "c", Source: "gone.avi"}),
		"not a video that can be read":        newBench(func(int, Source) (Capture, error) { return nil, errors.New("no") }, Camera{Name: "c", Source: junk}),
		"no frame can be read":                newBench(constantly(func() Capture { return frameCapture(0) }), Camera{Name: "c", Source: "a.avi"}),
	} {
		if _, err := b.run(t, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	b := newBench(constantly(func() Capture {
		c := frameCapture(10)
		c.frames = 100
		return c
	}), Camera{Name: "c", Source: "a.avi", EveryFrame: true})
	if _, err := b.run(t, nil); err != nil || b.log.count("the file ends early") != 1 {
		t.Errorf("%v, log %s", err, b.log.b.String())
	}
}

// A camera that goes away is said to be lost once and back once, whatever comes
// between.
func TestALostCameraComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(n int, _ Source) (Capture, error) {
			switch {
			case n >= 1 && n <= 4:
				return nil, errors.New("connection refused")
			case n == 0:
				return frameCapture(5), nil
			}
			return &fakeCapture{next: func(int, *fakePicture) error { time.Sleep(time.Millisecond); return nil }}, nil
		}, Camera{Name: "c", Source: "rtsp://user:secret@h/x"})
		r, err := b.run(t, func(r *Runner) bool { return r.cameras[0].stages.looked.Load() > 20 })
		if err != nil {
			t.Fatal(err)
		}
		for text, n := range map[string]int{"trying again until it is back": 1, "camera is back": 1, "camera connected": 1, "secret": 0} {
			if got := b.log.count(text); got != n {
				t.Errorf("the log says %q %d times:\n%s", text, got, b.log.b.String())
			}
		}
		if got := b.heard.kinds(); !slices.Equal(got, []string{"camera_up", "camera_down", "camera_up"}) {
			t.Errorf("events %v", got)
		}
		m := r.metrics
		for reason, n := range map[failReason]float64{ended: 1, cannotOpen: 4, stalled: 0} {
			if got := testutil.ToFloat64(m.failures.WithLabelValues("c", string(reason))); got != n {
				t.Errorf("%v failures of kind %s, want %v", got, reason, n)
			}
		}
		if n := testutil.ToFloat64(m.reconnects.WithLabelValues("c")); n != 1 {
			t.Errorf("%v reconnects", n)
		}
	})
}

// A read that hangs is given up; when it returns at last, nothing is left of it.
func TestAStalledReadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		first := frameCapture(1000)
		first.next = func(i int, _ *fakePicture) error {
			if i == 3 {
				<-hang
			}
			return nil
		}
		b := newBench(func(n int, _ Source) (Capture, error) {
			if n == 0 {
				return first, nil
			}
			return &fakeCapture{next: func(int, *fakePicture) error { time.Sleep(time.Millisecond); return nil }}, nil
		}, Camera{Name: "c", Source: "rtsp://h/x"})
		b.cfg.Stall = 40 * time.Millisecond
		r, err := b.run(t, func(r *Runner) bool {
			done := r.cameras[0].stages.looked.Load() > 30
			if done && !first.closed.Load() {
				select {
				case <-hang:
				default:
					close(hang)
				}
				return false
			}
			return done
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := testutil.ToFloat64(r.metrics.failures.WithLabelValues("c", "stall")); n != 1 || b.log.count("sends nothing: no frame for 40ms") != 1 {
			t.Errorf("%v stalls, log %s", n, b.log.b.String())
		}
	})
}

// Where every connection hangs, there is a limit to how many are tried.
func TestHangingReadersAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		b := newBench(func(int, Source) (Capture, error) { <-hang; return nil, errors.New("at last") }, Camera{Name: "c", Source: "rtsp://h/x"})
		b.cfg.Open = 10 * time.Millisecond
		end := time.Now().Add(300 * time.Millisecond)
		r, err := b.run(t, func(*Runner) bool {
			if time.Now().Before(end) {
				return false
			}
			if b.lib.opened.Load() != maxStuck {
				t.Errorf("%d readers hang", b.lib.opened.Load())
			}
			close(hang)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := testutil.ToFloat64(r.metrics.failures.WithLabelValues("c", "open")); n < maxStuck {
			t.Errorf("%v failures", n)
		}
	})
}

func TestAnUnpluggedDeviceIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(func(n int, _ Source) (Capture, error) {
			if n > 0 {
				return nil, errors.New("no")
			}
			return frameCapture(3), nil
		}, Camera{Name: "c", Source: "0"})
		r, err := New(b.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.cameras[0].source.Target = filepath.Join(dir, "video0") // never there
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := r.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if b.log.count("camera is unplugged; trying again") != 1 {
			t.Errorf("log %s", b.log.b.String())
		}
	})
}

// Twice the resolution in the middle: the walker keeps its number.
func TestResolutionChangesMidStream(t *testing.T) {
	c := walking()
	small := c.next
	c.next = func(i int, p *fakePicture) error {
		err := small(i, p)
		if i >= 13 {
			p.w, p.h = 128, 96
			p.box.X1, p.box.Y1, p.box.X2, p.box.Y2 = 2*p.box.X1, 2*p.box.Y1, 2*p.box.X2, 2*p.box.Y2
		}
		return err
	}
	b := newBench(constantly(func() Capture { return c }), Camera{Name: "c", Source: "a.avi", EveryFrame: true, Out: "o.mp4"})
	r, err := b.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.heard.kinds(); !slices.Equal(got, []string{"camera_up", "object_new", "object_end"}) {
		t.Errorf("events %v", got)
	}
	if n := testutil.ToFloat64(r.metrics.resized.WithLabelValues("c")); n != 1 || b.log.count("resolution changed from 64 x 48") != 1 {
		t.Errorf("%v changes, log %s", n, b.log.b.String())
	}
	if w := b.lib.writer; w.w != 64 || w.frames != 26 {
		t.Errorf("file %+v", w)
	}
}

// What is written is complete when the run is told to stop.
func TestStoppingCompletesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(constantly(func() Capture {
			return &fakeCapture{next: func(_ int, p *fakePicture) error {
				time.Sleep(time.Millisecond)
				x := float32(10)
				p.box = &detector.Box{X1: x, Y1: 20, X2: x + 10, Y2: 40}
				return nil
			}}
		}), Camera{Name: "c", Source: "rtsp://h/x", Out: "o.mp4"})
		start := time.Now()
		if _, err := b.run(t, func(r *Runner) bool {
			return time.Since(start) > 700*time.Millisecond && r.cameras[0].stages.looked.Load() > 10
		}); err != nil {
			t.Fatal(err)
		}
		if !b.lib.writer.closed || b.lib.writer.frames == 0 {
			t.Errorf("file %+v", b.lib.writer)
		}
		if got := b.heard.kinds(); got[len(got)-1] != "object_end" {
			t.Errorf("events %v", got)
		}
	})
}

func TestWhatFailsForGoodEndsTheRun(t *testing.T) {
	full := errors.New("no space left on device")
	endless := constantly(func() Capture { return frameCapture(1 << 30) })
	for name, set := range map[string]func(b *bench){
		"no file":  func(b *bench) { b.cfg.Cameras[0].Out = "/nowhere/o.mp4" },
		"pipe":     func(b *bench) { full = syscall.EPIPE; b.heard.err = full },
		"detector": func(b *bench) { b.det.err = full },
	} {
		b := newBench(endless, Camera{Name: "c", Source: "a.avi", EveryFrame: true})
		set(b)
		if _, err := b.run(t, nil); err == nil || !errors.Is(err, full) && name == "detector" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Three cameras that always have a frame share one worker of the real pool.
func TestCamerasShareFairly(t *testing.T) {
	weights, err := os.ReadFile("../testdata/tiny_detector.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := detector.New(weights, detector.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	var cams []Camera
	for _, n := range []string{"a", "b", "c"} {
		cams = append(cams, Camera{Name: n, Source: "rtsp://" + n + "/x"})
	}
	b := newBench(constantly(func() Capture { // faster than the network by far
		return &fakeCapture{next: func(int, *fakePicture) error { time.Sleep(200 * time.Microsecond); return nil }}
	}), cams...)
	b.cfg.Detector = pool
	// One may start late: frames count from when all have had one.
	var before []int64
	looked := func(r *Runner) (least, most int64) {
		least = 1 << 62
		for i, c := range r.cameras {
			n := c.stages.looked.Load()
			if before != nil {
				n -= before[i]
			}
			least, most = min(least, n), max(most, n)
		}
		return least, most
	}
	r, err := b.run(t, func(r *Runner) bool {
		least, most := looked(r)
		if before == nil && least > 0 {
			for _, c := range r.cameras {
				before = append(before, c.stages.looked.Load())
			}
			return false
		}
		return before != nil && most >= 120
	})
	if err != nil {
		t.Fatal(err)
	}
	if least, most := looked(r); float64(least) < 0.8*float64(most) {
		t.Errorf("one camera had %d frames looked at, another %d", least, most)
	}
}

func TestMotionGate(t *testing.T) {
	moves := atomic.Bool{}
	moves.Store(true)
	cam := Camera{Name: "c", Source: "a.avi", EveryFrame: true, Motion: MotionGate{On: true, Share: 0.01, Hold: time.Second, Refresh: 5 * time.Second}}
	// 30 s at 10 a second: motion in the first 2 s and from 20 s on.
	c := frameCapture(300)
	end := c.next
	c.next = func(i int, p *fakePicture) error {
		p.box = &detector.Box{X1: 10, Y1: 20, X2: 20, Y2: 40}
		return end(i, p)
	}
	b := newBench(constantly(func() Capture { return c }), cam)
	at := 0
	b.lib.moved = func() float64 {
		at++
		if s := float64(at) * 0.2; s < 2 || s > 20 { // asked every other frame
			return 0.5
		}
		return 0.001
	}
	r, err := b.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Open for 3 s and 10 s, and in between for a frame every 5 s.
	if n := b.det.calls.Load(); n < 125 || n > 145 {
		t.Errorf("%d of 300 frames were looked at", n)
	}
	if n := r.cameras[0].stages.still.Load(); int(n)+int(b.det.calls.Load()) != 300 {
		t.Errorf("%d still, %d looked at", n, b.det.calls.Load())
	}
	// The object is there all the time: it has one number and did not go.
	if got := b.heard.kinds(); !slices.Equal(got, []string{"camera_up", "motion_start", "object_new", "motion_end", "motion_start", "object_end"}) {
		t.Errorf("events %v", got)
	}
}

func TestBackoffGrowsAndStartsAnew(t *testing.T) {
	b := backoff{shortest: time.Second, longest: 30 * time.Second}
	limit := time.Second
	for i := range 12 {
		w := b.wait(0)
		if w < limit/2 || w > limit {
			t.Errorf("pause %d is %v, want %v to %v", i, w, limit/2, limit)
		}
		limit = min(2*limit, 30*time.Second)
	}
	if w := b.wait(time.Minute); w > time.Second {
		t.Errorf("after a minute of frames the pause is %v", w)
	}
}

// A file of constant pace out of frames that come when they come.
func TestClock(t *testing.T) {
	k := newClock(10, false)
	var written []int
	for _, ms := range []int{0, 30, 100, 180, 210, 500, 510, 1000} {
		written = append(written, k.times(time.Duration(ms)*time.Millisecond))
	}
	if want := []int{1, 0, 1, 1, 0, 3, 0, 5}; !slices.Equal(written, want) {
		t.Errorf("written %v, want %v", written, want)
	}
	if n := k.times(10 * time.Minute); n != 1 { // a camera that was away
		t.Errorf("after a long gap %d", n)
	}
	if n := k.times(10*time.Minute + 100*time.Millisecond); n != 1 {
		t.Errorf("after that %d", n)
	}
	for fps, want := range map[float64]float64{0: 15, 30: 30, 1000: 15} {
		if k := newClock(fps, false); k.fps != want {
			t.Errorf("%v frames a second become %v", fps, k.fps)
		}
	}
	if k := newClock(0, true); k.fps != assumedFPS {
		t.Errorf("a file that does not say: %+v", k)
	}
	for _, fps := range []float64{25, 29.97, 14.999} { // one to one, though stamps are rounded to milliseconds
		k := newClock(fps, true)
		for i := range 5000 {
			at := time.Duration(float64(i) / fps * 1e3 * 1.000001)
			if n := k.times(at * time.Millisecond); n != 1 {
				t.Fatalf("at %v a second frame %d is written %d times", fps, i, n)
			}
		}
	}
}

func TestBenchmarkReport(t *testing.T) {
	var out strings.Builder
	b := newBench(constantly(func() Capture { return walking() }), Camera{Name: "c", Source: "a.avi", EveryFrame: true, Out: "o.mp4"})
	b.det.took = 2 * time.Millisecond
	b.cfg.Benchmark = &out
	if _, err := b.run(t, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"c: 26 frames in ", "0 dropped", "capture", "detect", "write file", "1 / (capture + detect) is"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestSnapshots(t *testing.T) {
	dir := t.TempDir()
	b := newBench(constantly(func() Capture { return walking() }), Camera{Name: "c", Source: "a.avi", EveryFrame: true})
	b.cfg.Snapshots = dir
	if _, err := b.run(t, nil); err != nil {
		t.Fatal(err)
	}
	last := b.heard.events[len(b.heard.events)-1]
	if last.Event != "object_end" || filepath.Dir(last.Snapshot) != filepath.Join(dir, "c") || !strings.HasSuffix(last.Snapshot, "-person-1.jpg") {
		t.Fatalf("event %+v", last)
	}
	data, err := os.ReadFile(last.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	p, err := photo.Decode(data, photo.Options{})
	if err != nil || p.Bounds().Dx() != 64 {
		t.Errorf("snapshot: %v", err)
	}
	colors := map[[3]uint32]bool{}
	for y := range 48 {
		for x := range 64 {
			r, g, b, _ := p.At(x, y).RGBA()
			colors[[3]uint32{r >> 13, g >> 13, b >> 13}] = true
		}
	}
	if len(colors) < 3 {
		t.Error("no box is drawn into the gray frame")
	}
	if len(b.heard.snapshots["c/person"]) != len(data) {
		t.Error("sinks do not get what is written")
	}
}

// Wide pictures are scaled down, and the box with them.
func TestNarrowSnapshots(t *testing.T) {
	b := newBench(constantly(func() Capture { return walking() }), Camera{Name: "c", Source: "a.avi", EveryFrame: true})
	b.cfg.Snapshots, b.cfg.SnapshotWidth = t.TempDir(), 32
	if _, err := b.run(t, nil); err != nil {
		t.Fatal(err)
	}
	p, err := photo.Decode(b.heard.snapshots["c/person"], photo.Options{})
	if err != nil || p.Bounds() != image.Rect(0, 0, 32, 24) {
		t.Errorf("%v, %v", p, err)
	}
}

// Of the frames of an object the surest and largest is kept, not one at the edge.
func TestTheBestFrameIsKept(t *testing.T) {
	at := func(score, x, side float64) float64 {
		return worth(&scene.Object{Score: score, Box: [4]float64{x, 10, x + side, 10 + side}}, 64, 48)
	}
	if at(0.9, 10, 10) <= at(0.6, 10, 10) || at(0.6, 10, 30) <= at(0.6, 10, 10) || at(0.6, 10, 20) <= at(0.6, 0, 20) {
		t.Error("worth is wrong")
	}
}

func TestRunnersThatCannotBe(t *testing.T) {
	self := filepath.Join(t.TempDir(), "a.avi")
	if err := os.WriteFile(self, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, cams := range map[string][]Camera{
		"no camera":                  nil,
		"two cameras are called c":   {{Name: "c", Source: "0"}, {Name: "c", Source: "1"}},
		"both write o.mp4":           {{Name: "c", Source: "0", Out: "o.mp4"}, {Name: "d", Source: "1", Out: "o.mp4"}},
		"does not wait":              {{Name: "c", Source: "rtsp://h/x", EveryFrame: true}},
		"is not known here":          {{Name: "c", Source: "gopher://h/x"}},
		"written over":               {{Name: "c", Source: self, Out: self}},
		"source is empty":            {{Name: "c"}},
		"threshold must be more":     {{Name: "c", Source: "0", Threshold: 2}},
		"codec is four letters":      {{Name: "c", Source: "0", Codec: "x"}},
		"names are letters, digits":  {{Name: "c/d", Source: "0"}},
		`zone "a b": names are`:      {{Name: "c", Source: "0", Zones: []scene.Zone{{Name: "a b"}}}},
		"a zone has at least three":  {{Name: "c", Source: "0", Zones: []scene.Zone{{Name: "z"}}}},
		"motion-share must be from ": {{Name: "c", Source: "0", Motion: MotionGate{Share: 3}}},
	} {
		b := newBench(nil, cams...)
		if _, err := New(b.cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestSources(t *testing.T) {
	for text, want := range map[string]struct {
		kind    SourceKind
		patient bool
		log     string
		name    string
	}{
		"0":                                    {Device, false, "/dev/video0", "video0"},
		"/dev/video12":                         {Device, false, "/dev/video12", "video12"},
		"dir/walk in.avi":                      {File, true, "dir/walk in.avi", "walk_in"},
		"file:///tmp/a.mp4":                    {File, true, "/tmp/a.mp4", "a"},
		"rtsp://u:p@cam.local:554/s?token=abc": {Stream, false, "rtsp://cam.local:554/s?...", "cam_local"},
		"http://h/live.mjpg":                   {Stream, true, "http://h/live.mjpg", "h"},
	} {
		s, err := ParseSource(text)
		if err != nil || s.Kind != want.kind || s.Patient() != want.patient || s.String() != want.log || s.Name() != want.name {
			t.Errorf("%s: %+v, %v, %s, %s", text, s, err, s, s.Name())
		}
	}
	for _, text := range []string{"", "-1", "256", "ftp://h/x", "rtsp://", "rtsp://u:secret@%zz/x"} {
		if s, err := ParseSource(text); err == nil {
			t.Errorf("%q is %+v", text, s)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
