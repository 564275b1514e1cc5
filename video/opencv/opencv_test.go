//go:build opencv

package opencv

import (
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"gocv.io/x/gocv"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
	"example.com/riffle/video"
	"example.com/riffle/video/scene"
)

// leaks fails the test if Mats are open; with the build tag matprofile it knows.
var leaks = func(*testing.T) {}

// trained is the shipped detector, asked for what a camera needs.
func trained(tb testing.TB) *detector.Detector {
	tb.Helper()
	weights, err := os.ReadFile("../../models/riffle-v2-1.5x.safetensors")
	if err != nil {
		tb.Fatal(err)
	}
	d, err := detector.New(weights, detector.Options{Workers: 1})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

const threshold = 0.4

func library(tb testing.TB) *Backend {
	tb.Helper()
	lib, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	return lib
}

// gathered is a Sink that keeps everything.
type gathered struct {
	mu     sync.Mutex
	events []video.Event
	frames []video.Frame
}

func (g *gathered) Event(e *video.Event) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, *e)
	return nil
}

func (g *gathered) Frame(f *video.Frame) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frames = append(g.frames, *f)
	return nil
}

func (*gathered) State(string, *video.State)      {}
func (*gathered) Snapshot(string, string, []byte) {}

func (g *gathered) count(kind string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, e := range g.events {
		if e.Event == kind {
			n++
		}
	}
	return n
}

func (g *gathered) seen() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.frames)
}

// passers is a moving picture of one person, cut out of docs/street.jpg, who
// walks over a plain ground from left to right. box is where in frame i.
type passers struct {
	path   string
	frames int
	box    func(i int) image.Rectangle
}

const (
	sceneWidth, sceneHeight = 640, 360
	sceneFPS                = 10
)

// painter returns a function that paints frame i.
func painter(t testing.TB) (paint func(i int, into *gocv.Mat), box func(i int) image.Rectangle) {
	t.Helper()
	street := gocv.IMRead("../../docs/street.jpg", gocv.IMReadColor)
	defer street.Close()
	if street.Empty() {
		t.Fatal("docs/street.jpg cannot be read")
	}
	cut := street.Region(image.Rect(178, 150, 222, 242)) // the man at 184..216, 157..235
	defer cut.Close()
	man := gocv.NewMat()
	gocv.Resize(cut, &man, image.Pt(88, 184), 0, 0, gocv.InterpolationCubic)
	t.Cleanup(func() { man.Close() })
	at := func(i int) image.Point { return image.Pt(20+5*i, 120) }
	paint = func(i int, into *gocv.Mat) {
		into.SetTo(gocv.NewScalar(168, 170, 172, 0)) // the street's gray
		p := at(i)
		place := into.Region(image.Rectangle{Min: p, Max: p.Add(image.Pt(88, 184))})
		man.CopyTo(&place)
		place.Close()
	}
	return paint, func(i int) image.Rectangle { return image.Rect(12, 14, 76, 170).Add(at(i)) }
}

func newPassers(t testing.TB, frames int) passers {
	t.Helper()
	paint, box := painter(t)
	p := passers{filepath.Join(t.TempDir(), "passers.avi"), frames, box}
	w, err := gocv.VideoWriterFile(p.path, "MJPG", sceneFPS, sceneWidth, sceneHeight, true)
	if err != nil {
		t.Fatal(err)
	}
	mat := gocv.NewMatWithSize(sceneHeight, sceneWidth, gocv.MatTypeCV8UC3)
	defer mat.Close()
	for i := range frames {
		paint(i, &mat)
		if err := w.Write(mat); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return p
}

func iou(b [4]float64, r image.Rectangle) float64 {
	w := min(b[2], float64(r.Max.X)) - max(b[0], float64(r.Min.X))
	h := min(b[3], float64(r.Max.Y)) - max(b[1], float64(r.Min.Y))
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / ((b[2]-b[0])*(b[3]-b[1]) + float64(r.Dx()*r.Dy()) - w*h)
}

// covers returns the ID of the person whose box covers r best, 0 for none.
func covers(f *video.Frame, r image.Rectangle, least float64) int {
	id := 0
	for _, o := range f.Objects {
		if v := iou(o.Box, r); o.Label == "person" && o.Seen && v >= least {
			id, least = o.ID, v
		}
	}
	return id
}

func run(t *testing.T, cfg video.Config, stop func() bool) {
	t.Helper()
	r, err := video.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	defer cancel()
	if stop != nil {
		go func() {
			for ctx.Err() == nil && !stop() {
				time.Sleep(5 * time.Millisecond)
			}
			cancel()
		}()
	}
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if ctx.Err() == context.DeadlineExceeded {
		t.Fatal("it did not come to its end")
	}
}

// One person with known boxes: found, followed as one, in the zone when it is, and
// drawn into a file that plays.
func TestGeneratedPasser(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	p := newPassers(t, 100)
	out := filepath.Join(t.TempDir(), "out.mp4")
	g := &gathered{}
	run(t, video.Config{
		Cameras: []video.Camera{{
			Name: "walk", Source: p.path, Threshold: threshold, EveryFrame: true, Out: out, Labels: []string{"person"},
			Zones: []scene.Zone{{Name: "right", Points: []scene.Point{{X: 0.5}, {X: 1}, {X: 1, Y: 1}, {X: 0.5, Y: 1}}}},
			Lines: []scene.Line{{Name: "middle", From: scene.Point{X: 0.5}, To: scene.Point{X: 0.5, Y: 1}}},
		}},
		Detector: trained(t), Backend: library(t), Sinks: []video.Sink{g}, Log: zerolog.Nop(), Snapshots: filepath.Join(t.TempDir(), "seen"),
	}, nil)
	if len(g.frames) != 100 {
		t.Fatalf("%d frames", len(g.frames))
	}
	ids, covered := map[int]bool{}, 0
	for i := range g.frames {
		if id := covers(&g.frames[i], p.box(i), 0.6); id > 0 {
			ids[id] = true
			covered++
		}
	}
	if len(ids) != 1 || covered < 90 {
		t.Errorf("the passer has the ids %v and is boxed in %d of 100 frames", ids, covered)
	}
	for _, e := range g.events {
		t.Log(e.Position, e.Text)
		switch e.Event { // the foot's middle is at 64 + 5 i
		case "zone_enter":
			if e.Position < 4.9 || e.Position > 5.6 {
				t.Errorf("entered at %v s, want 5.2 s", e.Position)
			}
		case "line_cross":
			if e.Position < 4.9 || e.Position > 6 || e.Direction != "in" {
				t.Errorf("crossed at %v s, %s", e.Position, e.Direction)
			}
		case "object_end":
			if _, err := os.Stat(e.Snapshot); err != nil {
				t.Errorf("snapshot: %v", err)
			}
		}
	}
	if g.count("zone_enter") != 1 || g.count("line_cross") != 1 || g.count("object_new") != 1 {
		t.Errorf("events %+v", g.events)
	}
	plays(t, out, 100, sceneWidth, sceneHeight)
}

// plays reads a video to its end.
func plays(t *testing.T, path string, frames, width, height int) {
	t.Helper()
	lib := library(t)
	c, err := lib.Open(video.Source{Kind: video.File, Target: path})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer c.Close()
	p := lib.NewPicture()
	defer p.Close()
	n := 0
	for c.Read(p) == nil {
		n++
		if v := p.Frame(); v.Width != width || v.Height != height {
			t.Fatalf("frame %d is of %d x %d", n, v.Width, v.Height)
		}
	}
	if frames > 0 && n != frames || n == 0 {
		t.Errorf("%s has %d frames, want %d", path, n, frames)
	}
}

// From the Mat to the network's planes nothing is allocated.
func TestNoAllocationFromMatToPlanes(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	pre, planes, p := planesAndPicture(t)
	defer p.Close()
	var f photo.Frame
	if n := testing.AllocsPerRun(50, func() {
		f = p.Frame()
		if err := pre.Fill(planes, &f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func planesAndPicture(tb testing.TB) (*photo.Preprocessor, [][]float32, video.Picture) {
	tb.Helper()
	pre, err := photo.NewPreprocessor(352, 352, [3]float32{123.7, 116.3, 103.5}, [3]float32{58.4, 57.1, 57.4})
	if err != nil {
		tb.Fatal(err)
	}
	p := &picture{mat: gocv.IMRead("../../docs/street.jpg", gocv.IMReadColor)}
	planes := [][]float32{make([]float32, 352*352), make([]float32, 352*352), make([]float32, 352*352)}
	f := p.Frame()
	if err := pre.Fill(planes, &f); err != nil {
		tb.Fatal(err)
	}
	return pre, planes, p
}

// BenchmarkMatToPlanes is the conversion of a 768 x 576 frame.
func BenchmarkMatToPlanes(b *testing.B) {
	pre, planes, p := planesAndPicture(b)
	defer p.Close()
	b.ReportAllocs()
	for b.Loop() {
		f := p.Frame()
		if err := pre.Fill(planes, &f); err != nil {
			b.Fatal(err)
		}
	}
}

// The frame that the detector sees is the picture, blue, green, red.
func TestFrameIsTheMat(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	p := &picture{mat: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(10, 20, 30, 0), 6, 5, gocv.MatTypeCV8UC3)}
	defer p.Close()
	f := p.Frame()
	if err := f.Check(); err != nil || f.Width != 5 || f.Height != 6 || f.Stride != 15 || f.Pix[0] != 10 || f.Pix[1] != 20 || f.Pix[89] != 30 {
		t.Errorf("%v, %+v", err, f)
	}
	empty := library(t).NewPicture()
	defer empty.Close()
	if f := empty.Frame(); f.Check() == nil {
		t.Error("a picture without pixels is a frame")
	}
	if _, err := empty.JPEG(80); err == nil {
		t.Error("a picture without pixels is a JPEG")
	}
	empty.Draw(&video.Overlay{Caption: "nothing happens"})
}

func TestDrawing(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	p := &picture{mat: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(90, 90, 90, 0), 240, 320, gocv.MatTypeCV8UC3)}
	defer p.Close()
	red, green := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}
	p.Draw(&video.Overlay{
		Marks:   []video.Mark{{Box: image.Rect(100, 100, 200, 200), Text: "person 1", Color: red}, {Box: image.Rect(-20, -20, 400, 5), Text: "at the edge", Color: red}},
		Shapes:  []video.Shape{{Points: []image.Point{{10, 230}, {310, 230}, {310, 210}}, Text: "zone", Color: green, Closed: true}, {Points: []image.Point{{5, 5}}}},
		Caption: "camera",
	})
	at := func(x, y int) [3]byte { f := p.Frame(); i := y*f.Stride + 3*x; return [3]byte(f.Pix[i : i+3]) }
	for where, want := range map[image.Point][3]byte{
		{150, 100}: {0, 0, 255}, {100, 150}: {0, 0, 255}, {150, 150}: {90, 90, 90}, {150, 230}: {0, 255, 0},
	} {
		got := at(where.X, where.Y)
		for c := range got { // OpenCV smooths the edges of lines
			if d := int(got[c]) - int(want[c]); d < -30 || d > 30 {
				t.Errorf("at %v: %v, want %v", where, got, want)
			}
		}
	}
	data, err := p.JPEG(90)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go func() { _, _ = w.Write(data); w.Close() }()
	if img, err := jpeg.Decode(r); err != nil || img.Bounds().Dx() != 320 {
		t.Errorf("JPEG: %v", err)
	}
}

// The caption hides no box, and letters of a large picture have strokes of more
// than a pixel.
func TestDrawingOfLargePictures(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	p := &picture{mat: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(90, 90, 90, 0), 2160, 3840, gocv.MatTypeCV8UC3)}
	defer p.Close()
	p.Draw(&video.Overlay{
		Marks:   []video.Mark{{Box: image.Rect(20, 20, 400, 300), Color: color.RGBA{255, 0, 0, 255}, Text: "I", Faint: true}},
		Caption: "a camera with a long name  2026-11-30 07:00:00",
	})
	f := p.Frame()
	if v := f.Pix[20*f.Stride+3*200+2]; v < 200 {
		t.Errorf("the caption hides the box: red is %d", v)
	}
	if p.pen.stroke < 2 {
		t.Errorf("letters have strokes of %d pixels", p.pen.stroke)
	}
}

func TestWriters(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	lib := library(t)
	dir := t.TempDir()
	for _, ending := range []string{".mp4", ".mkv", ".avi", ".mov", ".webm"} {
		path := filepath.Join(dir, "a"+ending)
		w, err := lib.NewWriter(path, "", 10, 161, 121)
		if err != nil {
			t.Errorf("%s: %v", ending, err)
			continue
		}
		for i := range 12 { // of three sizes: all are fitted in
			side := []int{161, 80, 400}[i%3]
			p := &picture{mat: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(float64(20*i), 90, 90, 0), 121, side, gocv.MatTypeCV8UC3)}
			if err := w.Write(p); err != nil {
				t.Error(err)
			}
			p.Close()
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		plays(t, path, 12, 162, 122)
	}
	for want, path := range map[string]string{
		"no such file or directory":       filepath.Join(dir, "gone", "a.mp4"),
		`unknown video file extension ""`: filepath.Join(dir, "a"),
		"is a directory":                  dir + "/./.mp4/../x.mp4/",
	} {
		if w, err := lib.NewWriter(path, "", 10, 160, 120); err == nil {
			w.Close()
			t.Errorf("%s: %s is written", want, path)
		}
	}
	if _, err := lib.NewWriter(filepath.Join(dir, "b.mp4"), "", 10, 1, 1); err == nil {
		t.Error("a video of one pixel is written")
	}
}

// Motion: noise is none, something that moves is, and it goes when it stays.
func TestMotion(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	m := library(t).NewMotion()
	defer m.Close()
	base := gocv.IMRead("../../docs/street.jpg", gocv.IMReadColor)
	defer base.Close()
	noise := gocv.NewMatWithSize(base.Rows(), base.Cols(), gocv.MatTypeCV8UC3)
	defer noise.Close()
	p := &picture{mat: gocv.NewMat()}
	defer p.Close()
	frame := func(at int) float64 {
		gocv.RandN(&noise, gocv.NewScalar(3, 3, 3, 0), gocv.NewScalar(2, 2, 2, 0))
		gocv.Add(base, noise, &p.mat)
		if at >= 0 { // somebody of 30 x 80 pixels
			gocv.Rectangle(&p.mat, image.Rect(at, 250, at+30, 330), color.RGBA{20, 20, 60, 255}, -1)
		}
		return m.Moved(p)
	}
	for range 40 {
		frame(-1)
	}
	share := video.DefaultMotion.Share
	for range 40 {
		if v := frame(-1); v >= share {
			t.Fatalf("noise moves %.4f of the picture", v)
		}
	}
	for i := range 20 {
		if v := frame(100 + 20*i); v < share {
			t.Fatalf("step %d: somebody moves %.4f of the picture", i, v)
		}
	}
	var v float64
	for range 300 {
		v = frame(500)
	}
	if v >= share {
		t.Errorf("who stands still for 300 comparisons moves %.4f of the picture", v)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	junk := filepath.Join(t.TempDir(), "junk.avi")
	if err := os.WriteFile(junk, []byte("this is no video"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []video.Source{
		{Kind: video.File, Target: "gone.avi"}, {Kind: video.File, Target: junk},
		{Kind: video.Device, Index: 97, Target: "/dev/video97"}, {Kind: video.Stream, Target: "http://127.0.0.1:1/x"},
	} {
		if c, err := library(t).Open(s); err == nil {
			c.Close()
			t.Errorf("%v is open", s)
		}
	}
}
