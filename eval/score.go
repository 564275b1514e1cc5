package eval

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Metrics are COCO's twelve numbers for boxes, fractions from 0 to 1, or -1
// where the data set has no object to compute one from.
type Metrics struct {
	AP    float64 `json:"AP"`    // mean over IoU 0.50:0.05:0.95, categories and recall levels
	AP50  float64 `json:"AP50"`  // at IoU 0.50
	AP75  float64 `json:"AP75"`  // at IoU 0.75
	APs   float64 `json:"APs"`   // objects below 32x32 pixels
	APm   float64 `json:"APm"`   // objects from 32x32 to 96x96
	APl   float64 `json:"APl"`   // objects above 96x96
	AR1   float64 `json:"AR1"`   // mean recall with one detection a category and image
	AR10  float64 `json:"AR10"`  // with ten
	AR100 float64 `json:"AR100"` // with a hundred
	ARs   float64 `json:"ARs"`
	ARm   float64 `json:"ARm"`
	ARl   float64 `json:"ARl"`

	Images  int     `json:"images"`  // how many were scored
	Seconds float64 `json:"seconds"` // what the caller measured; scoring leaves it 0
}

// Score computes the twelve numbers that pycocotools computes from the same
// detections, whose order matters where scores are equal. It uses all
// processors. Detections of categories that d does not have are left out; a
// detection of an image that d does not have, or with a score or a box that is
// not a number, is an error.
func Score(d *Dataset, dets []Detection) (Metrics, error) {
	e, err := newEvaluation(d, dets)
	if err != nil {
		return Metrics{}, err
	}
	e.run()
	return e.metrics(), nil
}

// evaluation is one set of detections against one data set.
type evaluation struct {
	set        *Dataset
	dets       []Detection
	objs       []Object
	categories []scored    // one for each of set.Categories
	row        map[int]int // Category.ID to its place there
}

// scored is one category's part of an evaluation.
type scored struct {
	detIndex, objIndex []int32
	m                  *matches
	precision          [sizes][thresholds]float64 // mean over the recall levels; -1 without objects
	recall             [sizes][thresholds]float64 // with maxDets detections an image; -1 without objects
	recall1, recall10  [thresholds]float64        // all sizes, with one and ten detections an image
	curve              [thresholds][recalls]float64
}

func newEvaluation(d *Dataset, dets []Detection) (*evaluation, error) {
	if !d.Labeled {
		return nil, fmt.Errorf("%s: there is no truth to score against", d.Format)
	}
	if len(dets) > math.MaxInt32 || len(d.Objects) > math.MaxInt32 {
		return nil, fmt.Errorf("%d detections of %d objects are more than can be scored at once", len(dets), len(d.Objects))
	}
	e := &evaluation{set: d, dets: dets, objs: d.Objects, categories: make([]scored, len(d.Categories))}
	images, _ := idSet(d)
	e.row = make(map[int]int, len(d.Categories))
	for i, c := range d.Categories {
		e.row[c.ID] = i
	}
	for i := range dets {
		if !images[dets[i].Image] {
			return nil, fmt.Errorf("detection %d is of image %d, which the data set does not have", i+1, dets[i].Image)
		}
		if !finite(dets[i]) {
			return nil, fmt.Errorf("detection %d of image %d: score or box is not a finite number", i+1, dets[i].Image)
		}
		if k, ok := e.row[dets[i].Category]; ok {
			e.categories[k].detIndex = append(e.categories[k].detIndex, int32(i))
		}
	}
	for i := range d.Objects {
		k, ok := e.row[d.Objects[i].Category]
		if ok && images[d.Objects[i].Image] {
			e.categories[k].objIndex = append(e.categories[k].objIndex, int32(i))
		}
	}
	return e, nil
}

// run matches and accumulates every category.
func (e *evaluation) run() {
	parallel(len(e.categories), func() func(int) {
		var m matcher
		var c curver
		return func(k int) {
			s := &e.categories[k]
			s.m = m.match(e, s.detIndex, s.objIndex)
			s.accumulate(&c)
		}
	})
}

// parallel calls work for 0 ... n-1 from as many goroutines as there are
// processors, each with a worker of its own.
func parallel(n int, worker func() func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			work := worker()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wg.Wait()
}

func (s *scored) accumulate(c *curver) {
	for size := range sizes {
		for t := range thresholds {
			if s.m.positives[size] == 0 {
				s.precision[size][t], s.recall[size][t] = -1, -1
				continue
			}
			at, reached := c.curve(s.m, size, t, maxDets)
			sum := 0.0
			for _, p := range at {
				sum += p
			}
			s.precision[size][t], s.recall[size][t] = sum/recalls, reached
			if size == sizeAll {
				s.curve[t] = at
			}
		}
	}
	for t := range thresholds {
		if s.m.positives[sizeAll] == 0 {
			s.recall1[t], s.recall10[t] = -1, -1
			continue
		}
		_, s.recall1[t] = c.curve(s.m, sizeAll, t, 1)
		_, s.recall10[t] = c.curve(s.m, sizeAll, t, 10)
	}
}

func (e *evaluation) metrics() Metrics {
	precision := func(size, from, to int) float64 {
		return e.mean(func(s *scored) []float64 { return s.precision[size][from:to] })
	}
	recall := func(size int) float64 {
		return e.mean(func(s *scored) []float64 { return s.recall[size][:] })
	}
	return Metrics{
		AP:     precision(sizeAll, 0, thresholds),
		AP50:   precision(sizeAll, 0, 1),
		AP75:   precision(sizeAll, 5, 6),
		APs:    precision(sizeSmall, 0, thresholds),
		APm:    precision(sizeMedium, 0, thresholds),
		APl:    precision(sizeLarge, 0, thresholds),
		AR1:    e.mean(func(s *scored) []float64 { return s.recall1[:] }),
		AR10:   e.mean(func(s *scored) []float64 { return s.recall10[:] }),
		AR100:  recall(sizeAll),
		ARs:    recall(sizeSmall),
		ARm:    recall(sizeMedium),
		ARl:    recall(sizeLarge),
		Images: len(e.set.Images),
	}
}

// mean averages over all categories what is not -1, or is -1 itself.
func (e *evaluation) mean(of func(*scored) []float64) float64 {
	var all []float64
	for k := range e.categories {
		all = append(all, of(&e.categories[k])...)
	}
	return meanOf(all)
}

// meanOf averages the values above -1, which stands for "no objects".
func meanOf(values []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if v > -1 {
			sum += v
			n++
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}
