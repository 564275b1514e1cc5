package detector

import (
	"fmt"

	"example.com/riffle/nn"
)

// FasterRCNNHeader describes a classic Faster R-CNN: its feature pyramid, its
// anchors, and the rules by which boxes go from stage to stage. Numbers are
// torchvision's by the names of torchvision's options.
type FasterRCNNHeader struct {
	// Outputs are the classes that the box head scores, the background, number 0,
	// included. A [Class] has the number of its output as its id; outputs without a
	// name (COCO's unused numbers) are scored and not reported.
	Outputs int `json:"outputs"`
	// Levels is how many of the backbone's maps are looked at, from the coarsest
	// on: of MobileNetV3 the result of the last stage's first block and the last
	// convolution, of ShuffleNet stages 2 to 4.
	Levels int `json:"levels"`
	// FPN is the width of a feature pyramid over these maps, which adds one more
	// level for proposals. 0 is none; there is one level then.
	FPN int `json:"fpn,omitempty"`
	// Slope is that of the backbone's LeakyReLUs, 0 where it has ReLUs as its paper
	// does. Folded says that its batch norms have become biases of its convolutions.
	Slope  float64 `json:"slope,omitempty"`
	Folded bool    `json:"folded,omitempty"`
	// AnchorSizes are for each level, fine to coarse, the sides of squares of the
	// anchors' areas in pixels of the input; AnchorRatios are their height by width.
	AnchorSizes  [][]float32 `json:"anchor_sizes"`
	AnchorRatios []float32   `json:"anchor_ratios"`

	PreNMS      int     `json:"rpn_pre_nms_top_n"`  // anchors of a level that are looked at
	Proposals   int     `json:"rpn_post_nms_top_n"` // regions pooled
	ProposalNMS float64 `json:"rpn_nms_thresh"`     // IoU above which proposals of a level suppress each other
	Objectness  float64 `json:"rpn_score_thresh"`   // probability below which anchors are no proposals

	Size     int     `json:"size"`             // bins along a side of a region
	Sampling int     `json:"sampling"`         // samples along a side of a bin
	Hidden   int     `json:"hidden"`           // width of the box head
	MinScore float64 `json:"box_score_thresh"` // nothing is reported at or below it

	// ShorterSide and LongerSide are the size of photos for the network, which keep
	// their shape: the shorter side has so many pixels unless the longer one would
	// have more.
	ShorterSide int `json:"min_size"`
	LongerSide  int `json:"max_size"`
}

// TorchvisionFasterRCNN are the settings of torchvision's
// fasterrcnn_mobilenet_v3_large_fpn for COCO.
func TorchvisionFasterRCNN() FasterRCNNHeader {
	h := FasterRCNNHeader{
		Outputs: 91, Levels: 2, FPN: 256, AnchorRatios: []float32{0.5, 1, 2},
		PreNMS: 1000, Proposals: 1000, ProposalNMS: 0.7, Objectness: 0.05,
		Size: 7, Sampling: 2, Hidden: 1024, MinScore: 0.05, ShorterSide: 800, LongerSide: 1333,
	}
	h.SetAnchors(5)
	return h
}

// FasterRCNNNMS is the overlap above which torchvision's Faster R-CNNs suppress.
const FasterRCNNNMS = 0.5

// SetAnchors lays so many sizes on each level: all five of 32 to 512 pixels on
// every level, as torchvision's MobileNetV3 models do, or one on each, doubling
// from 32 on, as those on ResNet do.
func (f *FasterRCNNHeader) SetAnchors(sizes int) {
	f.AnchorSizes = nil
	for l := range f.anchorLevels() {
		at := []float32{32, 64, 128, 256, 512}
		if sizes == 1 {
			at = []float32{float32(int(32) << l)}
		}
		f.AnchorSizes = append(f.AnchorSizes, at)
	}
}

// anchorLevels is the number of levels that have anchors.
func (f *FasterRCNNHeader) anchorLevels() int {
	if f.FPN > 0 {
		return f.Levels + 1
	}
	return f.Levels
}

func (f *FasterRCNNHeader) anchorsPerCell() int { return len(f.AnchorSizes[0]) * len(f.AnchorRatios) }

// minSide bounds what a photo is scaled to; the network's coarsest map has a cell
// for 64 pixels.
const minSide, maxSide = 32, 2048

func (f *FasterRCNNHeader) check(classes []Class) error {
	err := within(
		bound{"faster_rcnn.outputs", f.Outputs, 2, 10_001},
		bound{"faster_rcnn.levels", f.Levels, 1, 3},
		bound{"faster_rcnn.fpn", f.FPN, 0, 2048},
		bound{"faster_rcnn.anchor_ratios", len(f.AnchorRatios), 1, 16},
		bound{"faster_rcnn.rpn_pre_nms_top_n", f.PreNMS, 1, 100_000},
		bound{"faster_rcnn.rpn_post_nms_top_n", f.Proposals, 1, 5000},
		bound{"faster_rcnn.size", f.Size, 1, 32},
		bound{"faster_rcnn.sampling", f.Sampling, 1, 16},
		bound{"faster_rcnn.hidden", f.Hidden, 1, 8192},
		bound{"faster_rcnn.min_size", f.ShorterSide, minSide, maxSide},
		bound{"faster_rcnn.max_size", f.LongerSide, f.ShorterSide, maxSide},
	)
	if err != nil {
		return err
	}
	err = inRange(
		fraction{"faster_rcnn.rpn_nms_thresh", f.ProposalNMS}, fraction{"faster_rcnn.rpn_score_thresh", f.Objectness},
		fraction{"faster_rcnn.box_score_thresh", f.MinScore}, fraction{"faster_rcnn.slope", f.Slope},
	)
	if err != nil {
		return err
	}
	if f.FPN == 0 && f.Levels != 1 {
		return fmt.Errorf("faster_rcnn.levels: %d without a pyramid (fpn), which alone joins several", f.Levels)
	}
	for _, c := range classes {
		if c.ID < 1 || c.ID >= f.Outputs {
			return fmt.Errorf("classes: %q has id %d, the outputs besides the background are 1 to %d", c.Name, c.ID, f.Outputs-1)
		}
	}
	return f.checkAnchors()
}

func (f *FasterRCNNHeader) checkAnchors() error {
	if len(f.AnchorSizes) != f.anchorLevels() {
		return fmt.Errorf("faster_rcnn.anchor_sizes: of %d levels, want %d", len(f.AnchorSizes), f.anchorLevels())
	}
	for l, sizes := range f.AnchorSizes {
		if len(sizes) < 1 || len(sizes) > 16 || len(sizes) != len(f.AnchorSizes[0]) {
			return fmt.Errorf("faster_rcnn.anchor_sizes: level %d has %d, want 1 to 16, on every level as many", l, len(sizes))
		}
		for _, s := range sizes {
			if !(s >= 1 && s <= 10_000) {
				return fmt.Errorf("faster_rcnn.anchor_sizes: %v is not from 1 to 10000", s)
			}
		}
	}
	for _, r := range f.AnchorRatios {
		if !(r >= 0.01 && r <= 100) {
			return fmt.Errorf("faster_rcnn.anchor_ratios: %v is not from 0.01 to 100", r)
		}
	}
	return nil
}

// FasterRCNNParams lists the tensors that a model with this header reads.
func FasterRCNNParams(h *Header) ([]nn.Param, error) {
	g, err := newFasterRCNNGraphs(h)
	if err != nil {
		return nil, err
	}
	return append(g.trunk.Params(), g.head.Params()...), nil
}
