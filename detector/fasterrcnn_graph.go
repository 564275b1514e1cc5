package detector

import (
	"fmt"

	"example.com/riffle/backbone"
	"example.com/riffle/nn"
)

// Names of further ports; those of a level are followed by its number.
const (
	portFeatures = "features"   // what regions are pooled from
	portScores   = "objectness" // one plane an anchor of a cell
)

// strideMultiple is what the sides of a Faster R-CNN's input are a multiple of.
const strideMultiple = 32

// fasterRCNNEpsilon is what torchvision's Faster R-CNNs add to the variances of
// batch norms, also of MobileNetV3, whose own is another.
const fasterRCNNEpsilon = 1e-5

// fasterRCNNGraphs are the two networks of a Faster R-CNN (Ren et al., arXiv
// 1506.01497): trunk sees the picture, head the pooled regions. Tensors have
// torchvision's names, but for MobileNetV3's, which keep "features.".
type fasterRCNNGraphs struct{ trunk, head *nn.Graph }

// newFasterRCNNGraphs builds both for the backbone that the header names.
func newFasterRCNNGraphs(h *Header) (*fasterRCNNGraphs, error) {
	arch, err := backbone.Lookup(h.Arch)
	if err != nil {
		return nil, fmt.Errorf("model header: arch: %w", err)
	}
	return fasterRCNNOn(arch.Network, h)
}

func fasterRCNNOn(network backbone.Network, h *Header) (*fasterRCNNGraphs, error) {
	f := &h.FasterRCNN
	b := nn.NewBuilder()
	options := backbone.Options{Prefix: "backbone.", Epsilon: fasterRCNNEpsilon, NoBatchNorm: f.Folded}
	if f.Slope > 0 {
		options.Act = nn.LeakyReLU(float32(f.Slope))
	}
	if f.FPN > 0 {
		options.Prefix = "backbone.body."
	}
	maps, err := backboneMaps(network, b, options, f.Levels)
	if err != nil {
		return nil, err
	}
	levels := maps
	if f.FPN > 0 {
		levels = featurePyramid(b, maps, f.FPN)
	}
	for l, x := range levels {
		if l < len(maps) {
			b.Output(fmt.Sprint(portFeatures, l), x)
		}
		x = b.Act(b.Conv(x, "rpn.head.conv.0.0", nn.ConvSpec{Out: b.Channels(x), Kernel: 3, Bias: true}), nn.ReLU)
		n := f.anchorsPerCell()
		b.Output(fmt.Sprint(portScores, l), b.Pointwise(x, "rpn.head.cls_logits", n, true))
		b.Output(fmt.Sprint(portDeltas, l), b.Pointwise(x, "rpn.head.bbox_pred", 4*n, true))
	}
	channels := b.Channels(levels[0])
	trunk, err := b.Graph()
	if err != nil {
		return nil, err
	}
	head, err := boxHeadGraph(f, channels)
	return &fasterRCNNGraphs{trunk, head}, err
}

// backboneMaps appends a backbone and returns its last maps, fine to coarse.
func backboneMaps(network backbone.Network, b *nn.Builder, o backbone.Options, levels int) ([]nn.Value, error) {
	var maps []nn.Value
	x := b.Input(portImage, 3)
	if v3, ok := network.(backbone.MobileNetV3); ok {
		m := v3.Maps(b, x, o)
		maps = []nn.Value{m.B5, m.C5}
	} else {
		f := network.Features(b, x, o)
		maps = []nn.Value{f.C3, f.C4, f.C5}
	}
	if levels > len(maps) {
		return nil, fmt.Errorf("model header: faster_rcnn.levels: %d, this backbone has %d maps", levels, len(maps))
	}
	return maps[len(maps)-levels:], nil
}

// featurePyramid writes the pyramid of Lin et al. (arXiv 1612.03144) and one more
// level, every second cell of the coarsest.
func featurePyramid(b *nn.Builder, maps []nn.Value, channels int) []nn.Value {
	levels := make([]nn.Value, len(maps), len(maps)+1)
	var coarser nn.Value
	for l := len(maps) - 1; l >= 0; l-- {
		var above nn.Value
		if l < len(maps)-1 {
			above = b.ResizeNearest(coarser, maps[l]) // before what it is added to, so that both become one step
		}
		x := b.Pointwise(maps[l], fmt.Sprintf("backbone.fpn.inner_blocks.%d.0", l), channels, true)
		if l < len(maps)-1 {
			x = b.Add(x, above)
		}
		coarser = x
		levels[l] = b.Conv(x, fmt.Sprintf("backbone.fpn.layer_blocks.%d.0", l), nn.ConvSpec{Out: channels, Kernel: 3, Bias: true})
	}
	return append(levels, b.MaxPool(levels[len(levels)-1], 1, 2, 0))
}

// boxHeadGraph is the second stage; as in secondGraph a region is a pixel.
func boxHeadGraph(f *FasterRCNNHeader, channels int) (*nn.Graph, error) {
	b := nn.NewBuilder()
	x := b.Input(portRegions, channels*f.Size*f.Size)
	x = b.Act(b.Pointwise(x, "roi_heads.box_head.fc6", f.Hidden, true), nn.ReLU)
	x = b.Act(b.Pointwise(x, "roi_heads.box_head.fc7", f.Hidden, true), nn.ReLU)
	b.Output(portClasses, b.Pointwise(x, "roi_heads.box_predictor.cls_score", f.Outputs, true))
	b.Output(portDeltas, b.Pointwise(x, "roi_heads.box_predictor.bbox_pred", 4*f.Outputs, true))
	return b.Graph()
}
