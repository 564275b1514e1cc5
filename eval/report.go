package eval

import (
	"errors"
	"time"
)

// Options steer [Analyze]; the zero value means the defaults.
type Options struct {
	// Threshold is the score from which on a detection counts in the confusion
	// matrix, in precision and recall by class and in the pictures, none of
	// which integrate over scores as AP does. Default 0.3.
	Threshold float64
	// Pictures is how many of the photos with the worst misses to pick.
	// Default 12, negative none.
	Pictures int
}

// Report is all that an evaluation tells. On a data set without labels only
// Detections, Classes (with the counts of detections), Timings and LeftOut
// say anything.
type Report struct {
	Metrics
	Title      string // what was evaluated, for the head of plots and page; set by the caller
	Format     Format
	Labeled    bool
	Objects    int // objects that count: no crowds, nothing to ignore
	Detections int
	Threshold  float64

	Classes   []ClassReport // categories of the data set by id
	Sizes     []SizeReport  // all, small, medium, large
	Curves    []Curve       // means over the categories
	Confusion Confusion
	TIDE      TIDE
	// Confidence says what a score threshold does.
	Confidence Confidence
	// Reliability says how far scores can be trusted.
	Reliability Reliability
	Pictures    []Picture // the worst misses, the worst first

	Timings []Timing // how long photos took; set by the caller

	LeftOut    Omissions // of the data set; the caller may add to them
	Facts      []Fact    // model, settings, date ...; set by the caller
	Before     *Report   // another evaluation on the same data set to compare with, or nil; set by the caller
	Notes      []string  // what a reader should know; set by the caller
	Incomplete string    // why only a part of the data set was scored, empty if all was; set by the caller
}

// ClassReport is one category's part. The fractions are -1 without objects.
type ClassReport struct {
	Category
	Objects, Detections  int
	AP, AP50, AP75       float64
	APs, APm, APl, AR100 float64
	// Precision and Recall are those at the report's threshold and IoU 0.5.
	Precision, Recall float64
	Best              ConfidencePoint // the threshold of the highest F1
	Curves            []Curve
}

// Fact is one line about the run: a model, a setting, a date.
type Fact struct{ Name, Value string }

// SizeReport is the part of the objects of one size.
type SizeReport struct {
	Name     string
	From, To float64 // area in square pixels
	Objects  int
	AP, AP50 float64
	AR100    float64
}

// Curve is precision against recall, at the recalls 0.00, 0.01 ... 1.00.
type Curve struct {
	Name      string // the IoU threshold: "0.50", "0.75" or "0.50:0.95"
	Precision []float64
	AP        float64 // the mean of Precision
}

// Timing is how long one photo took.
type Timing struct {
	Image    Image
	Duration time.Duration
}

// Analyze scores detections as [Score] does and computes everything else that a
// [Report] holds.
func Analyze(d *Dataset, dets []Detection, opt Options) (*Report, error) {
	if opt.Threshold == 0 {
		opt.Threshold = 0.3
	}
	if opt.Threshold < 0 || opt.Threshold > 1 {
		return nil, errors.New("the score threshold must lie between 0 and 1")
	}
	if opt.Pictures == 0 {
		opt.Pictures = 12
	}
	r := &Report{
		Format: d.Format, Labeled: d.Labeled, Threshold: opt.Threshold,
		Detections: len(dets), LeftOut: d.LeftOut.clone(),
	}
	if !d.Labeled {
		r.Metrics = Metrics{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, len(d.Images), 0}
		r.Classes = countOnly(d, dets)
		return r, nil
	}
	e, err := newEvaluation(d, dets)
	if err != nil {
		return nil, err
	}
	e.run()
	images := e.byImage()
	v := e.judge(images)
	r.Metrics = e.metrics()
	for k := range e.categories {
		r.Objects += e.categories[k].m.positives[sizeAll]
	}
	r.Classes = e.classes(opt.Threshold)
	r.Sizes = e.sizes()
	r.Curves = e.meanCurves()
	r.TIDE = e.tide(v)
	r.Confidence = e.confidence()
	r.Reliability = e.reliability()
	r.Confusion = e.confusion(images, opt.Threshold)
	if opt.Pictures > 0 {
		r.Pictures = e.worst(images, v, opt.Threshold, opt.Pictures)
	}
	return r, nil
}

func countOnly(d *Dataset, dets []Detection) []ClassReport {
	out := make([]ClassReport, len(d.Categories))
	at := make(map[int]int, len(d.Categories))
	for i, c := range d.Categories {
		out[i] = ClassReport{Category: c, AP: -1, AP50: -1, AP75: -1, APs: -1, APm: -1, APl: -1, AR100: -1, Precision: -1, Recall: -1, Best: ConfidencePoint{F1: -1}}
		at[c.ID] = i
	}
	for i := range dets {
		if k, ok := at[dets[i].Category]; ok {
			out[k].Detections++
		}
	}
	return out
}
