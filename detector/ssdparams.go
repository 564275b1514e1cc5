package detector

import "example.com/riffle/nn"

// SSDLiteParams lists the tensors that a model with this header reads. Of the
// header, Arch, SSD.Outputs, SSD.Ratios and SSD.ReducedTail matter.
func SSDLiteParams(h *Header) ([]nn.Param, error) {
	g, err := ssdGraph(h)
	if err != nil {
		return nil, err
	}
	return g.Params(), nil
}
