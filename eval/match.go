package eval

import (
	"cmp"
	"slices"
)

// The parameters of pycocotools' COCOeval for boxes.
const (
	thresholds = 10  // IoU 0.50, 0.55 ... 0.95
	recalls    = 101 // recall 0.00, 0.01 ... 1.00
	maxDets    = 100 // detections of one category in one image that count
)

// The size classes, by area.
const (
	sizeAll = iota
	sizeSmall
	sizeMedium
	sizeLarge
	sizes
)

var sizeRange = [sizes][2]float64{
	sizeAll:    {0, 1e5 * 1e5},
	sizeSmall:  {0, 32 * 32},
	sizeMedium: {32 * 32, 96 * 96},
	sizeLarge:  {96 * 96, 1e5 * 1e5},
}

var sizeName = [sizes]string{"all", "small", "medium", "large"}

// iouThreshold and recallLevel hold the very float64 values of numpy's
// linspace, on which ties at a threshold hang: multiples of a rounded step, and
// a last value that is set and not computed.
var iouThreshold, recallLevel = linspace(0.5, 0.95, thresholds), linspace(0, 1, recalls)

func linspace(from, to float64, n int) []float64 {
	out := make([]float64, n)
	step := (to - from) / float64(n-1)
	for i := range out {
		out[i] = float64(float64(i)*step) + from
	}
	out[n-1] = to
	return out
}

// iou is the overlap of a detection with an object: intersection over union
// or, for a crowd, over the detection's area. The conversions keep compilers
// from fusing products into sums, so that every machine gets the same bits.
func iou(d, g Box, crowd bool) float64 {
	w := min(d.W+d.X, g.W+g.X) - max(d.X, g.X)
	if w <= 0 {
		return 0
	}
	h := min(d.H+d.Y, g.H+g.Y) - max(d.Y, g.Y)
	if h <= 0 {
		return 0
	}
	inter := float64(w * h)
	area := float64(d.W * d.H)
	if crowd {
		return inter / area
	}
	return inter / (area + float64(g.W*g.H) - inter)
}

// matches is what became of one category's detections.
//
// Detections stand in the order in which pycocotools concatenates them: by
// image id, within an image by falling score, at most maxDets of an image.
type matches struct {
	det     []int32         // index into the evaluation's detections
	rank    []uint8         // place among the category's detections of its image
	order   []int32         // places of det by falling score over all images, ties in the order of det
	matched [sizes][]uint16 // bit t: matched at iouThreshold[t]
	ignored [sizes][]uint16 // bit t: counts neither as true nor as false there
	object  []int32         // the object matched at IoU 0.5, an index into the evaluation's objects; -1

	positives [sizes]int // objects that can be missed
}

// matcher holds one worker's scratch memory.
type matcher struct {
	ious    []float64
	order   []int
	ignored []bool
	used    []uint16
}

// match assigns the detections of one category to its objects as COCOeval's
// evaluateImg does: in each image by falling score, each detection to the free
// object of the highest IoU that reaches the threshold (the later one of
// equals), objects that count before those that do not.
//
// dets and objs are indices of the category's own, in the order of the input.
func (m *matcher) match(e *evaluation, dets, objs []int32) *matches {
	slices.SortFunc(dets, func(a, b int32) int {
		x, y := &e.dets[a], &e.dets[b]
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(y.Score, x.Score), cmp.Compare(a, b))
	})
	slices.SortFunc(objs, func(a, b int32) int {
		return cmp.Or(cmp.Compare(e.objs[a].Image, e.objs[b].Image), cmp.Compare(a, b))
	})
	out := &matches{}
	for len(dets) > 0 || len(objs) > 0 {
		var image int
		switch {
		case len(dets) == 0:
			image = e.objs[objs[0]].Image
		case len(objs) == 0:
			image = e.dets[dets[0]].Image
		default:
			image = min(e.dets[dets[0]].Image, e.objs[objs[0]].Image)
		}
		nd, no := 0, 0
		for nd < len(dets) && e.dets[dets[nd]].Image == image {
			nd++
		}
		for no < len(objs) && e.objs[objs[no]].Image == image {
			no++
		}
		m.matchImage(e, out, dets[:min(nd, maxDets)], objs[:no])
		dets, objs = dets[nd:], objs[no:]
	}
	out.order = make([]int32, len(out.det))
	for i := range out.order {
		out.order[i] = int32(i)
	}
	slices.SortFunc(out.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(e.dets[out.det[b]].Score, e.dets[out.det[a]].Score), cmp.Compare(a, b))
	})
	return out
}

func (m *matcher) matchImage(e *evaluation, out *matches, dets, objs []int32) {
	first := len(out.det)
	out.det = append(out.det, dets...)
	for i := range dets {
		out.rank = append(out.rank, uint8(i))
		out.object = append(out.object, -1)
	}
	m.overlaps(e, dets, objs)
	for size := range sizes {
		out.matched[size] = append(out.matched[size], make([]uint16, len(dets))...)
		out.ignored[size] = append(out.ignored[size], make([]uint16, len(dets))...)
		out.positives[size] += m.split(e, size, objs)
		for t := range thresholds {
			m.assign(e, size, t, len(dets), objs, out, first)
		}
		lo, hi := sizeRange[size][0], sizeRange[size][1]
		for i, d := range dets {
			if area := e.dets[d].area(); area < lo || area > hi {
				out.ignored[size][first+i] |= ^out.matched[size][first+i]
			}
		}
	}
}

// overlaps fills ious[detection*len(objs)+object].
func (m *matcher) overlaps(e *evaluation, dets, objs []int32) {
	m.ious = m.ious[:0]
	for _, d := range dets {
		for _, g := range objs {
			o := &e.objs[g]
			m.ious = append(m.ious, iou(e.dets[d].Box, o.Box, o.Crowd))
		}
	}
}

// split finds which objects do not count in a size class, puts those that do
// first in order, and returns how many they are.
func (m *matcher) split(e *evaluation, size int, objs []int32) int {
	m.order, m.ignored = m.order[:0], m.ignored[:0]
	lo, hi := sizeRange[size][0], sizeRange[size][1]
	for i, g := range objs {
		o := &e.objs[g]
		ignored := o.Crowd || o.Ignore || o.Area < lo || o.Area > hi
		m.ignored = append(m.ignored, ignored)
		if !ignored {
			m.order = append(m.order, i)
		}
	}
	count := len(m.order)
	for i, ignored := range m.ignored {
		if ignored {
			m.order = append(m.order, i)
		}
	}
	return count
}

func (m *matcher) assign(e *evaluation, size, t, dets int, objs []int32, out *matches, first int) {
	if len(objs) == 0 {
		return
	}
	bit := uint16(1) << t
	if t == 0 {
		m.used = append(m.used[:0], make([]uint16, len(objs))...)
	}
	for d := range dets {
		best, at := iouThreshold[t], -1
		for _, g := range m.order {
			o := &e.objs[objs[g]]
			if m.used[g]&bit != 0 && !o.Crowd && !o.Ignore {
				continue
			}
			if at >= 0 && !m.ignored[at] && m.ignored[g] {
				break
			}
			if v := m.ious[d*len(objs)+g]; v >= best {
				best, at = v, g
			}
		}
		if at < 0 {
			continue
		}
		m.used[at] |= bit
		if m.ignored[at] {
			out.ignored[size][first+d] |= bit
		}
		out.matched[size][first+d] |= bit
		if size == sizeAll && t == 0 {
			out.object[first+d] = objs[at]
		}
	}
}
