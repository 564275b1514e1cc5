package detector

import (
	"fmt"
	"maps"
	"slices"

	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// Class is one kind of object that a model knows.
type Class = modelfile.Class

// Header is what a detector's file says about it, as JSON under the key "riffle"
// of its safetensors metadata.
type Header struct {
	modelfile.Header
	// BranchWidths are the inner widths of the units of a ShuffleNet v2 that was
	// shrunk, in order; none means the architecture's own. Of KindTwoStage.
	BranchWidths []int            `json:"branch_widths,omitempty"`
	NeckChannels int              `json:"neck_channels,omitempty"` // of KindTwoStage
	RoI          RoIHeader        `json:"roi,omitzero"`            // of KindTwoStage
	SSD          SSDHeader        `json:"ssd,omitzero"`            // of KindSSDLite
	FasterRCNN   FasterRCNNHeader `json:"faster_rcnn,omitzero"`    // of KindFasterRCNN
	NMS          float64          `json:"nms"`                     // IoU above which detections of a class suppress each other
	ScoreCurve   Curve            `json:"score_curve,omitempty"`   // what the network's scores are worth
	AP           Accuracy         `json:"ap,omitzero"`
}

// RoIHeader describes the second stage.
type RoIHeader struct {
	Channels          int     `json:"channels"`  // of the features it pools
	Size              int     `json:"size"`      // bins along a side of a region
	Sampling          int     `json:"sampling"`  // samples along a side of a bin
	Hidden            int     `json:"hidden"`    // width of its fully connected layers
	PreNMS            int     `json:"pre_nms"`   // pairs of a point and a class looked at
	Proposals         int     `json:"proposals"` // regions pooled
	NMS               float64 `json:"nms"`       // IoU above which proposals suppress each other
	SecondStageWeight float64 `json:"second_stage_weight"`
	Finest            int     `json:"finest,omitempty"` // side in pixels of the input below which regions are pooled from the finest level; 0 means 80
}

// Accuracy is a figure of quality and what it was measured on.
type Accuracy struct {
	Data string  `json:"data"`
	AP   float64 `json:"AP"` // COCO's, a fraction; 0 if unknown
}

// The kinds of detectors.
const (
	// KindTwoStage is the trained detector: a dense first stage whose class
	// scores are a prior for a RoIAlign second stage.
	KindTwoStage = modelfile.TwoStage
	// KindSSDLite is torchvision's SSDLite on one of the project's backbones.
	KindSSDLite = modelfile.SSDLite
	// KindFasterRCNN is a classic Faster R-CNN as torchvision builds it.
	KindFasterRCNN = modelfile.FasterRCNN
)

// maxPooled bounds the features pooled from a picture: 256 MiB.
const maxPooled = 64 << 20

// ReadHeader reads and checks the header of a detector's weights. The error
// names the field that is wrong, or what the model is if it is no detector.
func ReadHeader(w *nn.Weights) (Header, error) {
	var h Header
	if err := modelfile.Read(w, &h); err != nil {
		return h, err
	}
	if err := h.Expect(slices.Collect(maps.Keys(kinds))...); err != nil {
		return h, err
	}
	if err := h.check(); err != nil {
		return h, fmt.Errorf("model header: %w", err)
	}
	return h, nil
}

// check bounds every field, so that a wrong file is refused before memory is
// asked for.
func (h *Header) check() error {
	if err := h.Check(); err != nil {
		return err
	}
	if err := inRange(fraction{"nms", h.NMS}, fraction{"ap.AP", h.AP.AP}); err != nil {
		return err
	}
	if err := h.ScoreCurve.check(); err != nil {
		return err
	}
	return kinds[h.Kind].check(h)
}

// bound is a whole number of the header with its limits.
type bound struct {
	name      string
	v, lo, hi int
}

func within(fields ...bound) error {
	for _, f := range fields {
		if f.v < f.lo || f.v > f.hi {
			return fmt.Errorf("%s: %d is not from %d to %d", f.name, f.v, f.lo, f.hi)
		}
	}
	return nil
}

// fraction is a number of the header from 0 to 1.
type fraction struct {
	name string
	v    float64
}

func inRange(fields ...fraction) error {
	for _, f := range fields {
		if !(f.v >= 0 && f.v <= 1) {
			return fmt.Errorf("%s: %v is not from 0 to 1", f.name, f.v)
		}
	}
	return nil
}

// override puts what the caller asked for in the place of what the model was
// trained for.
func (h *Header) override(size, proposals int) error {
	if size%32 != 0 {
		return fmt.Errorf("input size: %d is not a multiple of 32", size)
	}
	if size != 0 {
		kinds[h.Kind].resize(h, size)
	}
	if proposals != 0 {
		if err := kinds[h.Kind].propose(h, proposals); err != nil {
			return err
		}
	}
	if err := h.check(); err != nil {
		return fmt.Errorf("model options: %w", err)
	}
	return nil
}
