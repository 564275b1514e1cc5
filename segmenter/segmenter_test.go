package segmenter

import (
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// torchvision is what training/vectors/torchvision_models.py says of a model.
type torchvision struct {
	Shapes map[string][]int `json:"shapes"`
	Scores []float32        `json:"scores"` // a digest
}

func readTorchvision(t *testing.T, name string) torchvision {
	t.Helper()
	text, err := os.ReadFile("../testdata/torchvision_" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var v torchvision
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func readMap(t *testing.T, name string) *image.Gray {
	t.Helper()
	f, err := os.Open("../testdata/torchvision_" + name + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*image.Gray)
}

// model is a model's file with torchvision's random weights.
func model(t testing.TB, h Header) []byte {
	t.Helper()
	g, err := Graph(&h)
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string]nn.Tensor{}
	for _, p := range g.Params() {
		tensors[p.Name] = parity.Tensor(strings.Replace(p.Name, "backbone.features.", "backbone.", 1), p.Shape)
	}
	data, err := modelfile.Write(tensors, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// small is LR-ASPP at output stride 32 with five classes.
func small() Header {
	h := Torchvision("mobilenet_v3_small")
	h.Name, h.OutputStride, h.Classes = "small", 32, h.Classes[:5]
	return h
}

// TestMatchesTorchvision compares the scores to 1e-4 and the class of every pixel,
// at the size of the network's input and of the picture. Where two classes are
// near a tie, rounding may decide.
func TestMatchesTorchvision(t *testing.T) {
	large := Torchvision("mobilenet_v3_large")
	large.Name = "large"
	for name, h := range map[string]Header{"lraspp_mobilenet_v3_large": large, "lraspp_mobilenet_v3_small": small()} {
		want := readTorchvision(t, name)
		data := model(t, h)
		for _, cpu := range nn.ISAs() {
			s, err := New(data, Options{ISA: cpu, Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Segment(context.Background(), parity.Picture(410, 300))
			if err != nil {
				t.Fatal(err)
			}
			compareMaps(t, name+" picture "+cpu, r.Map.Pix, readMap(t, name+"_picture"))
			size := s.inputSize(410, 300)
			if size != image.Pt(710, 520) {
				t.Fatalf("the network sees %v pixels", size)
			}
			w, err := s.workers.Acquire(context.Background(), size)
			if err != nil {
				t.Fatal(err)
			}
			classes := make([]uint8, 710*520)
			w.out.classes(classes, 710, 520)
			compareMaps(t, name+" network "+cpu, classes, readMap(t, name+"_network"))

			var all []float32
			for _, p := range w.out.planes {
				all = append(all, p...)
			}
			got := parity.Digest(all)
			for i, v := range want.Scores {
				if math.Abs(float64(got[i]-v)) > 1e-4 {
					t.Errorf("%s %s: score %d is %g, want %g", name, cpu, i, got[i], v)
					break
				}
			}
			total := 0
			for i, share := range r.Shares {
				total += share.Pixels
				if share.Label != h.Classes[share.ID].Name || math.Abs(share.Share-float64(share.Pixels)/(410*300)) > 1e-12 || i > 0 && share.Pixels > r.Shares[i-1].Pixels {
					t.Errorf("share %+v", share)
				}
			}
			if total != 410*300 {
				t.Errorf("shares of %d pixels", total)
			}
		}
		// Every tensor of the checkpoint is read.
		g, err := Graph(&h)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(g.Params()); got != len(want.Shapes) {
			t.Errorf("%s: %d tensors are read, torchvision has %d", name, got, len(want.Shapes))
		}
	}
}

func compareMaps(t *testing.T, what string, got []uint8, want *image.Gray) {
	t.Helper()
	if len(got) != len(want.Pix) {
		t.Fatalf("%s: %d pixels, want %d", what, len(got), len(want.Pix))
	}
	differ := 0
	for i, c := range want.Pix {
		if got[i] != c {
			differ++
		}
	}
	if differ > len(got)/10_000 {
		t.Errorf("%s: %d of %d pixels have another class", what, differ, len(got))
	}
}

// TestBetweenCells holds the shortcut between equal cells against the definition.
func TestBetweenCells(t *testing.T) {
	const rows, cols, n = 5, 7, 6
	s := scores{rows: rows, cols: cols}
	for range n {
		s.planes = append(s.planes, nil)
	}
	for round := range 20 {
		for c := range s.planes {
			s.planes[c] = make([]float32, rows*cols)
			for i, u := range parity.Uniform(string(rune('a'+c))+string(rune('a'+round)), rows*cols) {
				s.planes[c][i] = float32(u)
			}
		}
		for _, size := range [][2]int{{53, 31}, {7, 5}, {3, 2}, {1, 1}, {14, 40}} {
			got := make([]uint8, size[0]*size[1])
			s.classes(got, size[0], size[1])
			xs, ys := newAxis(size[0], cols), newAxis(size[1], rows)
			for i := range got {
				x, y := i%size[0], i/size[0]
				best, most := 0, float32(-1)
				second := float32(-1)
				for c := range n {
					at := func(r, k int) float32 { return s.planes[c][min(r, rows-1)*cols+min(k, cols-1)] }
					top := at(ys.cell[y], xs.cell[x])*(1-xs.part[x]) + at(ys.cell[y], xs.cell[x]+1)*xs.part[x]
					bottom := at(ys.cell[y]+1, xs.cell[x])*(1-xs.part[x]) + at(ys.cell[y]+1, xs.cell[x]+1)*xs.part[x]
					switch v := top*(1-ys.part[y]) + bottom*ys.part[y]; {
					case v > most:
						best, most, second = c, v, most
					case v > second:
						second = v
					}
				}
				if int(got[i]) != best && most-second > 1e-5 {
					t.Fatalf("round %d, %v: pixel %d,%d is class %d, want %d", round, size, x, y, got[i], best)
				}
			}
		}
	}
}

func TestPaletteIsThatOfVOC(t *testing.T) {
	p := Palette(256)
	for i, want := range map[int]color.RGBA{0: {0, 0, 0, 255}, 1: {128, 0, 0, 255}, 2: {0, 128, 0, 255}, 15: {192, 128, 128, 255}, 20: {0, 64, 128, 255}, 255: {224, 224, 192, 255}} {
		if p[i] != want {
			t.Errorf("class %d is %v, want %v", i, p[i], want)
		}
	}
	seen := map[color.Color]bool{}
	for _, c := range p {
		if seen[c] {
			t.Errorf("%v twice", c)
		}
		seen[c] = true
	}
}

func TestOverlay(t *testing.T) {
	photo := image.NewRGBA(image.Rect(5, 5, 8, 7))
	for i := range photo.Pix {
		photo.Pix[i] = 100
	}
	for i := 3; i < len(photo.Pix); i += 4 {
		photo.Pix[i] = 255
	}
	classes := image.NewPaletted(image.Rect(0, 0, 3, 2), Palette(3))
	classes.Pix[4] = 1
	out := Overlay(photo, classes)
	if got := out.RGBAAt(0, 0); got != (color.RGBA{100, 100, 100, 255}) {
		t.Errorf("background %v", got)
	}
	if got := out.RGBAAt(1, 1); got != (color.RGBA{117, 40, 40, 255}) {
		t.Errorf("class 1 %v", got)
	}
}

// TestManySizes runs photos of more sizes than are kept from several goroutines,
// and wants of each the result it has alone.
func TestManySizes(t *testing.T) {
	h := small()
	h.Resize = 64
	data := model(t, h)
	sizes := [][2]int{{90, 70}, {70, 90}, {64, 64}, {200, 64}, {64, 200}, {3000, 20}, {31, 33}}
	alone := make([]Result, len(sizes))
	for i, size := range sizes {
		s, err := New(data, Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if alone[i], err = s.Segment(context.Background(), parity.Picture(size[0], size[1])); err != nil {
			t.Fatalf("%v: %v", size, err)
		}
	}
	s, err := New(data, Options{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range sizes {
				k := (i + 2*g) % len(sizes)
				r, err := s.Segment(context.Background(), parity.Picture(sizes[k][0], sizes[k][1]))
				if err != nil {
					t.Error(err)
				} else if string(r.Map.Pix) != string(alone[k].Map.Pix) {
					t.Errorf("%v: another result among others", sizes[k])
				}
			}
		})
	}
	wait.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Segment(ctx, parity.Picture(8, 8)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := s.Segment(context.Background(), image.NewRGBA(image.Rectangle{})); err == nil {
		t.Error("no error for a picture without pixels")
	}
}

func TestHeaderErrorsNameTheFault(t *testing.T) {
	for want, change := range map[string]func(h *Header){
		"resize":            func(h *Header) { h.Resize = 100_000 },
		"output_stride":     func(h *Header) { h.OutputStride = 8 },
		"hidden":            func(h *Header) { h.Hidden = 0 },
		"has id 7":          func(h *Header) { h.Classes = []modelfile.Class{{ID: 7, Name: "a"}} },
		"MobileNetV3, not":  func(h *Header) { h.Arch = "shufflenet_v2_x1.0" },
		"arch":              func(h *Header) { h.Arch = "mobilenet_v9" },
		"use riffle detect": func(h *Header) { h.Kind = modelfile.SSDLite },
		"kind":              func(h *Header) { h.Kind = "painter" },
		"format":            func(h *Header) { h.Format = 2 },
		"cbr":               func(h *Header) { h.Hidden = 64 },
	} {
		good := small()
		g, err := Graph(&good)
		if err != nil {
			t.Fatal(err)
		}
		tensors := map[string]nn.Tensor{}
		for _, p := range g.Params() {
			tensors[p.Name] = parity.Tensor(p.Name, p.Shape)
		}
		bad := small()
		change(&bad)
		data, err := modelfile.Write(tensors, bad, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(data, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if _, err := New([]byte("no model"), Options{}); err == nil {
		t.Error("text is a model")
	}
}
