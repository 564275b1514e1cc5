package detector

import (
	"fmt"
	"slices"

	"example.com/riffle/nn"
)

// SSDHeader describes an SSDLite detector: its default boxes, and which of the
// network's answers are looked at.
type SSDHeader struct {
	// Outputs are the classes that the head scores, the background, number 0,
	// included. A [Class] has the number of its output as its id; outputs
	// without a name (COCO's unused numbers) are scored and not reported.
	Outputs  int       `json:"outputs"`
	MinScale float64   `json:"min_scale"` // of the first map's boxes, a fraction of the picture
	MaxScale float64   `json:"max_scale"` // of the last map's
	Ratios   []float64 `json:"ratios"`    // of width to height, above 1; their inverses are added
	TopK     int       `json:"top_k"`     // boxes of a class that go into suppression
	MinScore float64   `json:"min_score"` // nothing is reported at or below it
	// ReducedTail says that the channels of MobileNetV3's last stage are halved
	// (arXiv 1905.02244, section 6.3).
	ReducedTail bool `json:"reduced_tail,omitempty"`
}

// TorchvisionSSDLite are the settings of torchvision's ssdlite320 models, but
// for the number of outputs.
var TorchvisionSSDLite = SSDHeader{MinScale: 0.2, MaxScale: 0.95, Ratios: []float64{2, 3}, TopK: 300, MinScore: 0.001}

// SSDLiteNMS is the overlap above which torchvision's ssdlite320 models suppress.
const SSDLiteNMS = 0.55

// anchorsPerCell are a square box, a larger one, and two for each ratio.
func (s *SSDHeader) anchorsPerCell() int { return 2 + 2*len(s.Ratios) }

func (s *SSDHeader) check(classes []Class) error {
	err := within(
		bound{"ssd.outputs", s.Outputs, 2, 10_001},
		bound{"ssd.ratios", len(s.Ratios), 1, 8},
		bound{"ssd.top_k", s.TopK, 1, 10_000},
	)
	if err != nil {
		return err
	}
	if err := inRange(fraction{"ssd.min_scale", s.MinScale}, fraction{"ssd.max_scale", s.MaxScale}, fraction{"ssd.min_score", s.MinScore}); err != nil {
		return err
	}
	if !(s.MinScale > 0 && s.MinScale <= s.MaxScale) {
		return fmt.Errorf("ssd.min_scale: %v is not above 0 and at most max_scale", s.MinScale)
	}
	if !(s.MinScore > 0) {
		return fmt.Errorf("ssd.min_score: %v is not above 0", s.MinScore)
	}
	if slices.ContainsFunc(s.Ratios, func(r float64) bool { return !(r > 1 && r <= 100) }) {
		return fmt.Errorf("ssd.ratios: %v are not above 1 and at most 100", s.Ratios)
	}
	for _, c := range classes {
		if c.ID < 1 || c.ID >= s.Outputs {
			return fmt.Errorf("classes: %q has id %d, the outputs besides the background are 1 to %d", c.Name, c.ID, s.Outputs-1)
		}
	}
	return nil
}

// SSDLiteParams lists the tensors that a model with this header reads. Of the
// header, Arch, SSD.Outputs, SSD.Ratios and SSD.ReducedTail matter.
func SSDLiteParams(h *Header) ([]nn.Param, error) {
	g, err := ssdGraph(h)
	if err != nil {
		return nil, err
	}
	return g.Params(), nil
}
