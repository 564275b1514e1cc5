package eval

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

// street is a small set in which every kind of error happens once, at
// positions that can be checked by eye.
func street() (*Dataset, []Detection) {
	d := &Dataset{
		Format: FormatCOCO, Labeled: true,
		Images:     []Image{{ID: 1, File: "one.jpg", Width: 400, Height: 300}, {ID: 2, File: "two.jpg", Width: 400, Height: 300}, {ID: 3, File: "three.jpg", Width: 400, Height: 300}},
		Categories: []Category{{ID: 1, Name: "person"}, {ID: 2, Name: "bicycle"}, {ID: 9, Name: "boat"}},
		Objects: []Object{
			{ID: 1, Image: 1, Category: 1, Box: Box{0, 0, 20, 40}},
			{ID: 2, Image: 1, Category: 1, Box: Box{100, 0, 20, 40}},
			{ID: 3, Image: 1, Category: 2, Box: Box{200, 0, 40, 40}},
			{ID: 4, Image: 2, Category: 1, Box: Box{0, 0, 100, 200}},
			{ID: 5, Image: 2, Category: 1, Box: Box{200, 100, 100, 100}, Crowd: true},
			{ID: 6, Image: 3, Category: 2, Box: Box{0, 0, 10, 10}},
		},
	}
	for i := range d.Objects {
		d.Objects[i].Area = d.Objects[i].Box.Area()
	}
	return d, []Detection{
		{1, 1, Box{0, 0, 20, 40}, 0.9, 0},      // right
		{1, 1, Box{1, 0, 20, 40}, 0.8, 0},      // duplicate
		{1, 1, Box{110, 0, 20, 40}, 0.7, 0},    // badly placed
		{1, 9, Box{200, 0, 40, 40}, 0.6, 0},    // a bicycle taken for a boat
		{1, 9, Box{230, 0, 40, 40}, 0.5, 0},    // both
		{2, 2, Box{300, 200, 50, 50}, 0.55, 0}, // background
		{2, 1, Box{210, 110, 30, 30}, 0.95, 0}, // in the crowd
		{3, 2, Box{0, 0, 10, 10}, 0.2, 0},      // right, but below the threshold
	}
}

func TestAnalyze(t *testing.T) {
	t.Parallel()
	d, dets := street()
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := Score(d, dets); r.Metrics != want {
		t.Errorf("metrics %v, Score has %v", r.Metrics, want)
	}
	if r.Objects != 5 || r.Detections != 8 || r.Images != 3 || r.Threshold != 0.3 {
		t.Errorf("%d objects, %d detections, %d images, threshold %v", r.Objects, r.Detections, r.Images, r.Threshold)
	}
	want := [][]int{
		// person, bicycle, boat, nothing
		{1, 0, 0, 2}, // person: the second and the one of the second photo are missed
		{0, 0, 1, 1}, // bicycle: one taken for a boat; the other found below the threshold only
		{0, 0, 0, 0},
		{2, 1, 1, 0}, // nothing: duplicate and badly placed person, background, both
	}
	if !reflect.DeepEqual(r.Confusion.Counts, want) {
		t.Errorf("confusion %v, want %v", r.Confusion.Counts, want)
	}
	if got := r.Confusion.Mistakes(5); len(got) != 1 || got[0] != (Mistake{Category{ID: 2, Name: "bicycle"}, Category{ID: 9, Name: "boat"}, 1}) {
		t.Errorf("mistakes %v", got)
	}
	for kind, n := range [errorTypes]int{1, 1, 1, 1, 1, 1} { // missed: the tall person; the others have an explanation
		if r.TIDE.Errors[kind].Count != n {
			t.Errorf("%d %v errors, want %d", r.TIDE.Errors[kind].Count, ErrorType(kind), n)
		}
	}
	person := r.Classes[0]
	if person.Name != "person" || person.Objects != 3 || person.Detections != 4 || person.Precision != 1/3. || person.Recall != 1/3. || len(person.Curves) != 3 {
		t.Errorf("person: %+v", person)
	}
	if boat := r.Classes[2]; boat.Objects != 0 || boat.AP != -1 || boat.Recall != -1 || boat.Precision != 0 || boat.Curves != nil {
		t.Errorf("boat: %+v", boat)
	}
	for i, n := range []int{5, 3, 1, 1} {
		if r.Sizes[i].Objects != n {
			t.Errorf("%d %s objects, want %d", r.Sizes[i].Objects, r.Sizes[i].Name, n)
		}
	}
	if r.Sizes[0].AP != r.AP || r.Sizes[1].AP != r.APs || r.Sizes[2].AP != r.APm || r.Sizes[3].AR100 != r.ARl {
		t.Errorf("sizes %v are not those of the metrics %v", r.Sizes, r.Metrics)
	}
	for i, ap := range []float64{r.AP50, r.AP75, r.AP} {
		mean := 0.0
		for _, p := range r.Curves[i].Precision {
			mean += p / recalls
		}
		if math.Abs(mean-ap) > 1e-12 || math.Abs(r.Curves[i].AP-ap) > 1e-12 {
			t.Errorf("the area below curve %s is %v, its AP %v, want %v", r.Curves[i].Name, mean, r.Curves[i].AP, ap)
		}
	}
}

func TestWorstPictures(t *testing.T) {
	t.Parallel()
	d, dets := street()
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Pictures) != 3 {
		t.Fatalf("%d pictures, want 3", len(r.Pictures))
	}
	p := r.Pictures[0] // the person of 100x200 weighs most
	if p.Image.ID != 2 || p.Missed != 1 || p.False != 1 {
		t.Errorf("the worst is image %d with %d missed and %d false", p.Image.ID, p.Missed, p.False)
	}
	want := math.Sqrt(100*200/(400*300.)) + 0.55*math.Sqrt(50*50/(400*300.))
	if math.Abs(p.Cost-want) > 1e-12 {
		t.Errorf("it costs %v, want %v", p.Cost, want)
	}
	if p.Truth[0].Kind != MarkMissed || p.Truth[1].Kind != MarkIgnored || p.Found[0].Kind != MarkIgnored || p.Found[1].Error != ErrBackground {
		t.Errorf("marks %v and %v", p.Truth, p.Found)
	}
	first := r.Pictures[1]
	if first.Image.ID != 1 || first.Found[0].Kind != MarkRight || first.Found[1].Error != ErrDuplicate || first.Found[2].Error != ErrLocation || first.Found[3].Error != ErrClass || first.Found[4].Error != ErrBoth {
		t.Errorf("image %d: %v", first.Image.ID, first.Found)
	}
	one, _ := Analyze(d, dets, Options{Pictures: 1})
	none, _ := Analyze(d, dets, Options{Pictures: -1})
	low, _ := Analyze(d, dets, Options{Threshold: 0.1})
	if len(one.Pictures) != 1 || len(none.Pictures) != 0 || len(low.Pictures) != 2 {
		t.Errorf("%d, %d and %d pictures, want 1, 0 and 2", len(one.Pictures), len(none.Pictures), len(low.Pictures))
	}
}

// TestConfusionCountsEverythingOnce: rows sum up to the objects, columns to the
// detections.
func TestConfusionCountsEverythingOnce(t *testing.T) {
	t.Parallel()
	d, dets := synthetic(5, 60, 6, 8, 40)
	for i := 0; i < len(dets); i += 5 {
		dets[i].Category = i%6 + 1
	}
	e := evaluated(t, d, dets)
	const threshold = 0.4
	c := e.confusion(e.byImage(), threshold)
	off := 0
	for k := range d.Categories {
		s := &e.categories[k]
		row, column, counted, right := 0, 0, 0, 0
		for i := range c.Counts {
			row += c.Counts[k][i]
			column += c.Counts[i][k]
			if i != k && i < len(d.Categories) {
				off += c.Counts[k][i]
			}
		}
		for i, det := range s.m.det {
			if e.dets[det].Score >= threshold && s.m.ignored[sizeAll][i]&1 == 0 {
				counted++
				right += int(s.m.matched[sizeAll][i] & 1)
			}
		}
		if row != s.m.positives[sizeAll] || column != counted || c.Counts[k][k] != right {
			t.Errorf("category %d: row %d of %d objects, column %d of %d detections, %d of %d right", k, row, s.m.positives[sizeAll], column, counted, c.Counts[k][k], right)
		}
	}
	if off == 0 {
		t.Error("no confusions in the synthetic set: the test shows nothing")
	}
}

func TestAnalyseWithoutLabels(t *testing.T) {
	t.Parallel()
	d := &Dataset{Format: FormatFolder, Images: []Image{{ID: 1}}, Categories: []Category{{ID: 1, Name: "person"}}}
	r, err := Analyze(d, []Detection{{Image: 1, Category: 1}, {Image: 1, Category: 5}}, Options{})
	if err != nil || r.AP != -1 || r.ARl != -1 || r.Images != 1 || r.Detections != 2 || r.Classes[0].Detections != 1 {
		t.Errorf("%+v (%v)", r, err)
	}
}

func TestAnalyseRefusesAThreshold(t *testing.T) {
	t.Parallel()
	d, dets := street()
	for _, v := range []float64{-0.1, 1.1} {
		if _, err := Analyze(d, dets, Options{Threshold: v}); err == nil || !strings.Contains(err.Error(), "threshold") {
			t.Errorf("threshold %v: error %v", v, err)
		}
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	d, dets := street()
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"3 photos (COCO annotations), 5 objects, 8 detections\n", " AP50 ", "small        3", "background  1", "bicycle found as boat: 1\n",
		"  person        3      4 ", "    boat        0      2     –     –     –      –        0.0       –\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	r.Labeled = false
	b.Reset()
	if err := r.WriteText(&b); err != nil || strings.Contains(b.String(), "AP") || !strings.Contains(b.String(), "bicycle      2\n") {
		t.Errorf("without labels (%v):\n%s", err, b.String())
	}
}
