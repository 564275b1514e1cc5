package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// WriteHTML writes the report as one page that needs nothing else: charts and
// boxes are SVG, photos are JPEGs of at most 720 pixels inside it, its script
// sorts and searches the class table and draws a class's curve.
//
// load yields the photos of Report.Pictures, upright; nil leaves the pictures
// out. A photo that cannot be loaded is shown as an empty frame with the error.
func (r *Report) WriteHTML(w io.Writer, load func(Image) (image.Image, error)) error {
	p := pageData{
		Heading:    "riffle eval",
		Incomplete: r.Incomplete,
		Facts:      r.Facts,
		Notes:      r.Notes,
		Best:       r.bestLine(), Reliability: r.reliabilityLine(),
		Labeled:   r.Labeled,
		Threshold: fmt.Sprintf("%.3g", r.Threshold),
		Charts:    map[string]template.HTML{},
		Columns:   r.columns(),
		Classes:   r.classRows(),
		Mistakes:  r.Confusion.Mistakes(12),
		Summary:   r.summary(),
		Speed:     r.speed(),
		Frame:     map[string]float64{"x": curveFrame.x0, "y": curveFrame.y0, "w": curveFrame.w, "h": curveFrame.h},
	}
	if r.Title != "" {
		p.Heading = r.Title
	}
	p.LeftOut, p.LeftOutCount = r.LeftOut, r.LeftOut.Total()
	if r.Labeled {
		p.Numbers = r.numbers()
		p.addComparison(r)
	}
	for _, c := range r.charts() {
		p.Charts[c.name] = template.HTML(c.svg()) //nolint:gosec // svg escapes every text
		if c.name == "confusion" {
			p.MatrixWidth = int(c.w)
		}
	}
	p.MatrixClasses = len(r.matrixRows()) - 1
	if load != nil {
		for _, pic := range r.Pictures {
			p.Pictures = append(p.Pictures, drawnPicture(pic, load))
		}
	}
	return page.Execute(w, p)
}

type pageData struct {
	Heading, Summary              string
	Labeled                       bool
	Threshold                     string
	Numbers                       []namedNumber
	Charts                        map[string]template.HTML
	MatrixWidth                   int
	Mistakes                      []Mistake
	Columns                       []column
	Classes                       []classRow
	Frame                         map[string]float64
	Speed                         string
	Pictures                      []pagePicture
	LeftOut                       Omissions
	LeftOutCount                  int
	Incomplete, Best, Reliability string
	Facts                         []Fact
	Notes                         []string
	MatrixClasses                 int // classes in the drawn matrix
	Compared                      string
	Comparison                    [][4]string // number, here, there, change
	Changes                       [][4]string // class, here, there, change
}

// mostChanges is how many classes a comparison lists.
const mostChanges = 20

// addComparison sets the report against the one before.
func (p *pageData) addComparison(r *Report) {
	if r.Before == nil {
		return
	}
	p.Compared = r.Before.Title
	before := r.Before.numbers()
	for i, n := range p.Numbers {
		p.Comparison = append(p.Comparison, [4]string{n.Name, n.Value, before[i].Value, change(n.value, before[i].value)})
	}
	changes := r.Changes(r.Before)
	for _, c := range changes[:min(mostChanges, len(changes))] {
		if c.Change() == 0 {
			break
		}
		p.Changes = append(p.Changes, [4]string{c.Name, points(c.AP), points(c.Before), change(c.AP, c.Before)})
	}
}

// bestLine says which threshold has the highest F1; empty without objects.
func (r *Report) bestLine() string {
	best := r.Confidence.Best
	if !r.Labeled || len(r.Confidence.Points) == 0 || best.F1 < 0 {
		return ""
	}
	return fmt.Sprintf("Best F1 %s at score %.3f: precision %s, recall %s.", points(best.F1), best.Threshold, points(best.Precision), points(best.Recall))
}

// reliabilityLine says what the reliability chart comes to; empty without
// detections.
func (r *Report) reliabilityLine() string {
	if r.Reliability.Error < 0 {
		return ""
	}
	return fmt.Sprintf("Calibration error %.3f: how far, on average, a detection's score is from the share that is right.", r.Reliability.Error)
}

type namedNumber struct {
	Name, Value, Help string
	value             float64
}

func number(name string, v float64, help string) namedNumber {
	return namedNumber{name, points(v), help, v}
}

type column struct{ Name, Help string }

// classRow is a class as the page's script reads it: the table's cells and the
// curve at IoU 0.50 in thousandths.
type classRow struct {
	Row   []any `json:"row"`
	Curve []int `json:"curve,omitempty"`
}

type pagePicture struct {
	File          string
	Missed, False int
	Failed        string
	Truth, Found  template.HTML
}

func (r *Report) summary() string {
	parts := []string{fmt.Sprintf("%d photos (%s)", r.Images, r.Format)}
	if r.Labeled {
		parts = append(parts, fmt.Sprintf("%d objects", r.Objects))
	}
	parts = append(parts, fmt.Sprintf("%d detections", r.Detections))
	if r.Seconds > 0 {
		parts = append(parts, fmt.Sprintf("%.1f s", r.Seconds))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) numbers() []namedNumber {
	m := r.Metrics
	return []namedNumber{
		number("AP", m.AP, "average precision, IoU 0.50:0.95"),
		number("AP50", m.AP50, "average precision at IoU 0.50"),
		number("AP75", m.AP75, "average precision at IoU 0.75"),
		number("APs", m.APs, "AP of small objects"),
		number("APm", m.APm, "AP of medium objects"),
		number("APl", m.APl, "AP of large objects"),
		number("AR1", m.AR1, "average recall with 1 detection a class and photo"),
		number("AR10", m.AR10, "average recall with 10 detections"),
		number("AR100", m.AR100, "average recall with 100 detections"),
		number("ARs", m.ARs, "average recall of small objects"),
		number("ARm", m.ARm, "average recall of medium objects"),
		number("ARl", m.ARl, "average recall of large objects"),
	}
}

func (r *Report) columns() []column {
	all := []column{
		{"class", ""}, {"objects", "objects that count"}, {"found", "detections at any score"},
		{"AP", "IoU 0.50:0.95"}, {"AP50", "IoU 0.50"}, {"AP75", "IoU 0.75"},
		{"APs", "small"}, {"APm", "medium"}, {"APl", "large"}, {"AR100", "average recall"},
		{"precision", "at the score threshold"}, {"recall", "at the score threshold"},
		{"best F1", "at the best score threshold of the class"}, {"at score", "the threshold of the best F1"},
	}
	if !r.Labeled {
		return all[:3]
	}
	return all
}

func (r *Report) classRows() []classRow {
	columns := len(r.columns())
	var out []classRow
	for _, c := range r.Classes {
		if c.Objects == 0 && c.Detections == 0 {
			continue
		}
		row := classRow{Row: []any{c.Name, c.Objects, c.Detections}}
		for _, v := range []float64{c.AP, c.AP50, c.AP75, c.APs, c.APm, c.APl, c.AR100, c.Precision, c.Recall, c.Best.F1, c.Best.Threshold} {
			row.Row = append(row.Row, math.Round(v*1e6)/1e6)
		}
		row.Row = row.Row[:columns]
		if len(c.Curves) > 0 {
			for _, p := range c.Curves[0].Precision {
				row.Curve = append(row.Curve, int(math.Round(p*1000)))
			}
		}
		out = append(out, row)
	}
	return out
}

// speed says the median and the 90th percentile of the timings.
func (r *Report) speed() string {
	if len(r.Timings) == 0 {
		return ""
	}
	var all []time.Duration
	for _, t := range r.Timings {
		all = append(all, t.Duration)
	}
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[min(len(all)-1, int(share*float64(len(all))))].Microseconds()) / 1000
	}
	return fmt.Sprintf("%d photos: median %.1f ms, 90 %% within %.1f ms (reading and decoding the file included).", len(all), at(0.5), at(0.9))
}
