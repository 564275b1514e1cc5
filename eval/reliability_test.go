package eval

import (
	"math"
	"strings"
	"testing"
)

// toldScores are photos with one object each: of ten detections of score 0.7
// seven lie on it, of ten of 0.2 none, and one of 0.01 does not count.
func toldScores(t *testing.T) *Report {
	t.Helper()
	d := &Dataset{Categories: []Category{{ID: 1, Name: "cat"}}, Labeled: true}
	var dets []Detection
	on, off := Box{X: 10, Y: 10, W: 30, H: 30}, Box{X: 60, Y: 60, W: 20, H: 20}
	for i := range 10 {
		d.Images = append(d.Images, Image{ID: i + 1, Width: 100, Height: 100})
		d.Objects = append(d.Objects, Object{ID: i + 1, Image: i + 1, Category: 1, Box: on, Area: 900})
		at := off
		if i < 7 {
			at = on
		}
		dets = append(dets, Detection{Image: i + 1, Category: 1, Box: at, Score: 0.7}, Detection{Image: i + 1, Category: 1, Box: off, Score: 0.2})
	}
	dets = append(dets, Detection{Image: 1, Category: 1, Box: off, Score: 0.01})
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReliabilityIsTheShareThatIsRight(t *testing.T) {
	t.Parallel()
	r := toldScores(t)
	got := r.Reliability
	if math.Abs(got.Error-0.1) > 1e-9 { // half of them are off by 0.2, the others by nothing
		t.Errorf("error %v, want 0.1", got.Error)
	}
	for i, want := range map[int]ReliabilityBin{
		0: {From: 0.05, To: 0.1, Score: -1, Right: -1},
		2: {From: 0.2, To: 0.3, Detections: 10, Score: 0.2, Right: 0},
		7: {From: 0.7, To: 0.8, Detections: 10, Score: 0.7, Right: 0.7},
	} {
		b := got.Bins[i]
		if b.Detections != want.Detections || math.Abs(b.Score-want.Score)+math.Abs(b.Right-want.Right)+math.Abs(b.From-want.From)+math.Abs(b.To-want.To) > 1e-9 {
			t.Errorf("bin %d is %+v, want %+v", i, b, want)
		}
	}
	var page strings.Builder
	if err := r.WriteHTML(&page, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Share that is right against score", "Calibration error 0.100"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestReliabilityWithoutDetections(t *testing.T) {
	t.Parallel()
	d := &Dataset{Categories: []Category{{ID: 1, Name: "cat"}}, Labeled: true,
		Images: []Image{{ID: 1, Width: 9, Height: 9}}, Objects: []Object{{ID: 1, Image: 1, Category: 1, Box: Box{W: 5, H: 5}, Area: 25}}}
	r, err := Analyze(d, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Reliability.Error != -1 || len(r.Reliability.Bins) != reliabilityBins {
		t.Errorf("%+v", r.Reliability)
	}
}
