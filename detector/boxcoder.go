package detector

import "math"

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

func exp(v float32) float32 { return float32(math.Exp(float64(v))) }

func log(v float32) float32 { return float32(math.Log(float64(v))) }

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }
