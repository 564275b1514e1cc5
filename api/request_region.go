package api

import (
	"strconv"

	"example.com/riffle/detector"
	"example.com/riffle/internal/suggest"
)

// Region is a part of the picture in which objects count. Objects outside every
// region of a request are left out of its answer, and each detection names the
// regions that it is in.
type Region struct {
	Name      string      `json:"name,omitempty" doc:"shown with the detections in it; the region's number if none is given"`
	Box       *[4]float64 `json:"box" doc:"x_min, y_min, x_max, y_max as fractions of the picture's width and height, 0 to 1"`
	Labels    labelRules  `json:"labels,omitempty" doc:"labels that count here, as in the request; those of the request if none are given"`
	Threshold *float64    `json:"threshold,omitempty" doc:"lowest score here; that of the request if none is given"`
	Match     string      `json:"match,omitempty" doc:"overlap (the default): any part of the box lies in the region; center: its centre; inside: all of it"`
}

// regionFilter is a region, checked.
type regionFilter struct {
	name      string
	box       [4]float32
	threshold float32
	labels    map[string]float32
	match     string
}

var regionMatches = []string{"overlap", "center", "inside"}

// maxRegions bounds the work that a request can ask for on each detection.
const maxRegions = 100

func (r *Region) resolve(labels *labelIndex, threshold float32) (regionFilter, error) {
	f := regionFilter{name: r.Name, threshold: threshold, match: r.Match}
	if r.Box == nil {
		return f, failf(kindBadParameter, "region %q has no box", clip(r.Name))
	}
	b := *r.Box
	for i, v := range b {
		if !(v >= 0 && v <= 1) {
			return f, failf(kindBadParameter, "box of region %q: %v is not a fraction from 0 to 1", clip(r.Name), v)
		}
		f.box[i] = float32(v)
	}
	if b[0] >= b[2] || b[1] >= b[3] {
		return f, failf(kindBadParameter, "box of region %q is empty: it is x_min, y_min, x_max, y_max", clip(r.Name))
	}
	if r.Threshold != nil {
		if err := checkThreshold("threshold of region "+strconv.Quote(clip(r.Name)), *r.Threshold); err != nil {
			return f, err
		}
		f.threshold = float32(*r.Threshold)
	}
	switch r.Match {
	case "":
		f.match = regionMatches[0]
	case "overlap", "center", "inside":
	default:
		return f, failf(kindBadParameter, "match of region %q cannot be %q%s",
			clip(r.Name), clip(r.Match), suggest.Hint(clip(r.Match), regionMatches))
	}
	var err error
	f.labels, err = resolveLabels(labels, r.Labels, f.threshold)
	return f, err
}

// holds tells whether a box in pixels counts as in the region.
func (f *regionFilter) holds(b detector.Box, width, height int) bool {
	w, h := float32(width), float32(height)
	left, top, right, bottom := f.box[0]*w, f.box[1]*h, f.box[2]*w, f.box[3]*h
	switch f.match {
	case "center":
		x, y := (b.X1+b.X2)/2, (b.Y1+b.Y2)/2
		return x >= left && x <= right && y >= top && y <= bottom
	case "inside":
		return b.X1 >= left && b.Y1 >= top && b.X2 <= right && b.Y2 <= bottom
	}
	return b.X1 < right && b.X2 > left && b.Y1 < bottom && b.Y2 > top
}
