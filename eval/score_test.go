package eval

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// recorded is one case of testdata/coco.json or tide.json, made by
// training/vectors/eval.py.
type recorded struct {
	Images     []int
	Categories []int
	Objects    [][10]float64 // id, image, category, x, y, w, h, area, iscrowd, ignore
	Dets       [][7]float64  // image, category, x, y, w, h, score
	Stats      [12]float64
	Classes    [][2]float64 // AP and AP50, categories by id

	AP50   float64
	DAP    map[string]float64
	Counts map[string]int
}

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// files gives the recorded as the two files that a user would have.
func (v *recorded) files() (annotations, results string) {
	var a, r strings.Builder
	list := func(b *strings.Builder, n int, item func(i int)) {
		b.WriteByte('[')
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			item(i)
		}
		b.WriteByte(']')
	}
	a.WriteString(`{"info":{"year":2026,"x":[{}]},"annotations":`)
	list(&a, len(v.Objects), func(i int) {
		o := v.Objects[i]
		fmt.Fprintf(&a, `{"segmentation":[[1,2,3]],"id":%v,"image_id":%v,"category_id":%v,"bbox":[%v,%v,%v,%v],"area":%v,"iscrowd":%v,"ignore":%v}`,
			o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], o[9])
	})
	a.WriteString(`,"images":`)
	list(&a, len(v.Images), func(i int) {
		fmt.Fprintf(&a, `{"id":%d,"file_name":"%d.jpg","width":640,"height":480}`, v.Images[i], v.Images[i])
	})
	a.WriteString(`,"categories":`)
	list(&a, len(v.Categories), func(i int) { fmt.Fprintf(&a, `{"id":%d,"name":"c%d"}`, v.Categories[i], v.Categories[i]) })
	a.WriteString(`}`)
	list(&r, len(v.Dets), func(i int) {
		d := v.Dets[i]
		fmt.Fprintf(&r, `{"image_id":%v,"category_id":%v,"bbox":[%v,%v,%v,%v],"score":%v}`, d[0], d[1], d[2], d[3], d[4], d[5], d[6])
	})
	return a.String(), r.String()
}

func (v *recorded) load(t testing.TB) (*Dataset, []Detection) {
	t.Helper()
	annotations, results := v.files()
	d, err := ReadCOCO(strings.NewReader(annotations))
	if err != nil {
		t.Fatal(err)
	}
	found, err := ReadResults(strings.NewReader(results), d)
	if err != nil {
		t.Fatal(err)
	}
	dets := found.Detections
	if len(d.LeftOut)+len(found.LeftOut) != 0 || len(dets) != len(v.Dets) || len(d.Objects) != len(v.Objects) {
		t.Fatalf("read %d of %d detections, %d of %d objects: %v %v", len(dets), len(v.Dets), len(d.Objects), len(v.Objects), d.LeftOut, found.LeftOut)
	}
	return d, dets
}

func (m Metrics) list() [12]float64 {
	return [12]float64{m.AP, m.AP50, m.AP75, m.APs, m.APm, m.APl, m.AR1, m.AR10, m.AR100, m.ARs, m.ARm, m.ARl}
}

func compare(t *testing.T, name string, e *evaluation, stats [12]float64, classes [][2]float64) {
	t.Helper()
	const tolerance = 1e-9 // the promise is 1e-6; sums in another order differ by less than this
	got := e.metrics().list()
	for i := range stats {
		if math.Abs(got[i]-stats[i]) > tolerance {
			t.Errorf("%s: number %d is %.12f, pycocotools has %.12f", name, i, got[i], stats[i])
		}
	}
	for k := range classes {
		s := &e.categories[k]
		ap, ap50 := meanOf(s.precision[sizeAll][:]), s.precision[sizeAll][0]
		if math.Abs(ap-classes[k][0]) > tolerance || math.Abs(ap50-classes[k][1]) > tolerance {
			t.Errorf("%s: category %d: AP %.12f AP50 %.12f, pycocotools has %.12f", name, e.set.Categories[k].ID, ap, ap50, classes[k])
		}
	}
}

func evaluated(t testing.TB, d *Dataset, dets []Detection) *evaluation {
	t.Helper()
	e, err := newEvaluation(d, dets)
	if err != nil {
		t.Fatal(err)
	}
	e.run()
	return e
}

func TestScoreEqualsPycocotools(t *testing.T) {
	t.Parallel()
	var vectors []recorded
	readVectors(t, "coco.json", &vectors)
	crowds, empty, without, zero, absent, many := 0, 0, 0, 0, 0, 0
	for i := range vectors {
		v := &vectors[i]
		d, dets := v.load(t)
		compare(t, fmt.Sprintf("case %d", i), evaluated(t, d, dets), v.Stats, v.Classes)
		for _, o := range d.Objects {
			crowds += map[bool]int{true: 1}[o.Crowd]
		}
		for _, o := range v.Objects {
			zero += map[bool]int{true: 1}[o[0] == 0]
		}
		empty += map[bool]int{true: 1}[len(dets) == 0]
		without += map[bool]int{true: 1}[len(d.Objects) == 0]
		absent += map[bool]int{true: 1}[v.Classes[0][0] == -1]
		many += map[bool]int{true: 1}[len(dets) > 120]
	}
	if len(vectors) < 250 || crowds < 100 || empty < 10 || without < 10 || zero < 10 || absent < 10 || many < 3 {
		t.Errorf("the vectors lack cases: %d in all, crowds %d, no detections %d, no objects %d, id 0 %d, absent category %d, over 100 %d",
			len(vectors), crowds, empty, without, zero, absent, many)
	}
}

func TestScoreEqualsPycocotoolsOnALargeSet(t *testing.T) {
	t.Parallel()
	var want struct {
		Seed                      uint64
		Images, Categories, Found int
		PerImage                  int `json:"per_image"`
		Stats                     [12]float64
		Classes                   [][2]float64
		IoUThresholds             []float64 `json:"iou_thresholds"`
		RecallLevels              []float64 `json:"recall_levels"`
	}
	readVectors(t, "synthetic.json", &want)
	d, dets := synthetic(want.Seed, want.Images, want.Categories, want.PerImage, want.Found)
	compare(t, "synthetic", evaluated(t, d, dets), want.Stats, want.Classes)
	for i, v := range want.IoUThresholds {
		if iouThreshold[i] != v {
			t.Errorf("IoU threshold %d is %v, numpy has %v", i, iouThreshold[i], v)
		}
	}
	for i, v := range want.RecallLevels {
		if recallLevel[i] != v {
			t.Errorf("recall level %d is %v, numpy has %v", i, recallLevel[i], v)
		}
	}
}

func TestScoreIsTheSameFromAWrittenResultsFile(t *testing.T) {
	t.Parallel()
	d, dets := synthetic(3, 40, 5, 6, 30)
	for i := range dets {
		dets[i].Score = math.Sqrt(dets[i].Score) // numbers with all their digits
	}
	want, err := Score(d, dets)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := WriteResults(&file, d, dets); err != nil {
		t.Fatal(err)
	}
	results, err := ReadResults(&file, d)
	if err != nil || len(results.LeftOut) > 0 {
		t.Fatal(results, err)
	}
	back := results.Detections
	for i := range dets {
		if back[i] != dets[i] {
			t.Fatalf("detection %d: wrote %v, read %v", i, dets[i], back[i])
		}
	}
	if got, _ := Score(d, back); got != want {
		t.Errorf("scored %v from the file, %v before", got, want)
	}
}

func TestScoreRefuses(t *testing.T) {
	t.Parallel()
	d, dets := synthetic(1, 2, 2, 2, 2)
	for name, c := range map[string]struct {
		d    Dataset
		det  Detection
		want string
	}{
		"no labels":     {Dataset{Format: FormatFolder}, Detection{}, "no truth"},
		"unknown image": {*d, Detection{Image: 99, Category: 1}, "image 99"},
		"NaN score":     {*d, Detection{Image: 1, Category: 1, Score: math.NaN()}, "not a finite number"},
		"endless box":   {*d, Detection{Image: 1, Category: 1, Box: Box{W: math.Inf(1)}}, "not a finite number"},
	} {
		if _, err := Score(&c.d, append(dets[:2:2], c.det)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	stray := slices.Concat(dets, []Detection{{Image: 1, Category: 77, Score: 1}})
	a, _ := Score(d, dets)
	b, err := Score(d, stray)
	if err != nil || a != b {
		t.Errorf("a detection of a category without truth changed %v to %v (%v)", a, b, err)
	}
}

// TestIgnoredObjects holds VOC's difficult objects to VOC's rule: any number
// of detections of one is neither right nor wrong, by ordinary IoU.
func TestIgnoredObjects(t *testing.T) {
	t.Parallel()
	d := &Dataset{Labeled: true, Images: []Image{{ID: 1}}, Categories: []Category{{ID: 1}}, Objects: []Object{
		{ID: 1, Image: 1, Category: 1, Box: Box{0, 0, 40, 40}, Area: 1600},
		{ID: 2, Image: 1, Category: 1, Box: Box{100, 100, 40, 40}, Area: 1600, Ignore: true},
	}}
	on, twice := Box{100, 100, 40, 40}, Box{102, 100, 40, 40}
	inside := Box{110, 110, 10, 10} // a crowd would take it
	hit := Detection{Image: 1, Category: 1, Box: d.Objects[0].Box, Score: 0.1}
	for _, c := range []struct {
		boxes []Box
		want  float64
	}{{[]Box{on}, 1}, {[]Box{on, twice}, 1}, {[]Box{inside}, 0.5}, {[]Box{on, inside}, 0.5}} {
		dets := []Detection{hit}
		for _, b := range c.boxes {
			dets = append(dets, Detection{Image: 1, Category: 1, Box: b, Score: 0.9})
		}
		if m, err := Score(d, dets); err != nil || math.Abs(m.AP50-c.want) > 1e-12 {
			t.Errorf("%v: AP50 %v (%v), want %v", c.boxes, m.AP50, err, c.want)
		}
	}
}
