package eval

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
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
	r, err := Analyze(d, dets, Options{})
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
	t.Parallel()
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
		if !strings.HasPrefix(m[1], "data:image/jpeg;base64,") && m[1] != "#left" {
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
	t.Parallel()
	d := &Dataset{Format: FormatFolder, Images: []Image{{ID: 1, Width: 100, Height: 100}}, Categories: []Category{{ID: 1, Name: "person"}}}
	r, err := Analyze(d, []Detection{{Image: 1, Category: 1}}, Options{})
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
	t.Parallel()
	for _, c := range hostileReport(t).charts() {
		wellFormed(t, c.name, c.svg())
	}
}

// TestWritePlots: SVG files that stand alone, without the page's variables.
func TestWritePlots(t *testing.T) {
	t.Parallel()
	r := hostileReport(t)
	dir := filepath.Join(t.TempDir(), "new", "plots")
	files, err := r.WritePlots(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range files {
		names = append(names, filepath.Base(path))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, path, string(text))
		for _, want := range []string{`<svg xmlns="http://www.w3.org/2000/svg"`, "model &lt;1&gt;", `fill="#fff"`, fileInk[inkFirst]} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %s", path, want)
			}
		}
		if strings.Contains(string(text), "var(") || strings.Contains(string(text), "NaN") {
			t.Errorf("%s holds what a file cannot know", path)
		}
	}
	if got := strings.Join(names, " "); got != "pr_curve.svg confidence.svg reliability.svg sizes.svg tide.svg class_ap.svg confusion.svg speed.svg" {
		t.Errorf("wrote %s", got)
	}
	blocked := filepath.Join(dir, "pr_curve.svg")
	if _, err := r.WritePlots(blocked); err == nil || !strings.HasPrefix(err.Error(), "plots: ") {
		t.Errorf("a file in place of the folder: error %v", err)
	}
}

func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// TestThumbnails: photos in the page are small, and white below what is
// transparent.
func TestThumbnails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, wantW, wantH int }{{1600, 1200, 720, 540}, {300, 2000, 108, 720}, {90, 60, 90, 60}, {3000, 1, 720, 1}} {
		data, err := smallJPEG(image.NewNRGBA(image.Rect(7, 3, 7+c.w, 3+c.h)))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(data, "data:image/jpeg;base64,"))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() != c.wantW || b.Dy() != c.wantH {
			t.Errorf("%d x %d became %d x %d, want %d x %d", c.w, c.h, b.Dx(), b.Dy(), c.wantW, c.wantH)
		}
		if r, _, _, _ := img.At(0, 0).RGBA(); r < 0xf000 {
			t.Errorf("what is transparent became %v", img.At(0, 0))
		}
	}
	if _, err := smallJPEG(image.NewGray(image.Rect(0, 0, 0, 9))); err == nil {
		t.Error("an empty photo became a thumbnail")
	}
}

// TestHTMLOfManyClasses: a page of LVIS's 1,203 classes shows the most frequent
// ones in matrix and chart, and says so.
func TestHTMLOfManyClasses(t *testing.T) {
	t.Parallel()
	d, dets := synthetic(5, 300, 1203, 12, 20)
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Incomplete = "limited to the first 3 of 9 photos"
	r.Facts = []Fact{{"model", "<m>"}, {"date", "today"}}
	var b strings.Builder
	if err := r.WriteHTML(&b, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Shown are 100 classes", "limited to the first 3 of 9 photos", "<dt>model</dt> <dd>&lt;m&gt;</dd>", "<dt>date</dt>", "Best F1 "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, c := range r.charts() {
		if c.h > 1800 {
			t.Errorf("%s is %v high", c.name, c.h)
		}
	}
}
