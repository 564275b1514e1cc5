package classifier

import (
	"fmt"

	"example.com/riffle/backbone"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// Header is what a classifier's file says about it, as JSON under the key
// "riffle" of its safetensors metadata. Input is the size of what is cut out of
// the resized picture.
type Header struct {
	modelfile.Header
	Resize int `json:"resize"` // shorter side of the resized picture, pixels
}

// MaxResize bounds the shorter side of the resized picture.
const MaxResize = 4096

// ImageNet is the header of torchvision's weights of an architecture, but for
// name and licence: 1000 classes, pictures of 224 x 224 pixels cut out of ones
// resized to 256, or to 232 for the weights of torchvision's later recipe.
func ImageNet(arch string, resize int) Header {
	return Header{
		Header: modelfile.Header{
			Format: modelfile.Format, Arch: arch, Kind: modelfile.Classifier, Input: []int{224, 224},
			Mean: []float32{123.675, 116.28, 103.53}, Std: []float32{58.395, 57.12, 57.375},
			Classes: ImageNetClasses(),
		},
		Resize: resize,
	}
}

// ReadHeader reads and checks the header of a classifier's weights. The error
// names the field that is wrong, or what the model is if it is no classifier.
func ReadHeader(w *nn.Weights) (Header, error) {
	var h Header
	if err := modelfile.Read(w, &h); err != nil {
		return h, err
	}
	if err := h.Expect(modelfile.Classifier); err != nil {
		return h, err
	}
	if err := h.Check(); err != nil {
		return h, fmt.Errorf("model header: %w", err)
	}
	if least := max(h.Input[0], h.Input[1]); h.Resize < least || h.Resize > MaxResize {
		return h, fmt.Errorf("model header: resize: %d is not from %d, the input's size, to %d", h.Resize, least, MaxResize)
	}
	return h, nil
}

// Graph builds the network that a header describes: input backbone.InputName,
// output backbone.LogitName with one value a class.
func Graph(h *Header) (*nn.Graph, error) {
	arch, err := backbone.Lookup(h.Arch)
	if err != nil {
		return nil, err
	}
	b := nn.NewBuilder()
	x := b.Input(backbone.InputName, 3)
	b.Output(backbone.LogitName, arch.Logits(b, x, len(h.Classes), backbone.Options{}))
	return b.Graph()
}
