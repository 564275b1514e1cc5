package detector

import (
	"math"

	"example.com/riffle/internal/vec"
)

// HeadRules say which of a box head's answers become detections, as
// torchvision's RoIHeads.postprocess_detections.
type HeadRules struct {
	Coder    BoxCoder
	MinScore float32 // probabilities must be above
	MinSize  float32 // pixels; boxes with a shorter side are dropped
	IoU      float64 // of the suppression within a class
	Max      int     // at most so many are kept in all
}

// DefaultHeadRules are torchvision's.
var DefaultHeadRules = HeadRules{Coder: HeadCoder, MinScore: 0.05, MinSize: 1e-2, IoU: 0.5, Max: 100}

// classBox is a detection by number of class.
type classBox struct {
	Box   Box
	Score float32
	Class int
}

// HeadFilter applies [HeadRules] in memory it keeps from call to call. The zero
// value is ready; it is not safe for concurrent use.
type HeadFilter struct {
	nms   Suppressor
	pairs candidates
	probs []float32
	out   []classBox
}

// candidates are pairs of a box and a class, side by side.
type candidates struct {
	boxes   []Box
	scores  []float32
	classes []int
}

func (c *candidates) reset() {
	c.boxes, c.scores, c.classes = c.boxes[:0], c.scores[:0], c.classes[:0]
}

func (c *candidates) add(b Box, score float32, class int) {
	c.boxes, c.scores, c.classes = append(c.boxes, b), append(c.scores, score), append(c.classes, class)
}

// best appends to dst what is left of the candidates after suppression within
// each class, best first, at most limit.
func (c *candidates) best(dst []classBox, nms *Suppressor, iou float64, limit int) []classBox {
	for _, i := range nms.NMSByGroup(c.boxes, c.scores, c.classes, iou, limit) {
		dst = append(dst, classBox{c.boxes[i], c.scores[i], c.classes[i]})
	}
	return dst
}

// Filter reads a head's answers for proposals: logits[c][i] is class c of
// proposal i, class 0 being the background, and deltas[4*c+k][i] moves corner k
// of its box for that class. Boxes are clipped to a picture of width x height
// pixels. The next call overwrites the result.
func (f *HeadFilter) Filter(logits, deltas [][]float32, proposals []Box, width, height float32, r HeadRules) []classBox {
	classes := len(logits)
	f.pairs.reset()
	f.probs = vec.Grow(f.probs, classes)
	for i, p := range proposals {
		softmax(f.probs, logits, i)
		for c := 1; c < classes; c++ {
			if !(f.probs[c] > r.MinScore) {
				continue
			}
			d := [4]float32{deltas[4*c][i], deltas[4*c+1][i], deltas[4*c+2][i], deltas[4*c+3][i]}
			b := r.Coder.Decode(p, d).Clip(width, height)
			if b.Width() >= r.MinSize && b.Height() >= r.MinSize {
				f.pairs.add(b, f.probs[c], c)
			}
		}
	}
	f.out = f.pairs.best(f.out[:0], &f.nms, r.IoU, r.Max)
	return f.out
}

// softmax writes the probabilities of column i of the logits' planes.
func softmax(dst []float32, logits [][]float32, i int) {
	top := logits[0][i]
	for _, plane := range logits[1:] {
		top = max(top, plane[i])
	}
	var sum float64
	for c, plane := range logits {
		e := math.Exp(float64(plane[i] - top))
		dst[c] = float32(e)
		sum += e
	}
	for c := range dst {
		dst[c] = float32(float64(dst[c]) / sum)
	}
}
