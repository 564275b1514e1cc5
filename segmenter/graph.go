package segmenter

import (
	"fmt"

	"example.com/riffle/backbone"
	"example.com/riffle/nn"
)

const (
	portImage  = "image"
	portScores = "scores"
)

// Graph is LR-ASPP: the last maps, weighted by what their means say, are brought
// to the size of the maps at stride 8, and both vote for the classes. Tensors
// have torchvision's names, but for the backbone's, which keep their own after
// "backbone.". The output is at stride 8.
func Graph(h *Header) (*nn.Graph, error) {
	arch, err := backbone.Lookup(h.Arch)
	if err != nil {
		return nil, fmt.Errorf("model header: arch: %w", err)
	}
	network, ok := arch.Network.(backbone.MobileNetV3)
	if !ok {
		return nil, fmt.Errorf("model header: arch: LR-ASPP stands on MobileNetV3, not on %s", h.Arch)
	}
	network.Dilated = h.OutputStride == 16
	b := nn.NewBuilder()
	maps := network.Maps(b, b.Input(portImage, 3), backbone.Options{Prefix: "backbone."})
	high := b.Act(b.BatchNorm(b.Pointwise(maps.C5, "classifier.cbr.0", h.Hidden, false), "classifier.cbr.1"), nn.ReLU)
	weight := b.Act(b.Pointwise(b.GlobalAvgPool(maps.C5), "classifier.scale.1", h.Hidden, false), nn.Sigmoid)
	// torchvision enlarges first and votes then. Both are linear, and the weights
	// of an interpolation add up to 1: the order does not matter to the result,
	// and this way it enlarges one map a class.
	votes := b.Pointwise(b.Mul(high, weight), "classifier.high_classifier", len(h.Classes), true)
	low := b.Pointwise(maps.Low, "classifier.low_classifier", len(h.Classes), true)
	b.Output(portScores, b.Add(low, b.Resize(votes, maps.Low)))
	return b.Graph()
}
