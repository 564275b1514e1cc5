package eval

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"image"
	"image/jpeg"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/image/draw"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// WriteHTML writes the report as one page that needs nothing else: charts and
// boxes are SVG, photos are JPEGs of at most 720 pixels inside it, its script
// sorts the class table and draws a class's curve.
//
// load yields the photos of Report.Pictures, upright; nil leaves the pictures
// out. A photo that cannot be loaded is shown as an empty frame with the error.
func (r *Report) WriteHTML(w io.Writer, load func(Image) (image.Image, error)) error {
	p := pageData{
		Heading:   "riffle eval",
		Labelled:  r.Labelled,
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
	if r.Labelled {
		p.Numbers = r.numbers()
	}
	for _, c := range r.charts() {
		p.Charts[c.name] = template.HTML(c.svg()) //nolint:gosec // svg escapes every text
		if c.name == "confusion" {
			p.MatrixWidth = int(c.w)
		}
	}
	if load != nil {
		for _, pic := range r.Pictures {
			p.Pictures = append(p.Pictures, drawnPicture(pic, load))
		}
	}
	return page.Execute(w, p)
}

type pageData struct {
	Heading, Summary string
	Labelled         bool
	Threshold        string
	Numbers          []namedNumber
	Charts           map[string]template.HTML
	MatrixWidth      int
	Mistakes         []Mistake
	Columns          []column
	Classes          []classRow
	Frame            map[string]float64
	Speed            string
	Pictures         []pagePicture
	LeftOut          Omissions
	LeftOutCount     int
}

type namedNumber struct{ Name, Value, Help string }

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
	if r.Labelled {
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
		{"AP", points(m.AP), "average precision, IoU 0.50:0.95"},
		{"AP50", points(m.AP50), "average precision at IoU 0.50"},
		{"AP75", points(m.AP75), "average precision at IoU 0.75"},
		{"APs", points(m.APs), "AP of small objects"},
		{"APm", points(m.APm), "AP of medium objects"},
		{"APl", points(m.APl), "AP of large objects"},
		{"AR1", points(m.AR1), "average recall with 1 detection a class and photo"},
		{"AR10", points(m.AR10), "average recall with 10 detections"},
		{"AR100", points(m.AR100), "average recall with 100 detections"},
		{"ARs", points(m.ARs), "average recall of small objects"},
		{"ARm", points(m.ARm), "average recall of medium objects"},
		{"ARl", points(m.ARl), "average recall of large objects"},
	}
}

func (r *Report) columns() []column {
	all := []column{
		{"class", ""}, {"objects", "objects that count"}, {"found", "detections at any score"},
		{"AP", "IoU 0.50:0.95"}, {"AP50", "IoU 0.50"}, {"AP75", "IoU 0.75"},
		{"APs", "small"}, {"APm", "medium"}, {"APl", "large"}, {"AR100", "average recall"},
		{"precision", "at the score threshold"}, {"recall", "at the score threshold"},
	}
	if !r.Labelled {
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
		for _, v := range []float64{c.AP, c.AP50, c.AP75, c.APs, c.APm, c.APl, c.AR100, c.Precision, c.Recall} {
			row.Row = append(row.Row, math.Round(v*1e4)/1e4)
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

// drawnPicture puts one photo into the page twice, with the truth's and with
// the detections' boxes over it.
func drawnPicture(pic Picture, load func(Image) (image.Image, error)) pagePicture {
	out := pagePicture{File: pic.Image.File, Missed: pic.Missed, False: pic.False}
	w, h := float64(pic.Image.Width), float64(pic.Image.Height)
	img, err := load(pic.Image)
	var data string
	if err == nil {
		if w <= 0 || h <= 0 {
			w, h = float64(img.Bounds().Dx()), float64(img.Bounds().Dy())
		}
		data, err = smallJPEG(img)
	}
	if err != nil {
		out.Failed = err.Error()
	}
	out.Truth = drawMarks(w, h, data, pic.Truth)
	out.Found = drawMarks(w, h, data, pic.Found)
	return out
}

// smallJPEG is a photo as a data URL, its longer side at most 720 pixels.
func smallJPEG(img image.Image) (string, error) {
	const most = 720
	b := img.Bounds()
	if b.Empty() {
		return "", fmt.Errorf("a photo of %d x %d pixels", b.Dx(), b.Dy())
	}
	scale := min(1, most/float64(max(b.Dx(), b.Dy())))
	small := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(b.Dx())*scale)), max(1, int(float64(b.Dy())*scale))))
	draw.Draw(small, small.Rect, image.White, image.Point{}, draw.Src) // below what is transparent
	draw.CatmullRom.Scale(small, small.Rect, img, b, draw.Over, nil)
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, small, &jpeg.Options{Quality: 78}); err != nil {
		return "", err
	}
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(buf.Bytes()), nil
}

var markClass = [...]string{MarkRight: "right", MarkMissed: "missed", MarkFalse: "false", MarkIgnored: "ignored"}

func drawMarks(w, h float64, photo string, marks []Mark) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %s %s" xmlns="http://www.w3.org/2000/svg">`, num(w), num(h))
	if photo == "" {
		fmt.Fprintf(&b, `<rect width="%s" height="%s" fill="var(--grid)"/>`, num(w), num(h))
	} else {
		fmt.Fprintf(&b, `<image href="%s" width="%s" height="%s" preserveAspectRatio="none"/>`, photo, num(w), num(h))
	}
	t := tags{size: w / 36, w: w, h: h}
	// What is right comes first, so that the errors lie on top of it.
	for _, kind := range []MarkKind{MarkIgnored, MarkRight, MarkFalse, MarkMissed} {
		for _, m := range marks {
			if m.Kind == kind {
				t.drawMark(&b, m)
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // labels are escaped
}

// tags places the labels of one picture.
type tags struct {
	size, w, h float64 // of the type and of the picture, in the picture's pixels
	placed     []Box
}

func (t *tags) drawMark(b *strings.Builder, m Mark) {
	label, about := m.Label, m.Label
	if m.Score > 0 {
		label += fmt.Sprintf(" %.2f", m.Score)
		about = label
	}
	if m.Kind == MarkFalse {
		about += ": " + m.Error.String() + " error"
	}
	fmt.Fprintf(b, `<rect class="box %s" x="%s" y="%s" width="%s" height="%s">%s</rect>`,
		markClass[m.Kind], num(m.Box.X), num(m.Box.Y), num(m.Box.W), num(m.Box.H), title(about))
	at := t.place(m.Box, label)
	fmt.Fprintf(b, `<text class="tag" x="%s" y="%s" font-size="%s">%s</text>`, num(at.X), num(at.Y+at.H), num(t.size), html.EscapeString(label))
}

// place finds room for a label above the box's upper left corner or, where
// other labels are, further down.
func (t *tags) place(box Box, label string) Box {
	at := Box{box.X + 2, max(0, box.Y-t.size*1.2), float64(len(label)) * t.size * 0.56, t.size}
	at.X = max(2, min(at.X, t.w-at.W))
	free := func() bool {
		for _, p := range t.placed {
			if iou(at, p, false) > 0 {
				return false
			}
		}
		return true
	}
	for range 8 {
		if free() || at.Y+2*t.size > t.h {
			break
		}
		at.Y += t.size
	}
	t.placed = append(t.placed, at)
	return at
}
