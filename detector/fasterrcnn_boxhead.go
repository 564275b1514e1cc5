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

// BoxCoder turns a network's four deltas into a box and back, relative to a
// reference box (Girshick et al., arXiv 1311.2524, appendix C): shifts of the
// centre in units of the reference's size, logarithms of the ratio of sizes,
// each times a weight.
type BoxCoder struct {
	WX, WY, WW, WH float32
	// MaxLogScale caps the logarithm of a side's growth, so that a wild delta
	// does not overflow.
	MaxLogScale float32
}

var (
	// RPNCoder is torchvision's coder of region proposals.
	RPNCoder = BoxCoder{1, 1, 1, 1, maxLogScale}
	// HeadCoder is torchvision's coder of a box head.
	HeadCoder = BoxCoder{10, 10, 5, 5, maxLogScale}
)

// maxLogScale lets a side grow by 1000/16.
var maxLogScale = float32(math.Log(1000.0 / 16))

// Decode applies the deltas (dx, dy, dw, dh) to a reference box.
func (c BoxCoder) Decode(ref Box, d [4]float32) Box {
	w, h := ref.Width(), ref.Height()
	cx := ref.X1 + float32(0.5*w) + float32(d[0]/c.WX*w)
	cy := ref.Y1 + float32(0.5*h) + float32(d[1]/c.WY*h)
	w *= exp(min(d[2]/c.WW, c.MaxLogScale))
	h *= exp(min(d[3]/c.WH, c.MaxLogScale))
	return Box{cx - 0.5*w, cy - 0.5*h, cx + 0.5*w, cy + 0.5*h}
}

// Encode returns the deltas that Decode turns into box. Both boxes must have
// positive sides.
func (c BoxCoder) Encode(ref, box Box) [4]float32 {
	w, h := ref.Width(), ref.Height()
	bw, bh := box.Width(), box.Height()
	return [4]float32{
		c.WX * (box.X1 + 0.5*bw - ref.X1 - 0.5*w) / w,
		c.WY * (box.Y1 + 0.5*bh - ref.Y1 - 0.5*h) / h,
		c.WW * log(bw/w),
		c.WH * log(bh/h),
	}
}

func exp(v float32) float32 { return float32(math.Exp(float64(v))) }

func log(v float32) float32 { return float32(math.Log(float64(v))) }

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }

// LevelMapper assigns regions to pyramid levels by size: equation 1 of Lin et
// al., Feature Pyramid Networks (arXiv 1612.03144), as torchvision's.
type LevelMapper struct {
	Min, Max       int     // logarithms of the finest and coarsest level's stride
	CanonicalSize  float32 // side in pixels of a region that belongs to CanonicalLevel
	CanonicalLevel int
}

// NewLevelMapper maps to levels of stride 2^min to 2^max with the paper's
// constants: 224 pixels belong to level 4.
func NewLevelMapper(min, max int) LevelMapper {
	return LevelMapper{Min: min, Max: max, CanonicalSize: 224, CanonicalLevel: 4}
}

// Level returns the index of a region's level, 0 being the finest.
func (m LevelMapper) Level(b Box) int {
	side := float32(math.Sqrt(float64(b.Area())))
	k := math.Floor(float64(float32(m.CanonicalLevel) + float32(math.Log2(float64(side/m.CanonicalSize))) + 1e-6))
	if !(k >= float64(m.Min)) {
		return 0
	}
	return min(int(min(k, 1000)), m.Max) - m.Min
}
