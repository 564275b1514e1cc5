package backbone

import (
	"fmt"

	"example.com/riffle/nn"
)

// ShuffleNetV2 is the network of arXiv 1807.11164, table 5. Its tensors are
// named as in torchvision's shufflenetv2, so torchvision's checkpoints load
// unchanged.
type ShuffleNetV2 struct {
	Repeats  [3]int // units in stages 2, 3, 4
	Channels [3]int // outputs of stages 2, 3, 4; even
	Stem     int    // channels of conv1
	Last     int    // channels of conv5
	// Star makes the paper's ShuffleNet v2*: one more 3x3 depthwise
	// convolution before the first pointwise of each unit widens the
	// receptive field for detection (section 4, "Object Detection"). The
	// shortcut of a stride-2 unit starts with a depthwise convolution as it
	// is and stays.
	Star bool
	// Branches are the inner widths of the units' second branches, one a unit
	// in order: the channels between its two pointwise convolutions. What a
	// unit takes and gives does not change, so splits and shuffles stay. Nil
	// means the paper's, half of what the unit gives.
	Branches []int
}

// WithBranches returns the network with other inner widths, see Branches; an
// error says which one is wrong.
func (n ShuffleNetV2) WithBranches(widths []int) (ShuffleNetV2, error) {
	if want := n.Repeats[0] + n.Repeats[1] + n.Repeats[2]; len(widths) != want {
		return n, fmt.Errorf("%d widths, the network has %d units", len(widths), want)
	}
	for i, w := range widths {
		if w < 1 || w > maxBranch {
			return n, fmt.Errorf("width %d is %d, not from 1 to %d", i, w, maxBranch)
		}
	}
	n.Branches = widths
	return n, nil
}

// maxBranch bounds inner widths: eight times the widest of the paper.
const maxBranch = 4096

// Features implements Network.
func (n ShuffleNetV2) Features(b *nn.Builder, x nn.Value, o Options) Features {
	l := newLayers(b, o, epsilon)
	next := 0 // unit
	return stages(l.stem(x, n.Stem), n.Repeats, n.Channels,
		func(x nn.Value, name string, out, stride int) nn.Value {
			inner := out / 2
			if n.Branches != nil {
				inner = n.Branches[next]
			}
			next++
			return n.unit(l, x, name, out, inner, stride)
		})
}

// Logits implements Network.
func (n ShuffleNetV2) Logits(b *nn.Builder, x nn.Value, classes int, o Options) nn.Value {
	l := newLayers(b, o, epsilon)
	x = n.Features(b, x, o).C5
	x = l.act(l.pointwise(x, "conv5", 0, n.Last, 1))
	return l.head(x, classes)
}

// unit is the paper's figure 3: (c) at stride 1, where half of the channels
// pass untouched, and (d) at stride 2, where both halves are computed. inner is
// the width between the pointwise convolutions, in the paper half of out.
func (n ShuffleNetV2) unit(l layers, x nn.Value, name string, out, inner, stride int) nn.Value {
	left, right := x, x
	if stride == 1 {
		left, right = l.Split2(x)
	} else {
		branch := name + ".branch1"
		left = l.depthwise3x3(left, branch, 0, stride)
		left = l.act(l.pointwise(left, branch, 2, out/2, 1))
	}

	branch, i := name+".branch2", 0
	if n.Star {
		right = l.depthwise3x3(right, branch, 0, 1)
		i = 2 // what follows moves up by a convolution and its batch norm
	}
	right = l.act(l.pointwise(right, branch, i, inner, 1))
	right = l.depthwise3x3(right, branch, i+3, stride)
	right = l.act(l.pointwise(right, branch, i+5, out/2, 1))

	return l.ChannelShuffle(l.Concat(left, right), 2)
}

// shuffleNetV2 is one column of table 5.
func shuffleNetV2(stage2, stage3, stage4, conv5 int) ShuffleNetV2 {
	return ShuffleNetV2{
		Stem:     24,
		Repeats:  [3]int{4, 8, 4},
		Channels: [3]int{stage2, stage3, stage4},
		Last:     conv5,
	}
}

var shuffleNetV2Widths = []struct {
	width string
	net   ShuffleNetV2
}{
	{"0.5", shuffleNetV2(48, 96, 192, 1024)},
	{"1.0", shuffleNetV2(116, 232, 464, 1024)},
	{"1.5", shuffleNetV2(176, 352, 704, 1024)},
	{"2.0", shuffleNetV2(244, 488, 976, 2048)},
}
