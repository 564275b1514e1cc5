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

// slope is that of every LeakyReLU of the trained detector.
const slope = 0.1

// strides of the pyramid's levels P3 to P6, in pixels.
var strides = [...]int{8, 16, 32, 64}

// ghostPAN writes NanoDet-Plus's neck: features of one width on four levels,
// mixed from coarse to fine and back by GhostNet's cheap blocks (arXiv
// 1911.11907) in the way of PANet (arXiv 1803.01534).
type ghostPAN struct {
	*nn.Builder
	channels int
}

// pyramid appends the neck to a backbone and returns P3 to P6.
func (n ghostPAN) pyramid(f backbone.Features) [len(strides)]nn.Value {
	c3 := n.reduce(f.C3, 0)
	c4 := n.reduce(f.C4, 1)
	c5 := n.reduce(f.C5, 2)
	t4 := n.bottleneck(n.Concat(n.Resize(c5, c4), c4), "neck.top_down.0")
	p3 := n.bottleneck(n.Concat(n.Resize(t4, c3), c3), "neck.top_down.1")
	p4 := n.bottleneck(n.Concat(n.separable(p3, "neck.downsample.0", 2), t4), "neck.bottom_up.0")
	p5 := n.bottleneck(n.Concat(n.separable(p4, "neck.downsample.1", 2), c5), "neck.bottom_up.1")
	p6 := n.Add(n.separable(c5, "neck.extra_in", 2), n.separable(p5, "neck.extra_out", 2))
	return [...]nn.Value{p3, p4, p5, p6}
}

func (n ghostPAN) act(x nn.Value) nn.Value { return n.Act(x, nn.LeakyReLU(slope)) }

func (n ghostPAN) reduce(x nn.Value, i int) nn.Value {
	return n.act(n.Pointwise(x, fmt.Sprintf("neck.reduce.%d", i), n.channels, true))
}

// separable is a 5x5 depthwise convolution, then a 1x1.
func (n ghostPAN) separable(x nn.Value, name string, stride int) nn.Value {
	x = n.act(n.Depthwise(x, name+".0", nn.ConvSpec{Kernel: 5, Stride: stride, Bias: true}))
	return n.act(n.Pointwise(x, name+".1", n.channels, true))
}

// bottleneck halves the channels: two ghost modules beside a shortcut.
func (n ghostPAN) bottleneck(x nn.Value, name string) nn.Value {
	y := n.ghost(x, name+".ghost1", n.act)
	y = n.ghost(y, name+".ghost2", func(x nn.Value) nn.Value { return x })
	short := n.Depthwise(x, name+".shortcut.0", nn.ConvSpec{Kernel: 5, Bias: true})
	return n.Add(y, n.Pointwise(short, name+".shortcut.1", n.channels, true))
}

// ghost computes half of its channels from x and the other half cheaply from
// the first.
func (n ghostPAN) ghost(x nn.Value, name string, act func(nn.Value) nn.Value) nn.Value {
	a := act(n.Pointwise(x, name+".primary", n.channels/2, true))
	b := act(n.Depthwise(a, name+".cheap", nn.ConvSpec{Kernel: 3, Bias: true}))
	return n.Concat(a, b)
}
