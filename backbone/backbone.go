// Package backbone holds the papers' networks as short Go: each file reads
// like the architecture table of its paper, and the registry gives every
// network a name.
//
// A network serves two ends. As a feature extractor it hands a detector its
// maps C3, C4 and C5 at strides 8, 16 and 32; as a classifier it gives
// ImageNet's 1000 logits. Nothing here computes: the networks are written
// with the graph builder of package nn, which compiles and runs them.
package backbone

import (
	"fmt"

	"example.com/riffle/nn"
)

// Network is an architecture that can be written into a graph.
type Network interface {
	// Features appends the network up to its last stage. x has three
	// channels.
	Features(b *nn.Builder, x nn.Value, o Options) Features
	// Logits appends the whole classifier and returns its classes x 1 x 1
	// scores before the softmax.
	Logits(b *nn.Builder, x nn.Value, classes int, o Options) nn.Value
}

// Features are the last values of stages 2, 3 and 4. An input of H x W pixels
// gives ceil(H/8) x ceil(W/8), ceil(H/16) x ceil(W/16) and ceil(H/32) x
// ceil(W/32).
type Features struct{ C3, C4, C5 nn.Value }

// Options change a network without changing its shape. The zero value is the
// paper's network.
type Options struct {
	// Act takes the place of ReLU.
	Act nn.Act
	// NoBatchNorm is for weights whose batch norms were folded: convolutions
	// have a bias instead, and keep the names they have beside batch norms.
	NoBatchNorm bool
	// Prefix stands before every tensor's name, its dot included:
	// "backbone." for "backbone.conv1.0.weight".
	Prefix string
	// Epsilon is what is added to the variances of batch norms; 0 is what the
	// network's authors add.
	Epsilon float64
}

// layers writes convolutions under the names that torch's Sequential gives
// them: convolution i of a sequence is followed by its batch norm, i+1.
type layers struct {
	*nn.Builder
	o       Options
	epsilon float64 // of batch norms
}

// epsilon is torch's default.
const epsilon = 1e-5

func newLayers(b *nn.Builder, o Options, epsilon float64) layers {
	if o.Epsilon > 0 {
		epsilon = o.Epsilon
	}
	return layers{b, o, epsilon}
}

func (l layers) conv(x nn.Value, sequence string, i int, s nn.ConvSpec) nn.Value {
	s.Bias = l.o.NoBatchNorm
	x = l.Conv(x, fmt.Sprintf("%s%s.%d", l.o.Prefix, sequence, i), s)
	if l.o.NoBatchNorm {
		return x
	}
	return l.BatchNormEps(x, fmt.Sprintf("%s%s.%d", l.o.Prefix, sequence, i+1), l.epsilon)
}

func (l layers) pointwise(x nn.Value, sequence string, i, out, groups int) nn.Value {
	return l.conv(x, sequence, i, nn.ConvSpec{Out: out, Groups: groups})
}

func (l layers) depthwise3x3(x nn.Value, sequence string, i, stride int) nn.Value {
	c := l.Channels(x)
	return l.conv(x, sequence, i, nn.ConvSpec{Out: c, Groups: c, Kernel: 3, Stride: stride})
}

func (l layers) act(x nn.Value) nn.Value {
	if l.o.Act == (nn.Act{}) {
		return l.Act(x, nn.ReLU)
	}
	return l.Act(x, l.o.Act)
}

// stem is the first layer of all ShuffleNets: 3x3 convolution and 3x3 max
// pool, both of stride 2.
func (l layers) stem(x nn.Value, channels int) nn.Value {
	x = l.act(l.conv(x, "conv1", 0, nn.ConvSpec{Out: channels, Kernel: 3, Stride: 2}))
	return l.MaxPool(x, 3, 2, 1)
}

// head is the last layer of all ShuffleNets: global pool and fully connected.
func (l layers) head(x nn.Value, classes int) nn.Value {
	return l.Linear(l.GlobalAvgPool(x), l.o.Prefix+"fc", classes)
}

// stages writes stages 2 to 4: repeats[s] units each, of which the first has
// stride 2. unit appends one of them.
func stages(x nn.Value, repeats, channels [3]int, unit func(x nn.Value, name string, out, stride int) nn.Value) Features {
	var c [3]nn.Value
	for s := range c {
		for i := range repeats[s] {
			stride := 1
			if i == 0 {
				stride = 2
			}
			x = unit(x, fmt.Sprintf("stage%d.%d", s+2, i), channels[s], stride)
		}
		c[s] = x
	}
	return Features{C3: c[0], C4: c[1], C5: c[2]}
}
