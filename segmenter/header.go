package segmenter

import (
	"fmt"

	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// Header is what a segmenter's file says about it, as JSON under the key "riffle"
// of its safetensors metadata. Classes are in the order of the network's outputs
// and have their numbers as ids. Input is the size of a square photo as the
// network sees it; others keep their shape.
type Header struct {
	modelfile.Header
	Resize       int `json:"resize"`        // shorter side of the photo as the network sees it, pixels
	OutputStride int `json:"output_stride"` // of the network's last maps, 16 or 32
	Hidden       int `json:"hidden"`        // channels between the last maps and the classes
}

// maxClasses is what a palette holds.
const maxClasses = 256

// Torchvision is the header of torchvision's weights for an architecture, but for
// name and licence: Pascal VOC's classes, photos whose shorter side is 520 pixels.
func Torchvision(arch string) Header {
	return Header{
		Header: modelfile.Header{
			Format: modelfile.Format, Arch: arch, Kind: modelfile.Segmenter, Input: []int{520, 520},
			Mean: []float32{123.675, 116.28, 103.53}, Std: []float32{58.395, 57.12, 57.375},
			Classes: modelfile.VOC(),
		},
		Resize: 520, OutputStride: 16, Hidden: 128,
	}
}

// ReadHeader reads and checks the header of a segmenter's weights. The error
// names the field that is wrong, or what the model is if it is no segmenter.
func ReadHeader(w *nn.Weights) (Header, error) {
	var h Header
	if err := modelfile.Read(w, &h); err != nil {
		return h, err
	}
	if err := h.Expect(modelfile.Segmenter); err != nil {
		return h, err
	}
	if err := h.check(); err != nil {
		return h, fmt.Errorf("model header: %w", err)
	}
	return h, nil
}

func (h *Header) check() error {
	if err := h.Check(); err != nil {
		return err
	}
	switch {
	case h.Resize < 32 || h.Resize > maxSide:
		return fmt.Errorf("resize: %d is not from 32 to %d", h.Resize, maxSide)
	case h.OutputStride != 16 && h.OutputStride != 32:
		return fmt.Errorf("output_stride: %d is neither 16 nor 32", h.OutputStride)
	case h.Hidden < 1 || h.Hidden > 2048:
		return fmt.Errorf("hidden: %d is not from 1 to 2048", h.Hidden)
	case len(h.Classes) > maxClasses:
		return fmt.Errorf("classes: %d are more than the %d that a palette holds", len(h.Classes), maxClasses)
	}
	for i, c := range h.Classes {
		if c.ID != i {
			return fmt.Errorf("classes: %q is number %d and has id %d", c.Name, i, c.ID)
		}
	}
	return nil
}
