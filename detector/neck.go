package detector

import (
	"fmt"

	"example.com/riffle/backbone"
	"example.com/riffle/nn"
)

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
