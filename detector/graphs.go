package detector

import (
	"fmt"

	"example.com/riffle/backbone"
	"example.com/riffle/nn"
)

// Names of the ports of the two-stage detector's graphs; those of a level are
// followed by its number, 0 for P3.
const (
	portImage    = "image"
	portDense    = "dense"
	portThin     = "thin"
	portRegions  = "regions"
	portGeometry = "geometry"
	portPrior    = "prior"
	portClasses  = "classes"
	portDeltas   = "deltas"
)

// distanceBins is how many bins a distance from a point to a box's side has.
const distanceBins = 8

// firstGraph is the network that sees the whole picture: backbone, neck and the
// dense towers, which give for every point one logit a class and four times the
// logits of distanceBins. With thin it also has the second stage's features.
func firstGraph(h *Header, thin bool) (*nn.Graph, error) {
	network, err := h.trunk()
	if err != nil {
		return nil, fmt.Errorf("model header: %w", err)
	}
	b := nn.NewBuilder()
	features := network.Features(b, b.Input(portImage, 3), backbone.Options{
		Act: nn.LeakyReLU(slope), NoBatchNorm: true, Prefix: "backbone.",
	})
	neck := ghostPAN{b, h.NeckChannels}
	for l, p := range neck.pyramid(features) {
		x := neck.separable(p, fmt.Sprintf("rpn.stem.%d.0", l), 1)
		x = neck.separable(x, fmt.Sprintf("rpn.stem.%d.1", l), 1)
		x = b.Pointwise(x, fmt.Sprintf("rpn.pred.%d", l), len(h.Classes)+4*distanceBins, true)
		b.Output(fmt.Sprint(portDense, l), x)
		if thin {
			b.Output(fmt.Sprint(portThin, l), b.Pointwise(p, "roi.thin", h.RoI.Channels, true))
		}
	}
	return b.Graph()
}

// trunk is the backbone that the header describes.
func (h *Header) trunk() (backbone.Network, error) {
	arch, err := backbone.Lookup(h.Arch)
	if err != nil {
		return nil, fmt.Errorf("arch: %w", err)
	}
	if h.BranchWidths == nil {
		return arch.Network, nil
	}
	v2, ok := arch.Network.(backbone.ShuffleNetV2)
	if !ok {
		return nil, fmt.Errorf("branch_widths: %s has none, only ShuffleNet v2 has", h.Arch)
	}
	if v2, err = v2.WithBranches(h.BranchWidths); err != nil {
		return nil, fmt.Errorf("branch_widths: %w", err)
	}
	return v2, nil
}

// secondGraph is the network that sees pooled regions. A region is a pixel of
// its planes: fully connected layers over N regions are 1x1 convolutions over N
// pixels, and run as one matrix product.
func secondGraph(h *Header) (*nn.Graph, error) {
	b := nn.NewBuilder()
	regions := b.Input(portRegions, h.RoI.Channels*h.RoI.Size*h.RoI.Size)
	geometry := b.Input(portGeometry, 4)
	prior := b.Input(portPrior, len(h.Classes))
	x := b.Act(b.Pointwise(regions, "roi.fc1", h.RoI.Hidden, true), nn.ReLU)
	x = b.Concat(x, geometry, prior)
	x = b.Act(b.Pointwise(x, "roi.fc2", h.RoI.Hidden, true), nn.ReLU)
	b.Output(portClasses, b.Pointwise(x, "roi.cls", len(h.Classes), true))
	b.Output(portDeltas, b.Pointwise(x, "roi.reg", 4, true))
	return b.Graph()
}
