package eval

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfidence counts the street's detections by hand.
func TestConfidence(t *testing.T) {
	t.Parallel()
	d, dets := street()
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Five objects; right are 0.9 and 0.2, wrong 0.8, 0.7, 0.6, 0.55 and 0.5; the
	// one in the crowd does not count.
	for _, want := range []ConfidencePoint{
		{0, 2 / 7., 2 / 5., 4 / 12.}, {0.2, 2 / 7., 2 / 5., 4 / 12.}, {0.21, 1 / 6., 1 / 5., 2 / 11.}, {0.5, 1 / 6., 1 / 5., 2 / 11.},
		{0.8, 1 / 2., 1 / 5., 2 / 7.}, {0.9, 1, 1 / 5., 2 / 6.}, {0.91, -1, 0, 0}, {1, -1, 0, 0},
	} {
		got := r.Confidence.Points[int(math.Round(want.Threshold*100))]
		if math.Abs(got.Precision-want.Precision)+math.Abs(got.Recall-want.Recall)+math.Abs(got.F1-want.F1)+math.Abs(got.Threshold-want.Threshold) > 1e-12 {
			t.Errorf("at %v: %+v, want %+v", want.Threshold, got, want)
		}
	}
	if len(r.Confidence.Points) != 101 || r.Confidence.Best.Threshold != 0.9 {
		t.Errorf("best %+v", r.Confidence.Best)
	}
	if best := r.Classes[0].Best; math.Abs(best.F1-2/4.) > 1e-12 || best.Threshold != 0.9 {
		t.Errorf("person: best %+v, want one right of one at 0.9", best)
	}
	if best := r.Classes[2].Best; best.F1 != -1 {
		t.Errorf("boat, without objects: best %+v", best)
	}
}

// TestThousandth: a threshold that is printed gives the numbers that are printed
// with it.
func TestThousandth(t *testing.T) {
	t.Parallel()
	for k := range 1001 {
		score := float64(k) / 1000
		for _, c := range []struct {
			score float64
			want  int
		}{{score, k}, {math.Nextafter(score, 2), k}, {math.Nextafter(score, -1), max(0, k-1)}, {float64(float32(score)), -1}} {
			got := thousandth(c.score)
			if c.want >= 0 && got != c.want {
				t.Errorf("score %v: %d, want %d", c.score, got, c.want)
			}
			if c.score >= 0 && c.score <= 1 && float64(got)/1000 > c.score {
				t.Errorf("score %v does not reach %v", c.score, float64(got)/1000)
			}
		}
	}
	for score, want := range map[float64]int{-3: 0, 7: 1000, 1e300: 1000} {
		if got := thousandth(score); got != want {
			t.Errorf("score %v: %d, want %d", score, got, want)
		}
	}
}

func hostileTables(t *testing.T) (r *Report, dir string) {
	t.Helper()
	d, dets := street()
	d.Categories[0].Name = "a|b <i>, \"c\"\n*d*"
	d.Categories[1].Label = `"bike"`
	before, err := Analyze(d, dets[3:], Options{})
	if err != nil {
		t.Fatal(err)
	}
	before.Title = "old|one.json"
	if r, err = Analyze(d, dets, Options{}); err != nil {
		t.Fatal(err)
	}
	r.Title, r.Before, r.Incomplete = "new", before, "interrupted after 3 of 9 photos"
	r.Facts = []Fact{{"model", "m"}}
	r.Notes = []string{"a note"}
	r.LeftOut.Add("photos", "that are not there", "x.jpg")
	dir = filepath.Join(t.TempDir(), "new", "tables")
	files, err := r.WriteTables(dir)
	if err != nil || len(files) != 7 {
		t.Fatal(files, err)
	}
	return r, dir
}

func TestTablesAsCSV(t *testing.T) {
	t.Parallel()
	r, dir := hostileTables(t)
	read := func(name string) [][]string {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	classes := read("classes.csv")
	if len(classes) != 4 || classes[1][1] != r.Classes[0].Name || classes[1][2] != "3" || classes[2][0] != "bike" || classes[3][4] != "" || classes[1][14] != "0.500000" {
		t.Errorf("classes %q", classes)
	}
	confusion := read("confusion.csv")
	if len(confusion) != 5 || confusion[2][3] != "1" || confusion[4][0] != "(nothing)" || confusion[4][1] != "2" || confusion[1][4] != "2" {
		t.Errorf("confusion %q", confusion)
	}
	if rows := read("errors.csv"); len(rows) != 9 || rows[1][0] != "classification" || rows[1][1] != "1" {
		t.Errorf("errors %q", rows)
	}
	if rows := read("confidence.csv"); len(rows) != 102 || rows[91][0] != "0.900000" || rows[91][1] != "1.000000" || rows[101][1] != "" {
		t.Errorf("confidence %q", rows)
	}
	if rows := read("reliability.csv"); len(rows) != 11 || rows[0][4] != "right" || rows[1][0] != "0.050000" || rows[10][1] != "1.000000" {
		t.Errorf("reliability %q", rows)
	}
}

func TestTablesAsJSON(t *testing.T) {
	t.Parallel()
	r, dir := hostileTables(t)
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Incomplete string
		Run        map[string]string
		Metrics    Metrics
		Best       ConfidencePoint `json:"best_threshold"`
		Classes    []struct {
			ID   any `json:"category_id"`
			AP   float64
			Best *ConfidencePoint `json:"best_threshold"`
		}
		Errors    []struct{ Type string }
		Confusion []struct {
			Truth, Found string
			Count        int
		}
		Compared struct {
			Title   string
			Metrics Metrics
			Classes []struct {
				AP     float64
				Before float64 `json:"AP_compared"`
			}
		}
		LeftOut Omissions `json:"left_out"`
		Notes   []string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Metrics != r.Metrics || got.Incomplete != r.Incomplete || got.Run["model"] != "m" || got.Best != r.Confidence.Best || got.LeftOut.Total() != 1 || len(got.Notes) != 1 || len(got.Errors) != 6 {
		t.Errorf("%+v", got)
	}
	if len(got.Classes) != 3 || got.Classes[1].ID != "bike" || got.Classes[2].ID != 9.0 || got.Classes[2].AP != -1 || got.Classes[2].Best != nil || *got.Classes[0].Best != r.Classes[0].Best {
		t.Errorf("classes %+v", got.Classes)
	}
	sum := 0
	for _, c := range got.Confusion {
		sum += c.Count
	}
	if sum != 9 {
		t.Errorf("%d counts in the confusion, want 9", sum)
	}
	if c := got.Compared; c.Title != "old|one.json" || c.Metrics != r.Before.Metrics || len(c.Classes) != 2 || c.Classes[0].AP <= c.Classes[0].Before {
		t.Errorf("compared %+v", c)
	}
}

func TestTablesAsMarkdown(t *testing.T) {
	t.Parallel()
	_, dir := hostileTables(t)
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# new", `| a\|b &lt;i>, "c" \*d\* | 3 | 4 |`, `old\|one.json`, "| photos | that are not there | x.jpg | 1 |", "interrupted after 3 of 9 photos", "- a note", "| classification | 1 |", "| change |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	columns := 0
	for line := range strings.Lines(string(text)) { // all rows of a table have as many cells
		n := strings.Count(line, "|") - strings.Count(line, `\|`)
		if n > 0 && columns > 0 && n != columns {
			t.Errorf("%d cell borders after %d: %s", n, columns, line)
		}
		columns = n
	}
}

func TestTablesWithoutLabels(t *testing.T) {
	t.Parallel()
	d := &Dataset{Format: FormatFolder, Images: []Image{{ID: 1}}, Categories: []Category{{ID: 1, Name: "person"}}}
	r, err := Analyze(d, []Detection{{Image: 1, Category: 1, Score: 1}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if files, err := r.WriteTables(dir); err != nil || len(files) != 3 {
		t.Errorf("%v (%v)", files, err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "report.md")); !strings.Contains(string(text), "| person | 1 |") || strings.Contains(string(text), "AP50") {
		t.Errorf("%s", text)
	}
}

// TestChanges: the largest first, whatever its sign; classes without objects
// say nothing.
func TestChanges(t *testing.T) {
	t.Parallel()
	class := func(id int, ap float64) ClassReport { return ClassReport{Category: Category{ID: id}, AP: ap} }
	now := &Report{Classes: []ClassReport{class(1, 0.5), class(2, 0.1), class(3, -1), class(4, 0.4), class(5, 0.3)}}
	before := &Report{Classes: []ClassReport{class(1, 0.4), class(2, 0.7), class(3, 0.2), class(4, -1), class(6, 0.3)}}
	got := now.Changes(before)
	if len(got) != 2 || got[0].ID != 2 || math.Abs(got[0].Change()+0.6) > 1e-12 || got[1].ID != 1 {
		t.Errorf("%+v", got)
	}
}

// TestScoresOfOthers: logits and other numbers far from 0 to 1 are ranked as they
// are and take nothing down.
func TestScoresOfOthers(t *testing.T) {
	t.Parallel()
	d, dets := street()
	for i := range dets {
		dets[i].Score = []float64{1e300, -1e300, 7, -3}[i%4]
	}
	r, err := Analyze(d, dets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WriteHTML(io.Discard, nil); err != nil || math.IsNaN(r.AP) || math.IsNaN(r.Reliability.Error) || math.IsInf(r.Reliability.Error, 0) {
		t.Errorf("AP %v, reliability %v (%v)", r.AP, r.Reliability.Error, err)
	}
}
