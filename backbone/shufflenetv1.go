package backbone

import (
	"math"

	"example.com/riffle/nn"
)

// ShuffleNetV1 is the network of arXiv 1707.01083, table 1. Its tensors are
// named after the same pattern as torchvision's ShuffleNet v2: conv1.0,
// stage2.0.branch.0, fc.
type ShuffleNetV1 struct {
	Groups   int    // of the pointwise convolutions
	Repeats  [3]int // units in stages 2, 3, 4
	Stem     int    // channels of conv1, a multiple of Groups
	Channels [3]int // outputs of stages 2, 3, 4, multiples of 4*Groups
}

// Features implements Network.
func (n ShuffleNetV1) Features(b *nn.Builder, x nn.Value, o Options) Features {
	l := newLayers(b, o, epsilon)
	return stages(l.stem(x, n.Stem), n.Repeats, n.Channels,
		func(x nn.Value, name string, out, stride int) nn.Value {
			return n.unit(l, x, name, out, stride)
		})
}

// Logits implements Network.
func (n ShuffleNetV1) Logits(b *nn.Builder, x nn.Value, classes int, o Options) nn.Value {
	return newLayers(b, o, epsilon).head(n.Features(b, x, o).C5, classes)
}

// unit is the paper's figure 2: (b) at stride 1 with a residual sum, (c) at
// stride 2 with an average pool beside the branch.
func (n ShuffleNetV1) unit(l layers, x nn.Value, name string, out, stride int) nn.Value {
	branch := name + ".branch"
	bottleneck := out / 4
	if stride == 2 {
		out -= l.Channels(x) // the pooled input makes up the rest
	}
	groups := n.Groups
	if name == "stage2.0" {
		groups = 1 // its input is narrow (note of table 1)
	}

	y := l.act(l.pointwise(x, branch, 0, bottleneck, groups))
	y = l.ChannelShuffle(y, n.Groups) // for the grouped pointwise below
	y = l.depthwise3x3(y, branch, 4, stride)
	y = l.pointwise(y, branch, 6, out, n.Groups)
	if stride == 1 {
		return l.act(l.Add(x, y))
	}
	// The paper draws the ReLU behind the concat. A mean of ReLU's results is
	// never negative, so only the branch needs it.
	return l.Concat(l.AvgPool(x, 3, 2, 1), l.act(y))
}

// shuffleNetV1Groups lists table 1's stage 2 by number of groups; the
// channels double from stage to stage.
var shuffleNetV1Groups = []struct{ groups, stage2 int }{
	{1, 144}, {2, 200}, {3, 240}, {4, 272}, {8, 384},
}

// shuffleNetV1Widths lists the scale factors s of section 3.3 and the stem
// that goes with each. At 1.5 the stem stays at 24 channels: only so does the
// network cost the 292 M multiply-adds that table 5 gives it.
var shuffleNetV1Widths = []struct {
	width string
	scale float64
	stem  int
}{
	{"0.25", 0.25, 6}, {"0.5", 0.5, 12}, {"1.0", 1, 24}, {"1.5", 1.5, 24}, {"2.0", 2, 48},
}

// shuffleNetV1 is ShuffleNet scale x (groups). Both pointwise convolutions of
// a unit must divide by the groups, and the first makes a quarter of the
// unit's channels, so stage 2 is rounded up to a multiple of 4*groups and the
// stem, which the first unit's concat takes off, to a multiple of groups. The
// paper does not say how it rounds, but section 4.2 gives 576 channels to stage
// 4 of its 38 M network (0.5x, g = 4), where half of 1088 is 544: this rule.
func shuffleNetV1(stage2, stem, groups int, scale float64) ShuffleNetV1 {
	c := roundUp(scale*float64(stage2), 4*groups)
	return ShuffleNetV1{
		Groups:   groups,
		Repeats:  [3]int{4, 8, 4},
		Stem:     roundUp(float64(stem), groups),
		Channels: [3]int{c, 2 * c, 4 * c},
	}
}

func roundUp(x float64, multiple int) int {
	return (int(math.Ceil(x)) + multiple - 1) / multiple * multiple
}

// shuffleNetV1Arch2 lists "arch2", which the paper's first version (arXiv
// 1707.01083v1, section 4.1) proposes for small networks: two units fewer in
// stage 3 and every stage wider, so that the complexity stays what it was, 13 M
// at 0.25x and, in that version, 40 M at 0.5x. The paper names no channel
// counts; these are multiples of 4*groups, near one common factor over the
// plain network, and within 2 % of those sums.
var shuffleNetV1Arch2 = []struct {
	width    string
	groups   int
	stem     int
	channels [3]int
}{
	{"0.25", 1, 6, [3]int{44, 84, 172}},
	{"0.25", 2, 6, [3]int{56, 120, 240}},
	{"0.25", 3, 6, [3]int{72, 144, 288}},
	{"0.25", 4, 8, [3]int{80, 160, 304}},
	{"0.25", 8, 8, [3]int{96, 224, 448}},
	{"0.5", 1, 12, [3]int{80, 156, 312}},
	{"0.5", 2, 12, [3]int{112, 216, 440}},
	{"0.5", 3, 12, [3]int{132, 264, 528}},
	{"0.5", 4, 12, [3]int{160, 304, 592}},
	{"0.5", 8, 16, [3]int{192, 416, 832}},
}
