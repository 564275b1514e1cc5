package eval

import "slices"

// ErrorType is one of the six kinds of error of TIDE (arXiv 2008.08115).
type ErrorType int

// The error types, in the paper's order. With f = 0.5 and b = 0.1:
const (
	ErrClass      ErrorType = iota // IoU of at least f with an object of another class
	ErrLocation                    // IoU from b to f with an object of its own class
	ErrBoth                        // neither: badly placed and of another class
	ErrDuplicate                   // IoU of at least f with an object of its own class that a better detection took
	ErrBackground                  // IoU of at most b with every object
	ErrMissed                      // an object that no detection found and no class or location error explains
	errorTypes
)

var errorNames = [errorTypes]string{"classification", "localization", "both", "duplicate", "background", "missed"}

func (e ErrorType) String() string { return errorNames[e] }

// noError stands for a detection that is right or does not count.
const noError ErrorType = -1

const (
	tideForeground = 0.5
	tideBackground = 0.1
)

// TIDE says how much AP at IoU 0.5 each type of error costs: what an oracle
// that corrects all errors of that type, and only those, would add. The costs do
// not sum up to what is missing to 1.
//
// Definitions and oracles follow the paper and, where it is silent, its
// program tidecv: a false detection is tried as localization, classification,
// duplicate and background error in this order; of several errors that could
// fix the same object only the one of the highest score does. Unlike there,
// detections that fall to crowds are no errors, categories without objects are
// left out, and a hundred detections count by category (as for AP) and not by
// image.
type TIDE struct {
	AP50   float64 // what the costs are added to
	Errors [errorTypes]TIDEError
	// FalsePositives and FalseNegatives are the costs of all false detections
	// (as if they scored below all right ones) and of all objects not found.
	FalsePositives, FalseNegatives float64
}

// TIDEError is one type's share. Count is of detections, for ErrMissed of
// objects.
type TIDEError struct {
	Type  ErrorType
	Count int
	DAP   float64 // AP at IoU 0.5 gained if fixed; never below 0
}

// verdict is what became of one detection.
type verdict struct {
	err    ErrorType
	object int32 // for ErrClass and ErrLocation: the object it could have found
}

// verdicts judges every detection of an evaluation.
type verdicts struct {
	of     [][]verdict // by category, then by place in matches.det
	used   []bool      // by object: found at IoU 0.5
	best   []int32     // by object: the highest-scoring error that could fix it, an index into dets; -1
	missed []int       // by category: objects that nothing explains
}

// perImage gathers what an evaluation holds about each image.
type perImage struct {
	dets [][]place // by place of the image in the data set
	objs [][]int32
}

// place names a detection by category and by its place in matches.det.
type place struct{ category, at int32 }

func (e *evaluation) byImage() perImage {
	at := make(map[int]int, len(e.set.Images))
	for i, im := range e.set.Images {
		at[im.ID] = i
	}
	p := perImage{make([][]place, len(e.set.Images)), make([][]int32, len(e.set.Images))}
	for k := range e.categories {
		for j, d := range e.categories[k].m.det {
			i := at[e.dets[d].Image]
			p.dets[i] = append(p.dets[i], place{int32(k), int32(j)})
		}
		for _, o := range e.categories[k].objIndex {
			i := at[e.objs[o].Image]
			p.objs[i] = append(p.objs[i], o)
		}
	}
	return p
}

func counts(o *Object) bool { return !o.Crowd && !o.Ignore }

func (e *evaluation) judge(images perImage) *verdicts {
	v := &verdicts{
		of:     make([][]verdict, len(e.categories)),
		used:   make([]bool, len(e.objs)),
		best:   make([]int32, len(e.objs)),
		missed: make([]int, len(e.categories)),
	}
	for i := range v.best {
		v.best[i] = -1
	}
	for k := range e.categories {
		m := e.categories[k].m
		v.of[k] = make([]verdict, len(m.det))
		for _, o := range m.object {
			if o >= 0 {
				v.used[o] = true
			}
		}
	}
	// Images share no objects and no detections, so they can be judged side by side.
	parallel(len(images.dets), func() func(int) {
		return func(i int) { e.judgeImage(v, images.dets[i], images.objs[i]) }
	})
	for k := range e.categories {
		for _, o := range e.categories[k].objIndex {
			if counts(&e.objs[o]) && !v.used[o] && v.best[o] < 0 {
				v.missed[k]++
			}
		}
	}
	return v
}

func (e *evaluation) judgeImage(v *verdicts, dets []place, objs []int32) {
	for _, p := range dets {
		m := e.categories[p.category].m
		out := &v.of[p.category][p.at]
		if (m.matched[sizeAll][p.at]|m.ignored[sizeAll][p.at])&1 != 0 {
			*out = verdict{noError, -1}
			continue
		}
		*out = e.verdict(v, m.det[p.at], objs)
		if o := out.object; o >= 0 && !v.used[o] {
			if b := v.best[o]; b < 0 || e.dets[m.det[p.at]].Score > e.dets[b].Score {
				v.best[o] = m.det[p.at]
			}
		}
	}
}

// verdict finds the type of a false detection.
func (e *evaluation) verdict(v *verdicts, det int32, objs []int32) verdict {
	d := &e.dets[det]
	var own, other, taken float64
	ownAt, otherAt := int32(-1), int32(-1)
	for _, o := range objs {
		obj := &e.objs[o]
		if !counts(obj) {
			continue
		}
		overlap := iou(d.Box, obj.Box, false)
		switch {
		case obj.Category != d.Category:
			if overlap > other {
				other, otherAt = overlap, o
			}
		default:
			if overlap > own {
				own, ownAt = overlap, o
			}
			if v.used[o] {
				taken = max(taken, overlap)
			}
		}
	}
	switch {
	case own >= tideBackground && own <= tideForeground:
		return verdict{ErrLocation, ownAt}
	case other >= tideForeground:
		return verdict{ErrClass, otherAt}
	case taken >= tideForeground:
		return verdict{ErrDuplicate, -1}
	case max(own, other) <= tideBackground:
		return verdict{ErrBackground, -1}
	}
	return verdict{ErrBoth, -1}
}

// outcome is one point of a precision-recall curve.
type outcome struct {
	score float64
	right bool
}

func (e *evaluation) tide(v *verdicts) TIDE {
	t := TIDE{AP50: e.ap50(v, noError)}
	for kind := range errorTypes {
		t.Errors[kind] = TIDEError{Type: kind, DAP: max(0, e.ap50(v, kind)-t.AP50)}
	}
	for k := range v.of {
		for _, d := range v.of[k] {
			if d.err != noError {
				t.Errors[d.err].Count++
			}
		}
		t.Errors[ErrMissed].Count += v.missed[k]
	}
	t.FalsePositives = e.meanAP50(v, func(k int, points []outcome) ([]outcome, int) {
		slices.SortStableFunc(points, func(a, b outcome) int {
			switch {
			case a.right == b.right:
				return 0
			case a.right:
				return -1
			}
			return 1
		})
		return points, e.categories[k].m.positives[sizeAll]
	}, noError) - t.AP50
	t.FalseNegatives = e.meanAP50(v, func(_ int, points []outcome) ([]outcome, int) {
		found := 0
		for _, p := range points {
			if p.right {
				found++
			}
		}
		return points, found
	}, noError) - t.AP50
	return t
}

// ap50 is the AP at IoU 0.5 once the errors of one type are fixed.
func (e *evaluation) ap50(v *verdicts, fix ErrorType) float64 {
	return e.meanAP50(v, func(k int, points []outcome) ([]outcome, int) {
		positives := e.categories[k].m.positives[sizeAll]
		if fix == ErrMissed {
			positives -= v.missed[k]
		}
		return points, positives
	}, fix)
}

// meanAP50 averages over the categories that have objects; change may alter a
// category's points and its number of objects first. A category left without
// objects but with detections scores 0, one left with neither drops out.
func (e *evaluation) meanAP50(v *verdicts, change func(int, []outcome) ([]outcome, int), fix ErrorType) float64 {
	moved := make(map[int][]outcome)
	if fix == ErrClass {
		moved = e.moved(v)
	}
	var c curver
	var all []float64
	for k := range e.categories {
		m := e.categories[k].m
		if m.positives[sizeAll] == 0 {
			continue
		}
		var points []outcome
		for _, i := range m.order {
			det := &e.dets[m.det[i]]
			d := v.of[k][i]
			switch {
			case d.err == noError:
				if m.ignored[sizeAll][i]&1 == 0 {
					points = append(points, outcome{det.Score, true})
				}
			case d.err != fix:
				points = append(points, outcome{det.Score, false})
			case fix == ErrLocation && v.best[d.object] == m.det[i]:
				points = append(points, outcome{det.Score, true})
			}
		}
		if extra := moved[e.set.Categories[k].ID]; len(extra) > 0 {
			points = append(points, extra...)
			slices.SortStableFunc(points, func(a, b outcome) int {
				switch {
				case a.score > b.score:
					return -1
				case a.score < b.score:
					return 1
				}
				return 0
			})
		}
		points, positives := change(k, points)
		if positives == 0 {
			if len(points) > 0 {
				all = append(all, 0)
			}
			continue
		}
		all = append(all, c.ap(points, positives))
	}
	return meanOf(all)
}

// moved gives, by category id, the right detections that fixing the class
// errors adds.
func (e *evaluation) moved(v *verdicts) map[int][]outcome {
	out := make(map[int][]outcome)
	for k := range e.categories {
		for i, d := range v.of[k] {
			det := e.categories[k].m.det[i]
			if d.err == ErrClass && v.best[d.object] == det {
				to := e.objs[d.object].Category
				out[to] = append(out[to], outcome{e.dets[det].Score, true})
			}
		}
	}
	return out
}

// ap is the mean precision over the recall levels.
func (c *curver) ap(points []outcome, positives int) float64 {
	c.precision, c.recall = c.precision[:0], c.recall[:0]
	tp, fp := 0, 0
	for _, p := range points {
		if p.right {
			tp++
		} else {
			fp++
		}
		c.add(tp, fp, positives)
	}
	at, _ := c.read()
	sum := 0.0
	for _, p := range at {
		sum += p
	}
	return sum / recalls
}
