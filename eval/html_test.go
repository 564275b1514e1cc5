package eval

import (
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func hostileReport(t *testing.T) *Report {
	t.Helper()
	d, dets := street()
	d.Categories[0].Name = `</script><b onload="x">&`
	d.Images[0].File = `<i>"one".jpg`
	r, err := Analyse(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Title = `model <1>`
	r.LeftOut.Add("photos", "that cannot be read", "<u>broken</u>")
	r.Seconds = 1.25
	for i, im := range d.Images {
		r.Timings = append(r.Timings, Timing{im, time.Duration(i+1) * 10 * time.Millisecond})
	}
	return r
}

func flat(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(5, 5, 5+w, 5+h))
	for y := range h {
		for x := range w {
			img.Set(5+x, 5+y, color.RGBA{200, uint8(x), uint8(y), 255})
		}
	}
	return img
}

func TestHTMLIsOneSafePage(t *testing.T) {
	r := hostileReport(t)
	var b strings.Builder
	err := r.WriteHTML(&b, func(im Image) (image.Image, error) {
		if im.ID == 2 {
			return nil, errors.New("<cut> short")
		}
		return flat(1600, 1200), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, bad := range []string{`<b onload`, `</script><b`, `<i>"one`, "<u>broken", "model <1>", "<cut>", "ZgotmplZ", "NaN", "no value"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, good := range []string{"model &lt;1&gt;", "bicycle", "classification", "median 20.0 ms", "3 photos (COCO annotations), 5 objects, 8 detections, 1.2 s", "&lt;cut&gt; short", "boat 0.60: classification error", "1 missed, 1 wrong"} {
		if !strings.Contains(text, good) {
			t.Errorf("the page lacks %q", good)
		}
	}
	// Nothing is fetched: the only addresses are names of XML's.
	for _, m := range regexp.MustCompile(`(?i)(?:src|href|url|@import|fetch)\s*[=(:]\s*["']?([^"' )>]+)`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "data:image/jpeg;base64,") {
			t.Errorf("the page refers to %.60q", m[1])
		}
	}
	if n := strings.Count(text, "data:image/jpeg"); n != 4 { // two photos, each twice
		t.Errorf("%d photos in the page, want 4", n)
	}
	if n := strings.Count(text, `class="box missed"`); n != 4 {
		t.Errorf("%d missed boxes are drawn, want 4", n)
	}
}

func TestHTMLWithoutLabels(t *testing.T) {
	d := &Dataset{Format: FormatFolder, Images: []Image{{ID: 1, Width: 100, Height: 100}}, Categories: []Category{{ID: 1, Name: "person"}}}
	r, err := Analyse(d, []Detection{{Image: 1, Category: 1}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Timings = []Timing{{d.Images[0], 7 * time.Millisecond}}
	var b strings.Builder
	if err := r.WriteHTML(&b, nil); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "median 7.0 ms") || !strings.Contains(text, "person") || strings.Contains(text, "Confusion matrix") || strings.Contains(text, ">AP50<") {
		t.Error("the page of a set without labels should tell classes and speed, and no accuracy")
	}
}

func TestChartsAreWellFormedXML(t *testing.T) {
	for _, c := range hostileReport(t).charts() {
		dec := xml.NewDecoder(strings.NewReader(c.svg()))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				break
			}
		}
	}
}

func TestWritePlots(t *testing.T) {
	r := hostileReport(t)
	dir := filepath.Join(t.TempDir(), "new", "plots")
	files, err := r.WritePlots(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range files {
		names = append(names, filepath.Base(path))
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		_ = f.Close()
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		text, coloured := 0, 0
		for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
			for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
				c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
				if c == pngInk[inkText] {
					text++
				}
				if max(c.R, c.G, c.B)-min(c.R, c.G, c.B) > 60 {
					coloured++
				}
			}
		}
		if text < 200 || coloured < 60 {
			t.Errorf("%s: %d pixels of text and %d of data", path, text, coloured)
		}
	}
	if got := strings.Join(names, " "); got != "pr_curve.png sizes.png tide.png class_ap.png confusion.png speed.png" {
		t.Errorf("wrote %s", got)
	}
	blocked := filepath.Join(dir, "pr_curve.png")
	if _, err := r.WritePlots(blocked); err == nil || !strings.HasPrefix(err.Error(), "plots: ") {
		t.Errorf("a file in place of the folder: error %v", err)
	}
}

// TestPNGDrawsWhereSVGDoes: a rectangle and upright text land where asked.
func TestPNGDrawsWhereSVGDoes(t *testing.T) {
	c := chart{"x", "", 100, 60, func(c canvas) {
		c.rect(10, 20, 30, 10, inkFirst, 1, "")
		c.textUp(80, 55, "llll", 12, inkText)
		c.line([]point{{50, 5}, {50, 55}}, 2, inkSecond)
	}}
	var b strings.Builder
	if err := c.png(&b, ""); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	at := func(x, y float64) color.NRGBA { // in the chart's units
		return color.NRGBAModel.Convert(img.At(int((x+10)*2.5), int((y+10+26)*2.5))).(color.NRGBA)
	}
	white := color.NRGBA{255, 255, 255, 255}
	for _, p := range []struct {
		x, y float64
		want color.NRGBA
	}{{11, 21, pngInk[inkFirst]}, {39, 29, pngInk[inkFirst]}, {8, 25, white}, {42, 25, white}, {25, 18, white}, {25, 32, white}, {50, 30, pngInk[inkSecond]}, {48, 30, white}} {
		if got := at(p.x, p.y); got != p.want {
			t.Errorf("at %v,%v: %v, want %v", p.x, p.y, got, p.want)
		}
	}
	dark := 0
	for y := 40.0; y < 55; y += 0.4 { // four strokes of l lie across, left of the baseline and above the start
		for x := 70.0; x < 80; x += 0.4 {
			if at(x, y) != white {
				dark++
			}
		}
	}
	if dark < 20 {
		t.Errorf("%d dark pixels where the upright text should be", dark)
	}
}
