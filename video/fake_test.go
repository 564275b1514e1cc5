package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

// fakePicture holds a width, a height and the box that the fake detector finds,
// or none.
type fakePicture struct {
	lib  *fakeBackend
	w, h int
	box  *detector.Box
	draw *Overlay
}

func (p *fakePicture) Frame() photo.Frame {
	if p.w == 0 {
		return photo.Frame{}
	}
	f := photo.Frame{Pix: make([]byte, 3*p.w*p.h), Width: p.w, Height: p.h, Stride: 3 * p.w}
	if p.box != nil { // where the fake detector looks
		copy(f.Pix, fmt.Sprintf("%g %g %g %g ", p.box.X1, p.box.Y1, p.box.X2, p.box.Y2))
	}
	return f
}

func (p *fakePicture) Draw(o *Overlay) {
	c := *o
	c.Marks = append([]Mark(nil), o.Marks...)
	p.draw = &c
	p.lib.mu.Lock()
	defer p.lib.mu.Unlock()
	p.lib.drawn = append(p.lib.drawn, c)
}

func (p *fakePicture) JPEG(int) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, p.w, p.h)), nil)
	return b.Bytes(), err
}

func (p *fakePicture) Close() { p.lib.pictures.Add(-1) }

// fakeBackend is a video library on command.
type fakeBackend struct {
	open     func(n int, s Source) (Capture, error) // n counts from 0
	opened   atomic.Int32
	pictures atomic.Int32 // that live
	moved    func() float64
	rate     float64
	writeErr error // from frame writeOK on
	writeOK  int

	mu     sync.Mutex
	drawn  []Overlay
	writer *fakeWriter
}

func (l *fakeBackend) Open(s Source) (Capture, error) { return l.open(int(l.opened.Add(1))-1, s) }

func (l *fakeBackend) NewPicture() Picture {
	l.pictures.Add(1)
	return &fakePicture{lib: l}
}

func (l *fakeBackend) NewMotion() Motion { return &fakeMotion{l} }

func (l *fakeBackend) NewWriter(path, _ string, fps float64, w, h int) (Writer, error) {
	if strings.HasPrefix(path, "/nowhere/") {
		return nil, errors.New("no such folder")
	}
	if strings.HasPrefix(path, "/full/") {
		return nil, syscall.ENOSPC
	}
	l.writer = &fakeWriter{lib: l, fps: fps, w: w, h: h}
	return l.writer, nil
}

func (l *fakeBackend) Rate(Source) float64 { return l.rate }

type fakeMotion struct{ lib *fakeBackend }

func (m *fakeMotion) Moved(Picture) float64 { return m.lib.moved() }
func (m *fakeMotion) Close()                {}

type fakeWriter struct {
	lib    *fakeBackend
	fps    float64
	w, h   int
	frames int
	closed bool
}

func (w *fakeWriter) Write(Picture) error {
	if w.lib.writeErr != nil && w.frames >= w.lib.writeOK {
		return w.lib.writeErr
	}
	w.frames++
	return nil
}

func (w *fakeWriter) Close() error {
	w.closed = true
	return nil
}

// fakeCapture gives what next says; nil is a frame.
type fakeCapture struct {
	next    func(i int, p *fakePicture) error
	fps     float64
	frames  int
	stamp   func(i int) (time.Duration, bool) // the container's time; nil if it has none
	damaged func(i int) bool
	i       int
	closed  atomic.Bool
}

func (c *fakeCapture) Read(into Picture) error {
	p := into.(*fakePicture)
	p.w, p.h, p.box, p.draw = 64, 48, nil, nil
	c.i++
	return c.next(c.i-1, p)
}

func (c *fakeCapture) FPS() float64 { return c.fps }

func (c *fakeCapture) Stamp() (time.Duration, bool) {
	if c.stamp == nil {
		return 0, false
	}
	return c.stamp(c.i - 1)
}

func (c *fakeCapture) Damaged() bool { return c.damaged != nil && c.damaged(c.i-1) }

func (c *fakeCapture) Duration() time.Duration {
	if c.fps == 0 {
		return 0
	}
	return time.Duration(float64(c.frames) / c.fps * float64(time.Second))
}

func (c *fakeCapture) Close() { c.closed.Store(true) }

// frames is a capture of n frames without objects, at 10 a second.
func frameCapture(n int) *fakeCapture {
	return &fakeCapture{fps: 10, frames: n, next: func(i int, _ *fakePicture) error {
		if i >= n {
			return io.EOF
		}
		return nil
	}}
}

// fakeDetector finds the box that a picture holds.
type fakeDetector struct {
	took  time.Duration
	calls atomic.Int32
	err   error
}

func (d *fakeDetector) Detect(ctx context.Context, img image.Image, filter detector.Filter) (detector.Result, error) {
	f := img.(*photo.Frame)
	d.calls.Add(1)
	if d.err != nil {
		return detector.Result{}, d.err
	}
	select {
	case <-ctx.Done():
		return detector.Result{}, ctx.Err()
	case <-time.After(d.took):
	}
	r := detector.Result{Width: f.Width, Height: f.Height, Detections: filter.Into}
	r.Timing.Network = d.took
	if f.Pix[0] != 0 {
		var b detector.Box
		if _, err := fmt.Sscan(string(f.Pix[:60]), &b.X1, &b.Y1, &b.X2, &b.Y2); err != nil {
			return r, err
		}
		r.Detections = append(r.Detections, detector.Detection{Label: "person", CategoryID: 1, Score: 0.8, Box: b})
	}
	return r, nil
}

// heard is a Sink that remembers.
type heard struct {
	mu        sync.Mutex
	events    []Event
	states    []State
	snapshots map[string][]byte
	err       error
}

func (h *heard) Event(e *Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, *e)
	return h.err
}

func (h *heard) State(_ string, s *State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, *s)
}

func (h *heard) Snapshot(camera, label string, jpeg []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.snapshots == nil {
		h.snapshots = map[string][]byte{}
	}
	h.snapshots[camera+"/"+label] = jpeg
}

// kinds are the events' names in order.
func (h *heard) kinds() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, e := range h.events {
		out = append(out, e.Event)
	}
	return out
}

// logText is a log to look at.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// bench is a runner on fakes.
type bench struct {
	lib   *fakeBackend
	det   *fakeDetector
	heard *heard
	log   *logText
	cfg   Config
}

func newBench(open func(n int, s Source) (Capture, error), cameras ...Camera) *bench {
	b := &bench{lib: &fakeBackend{open: open, moved: func() float64 { return 1 }}, det: &fakeDetector{}, heard: &heard{}, log: &logText{}}
	for i := range cameras {
		if cameras[i].Threshold == 0 {
			cameras[i].Threshold = 0.4
		}
	}
	b.cfg = Config{
		Cameras: cameras, Detector: b.det, Backend: b.lib, Sinks: []Sink{b.heard}, Log: zerolog.New(b.log),
		Open: time.Second, Stall: time.Second, Retry: 2 * time.Millisecond, RetryMax: 10 * time.Millisecond,
	}
	return b
}

// run runs to the end, or until stop says so, and checks that nothing is left
// over.
func (b *bench) run(t *testing.T, stop func(r *Runner) bool) (*Runner, error) {
	t.Helper()
	r, err := New(b.cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if stop != nil {
		go func() {
			for ctx.Err() == nil && !stop(r) {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
	}
	err = r.Run(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("it did not end by itself")
	}
	if n := b.lib.pictures.Load(); n != 0 {
		t.Errorf("%d pictures are left", n)
	}
	return r, err
}
