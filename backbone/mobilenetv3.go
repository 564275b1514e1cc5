package backbone

import (
	"fmt"
	"regexp"
	"strconv"

	"example.com/riffle/nn"
)

// MobileNetV3 is the network of arXiv 1905.02244, tables 1 and 2. Its tensors
// are named as in torchvision's mobilenetv3, so torchvision's checkpoints load
// unchanged. Options.Act takes the place of its ReLU, not of its h-swish.
type MobileNetV3 struct {
	Blocks []Bottleneck
	Last   int // channels between the two layers of the classifier
	// Width multiplies all channels; 0 means 1.
	Width float64
	// ReducedTail halves the channels from C4 on, as detectors of few classes
	// do (section 6.3).
	ReducedTail bool
	// Dilated keeps the last stage at stride 16, its filters dilated by two
	// (section 6.4).
	Dilated bool
	// Minimal leaves out what some accelerators do badly: squeeze-and-excite,
	// h-swish and 5x5 filters (the authors' "minimalistic" models).
	Minimal bool
}

// Bottleneck is one row of the paper's tables: expansion, depthwise
// convolution, squeeze-and-excite, projection.
type Bottleneck struct {
	Kernel   int
	Expanded int // channels of the depthwise convolution
	Out      int
	Squeeze  bool
	HSwish   bool // else ReLU
	Stride   int
}

// MobileNetV3Maps are the maps that detectors and segmentation read.
type MobileNetV3Maps struct {
	Low nn.Value // result of the first block at stride 8, for LR-ASPP
	C3  nn.Value // result of the last block at stride 8
	C4  nn.Value // expansion layer of the last stage's first block, stride 16
	B5  nn.Value // result of the last stage's first block, stride 32, or 16 if dilated
	C5  nn.Value // last convolution, before pooling: stride 32, or 16 if dilated
}

// mobileNetEpsilon is what torchvision and the authors add to variances.
const mobileNetEpsilon = 1e-3

// Features implements Network. C4 and C5 are where section 6.3 of the paper
// attaches the first two maps of SSDLite.
func (n MobileNetV3) Features(b *nn.Builder, x nn.Value, o Options) Features {
	m := n.Maps(b, x, o)
	return Features{C3: m.C3, C4: m.C4, C5: m.C5}
}

// Logits implements Network.
func (n MobileNetV3) Logits(b *nn.Builder, x nn.Value, classes int, o Options) nn.Value {
	l := newLayers(b, o, mobileNetEpsilon)
	x = l.GlobalAvgPool(n.Maps(b, x, o).C5)
	x = n.act(l, l.Linear(x, o.Prefix+"classifier.0", n.scaled(n.tail(n.Last))), true)
	return l.Linear(x, o.Prefix+"classifier.3", classes)
}

// Maps appends the network up to its last convolution.
func (n MobileNetV3) Maps(b *nn.Builder, x nn.Value, o Options) MobileNetV3Maps {
	l := newLayers(b, o, mobileNetEpsilon)
	x = n.act(l, l.conv(x, "features.0", 0, nn.ConvSpec{Out: n.scaled(16), Kernel: 3, Stride: 2}), true)
	var m MobileNetV3Maps
	stride, out := 2, 0
	for i, k := range n.Blocks {
		stride *= k.Stride
		switch {
		case stride == 16 && k.Stride == 2:
			m.C3 = x
		case stride == 32:
			k.Out = n.tail(k.Out)
			if k.Stride == 1 {
				k.Expanded = n.tail(k.Expanded)
			}
		}
		var expanded nn.Value
		expanded, x = n.block(l, x, fmt.Sprintf("features.%d.block", i+1), k, n.Dilated && stride == 32)
		if k.Stride == 2 && stride == 8 {
			m.Low = x
		}
		if k.Stride == 2 && stride == 32 {
			m.C4, m.B5 = expanded, x
		}
		out = k.Out
	}
	last := fmt.Sprintf("features.%d", len(n.Blocks)+1)
	m.C5 = n.act(l, l.pointwise(x, last, 0, 6*n.scaled(out), 1), true)
	return m
}

// block is the paper's figure 4. It returns the expansion layer too.
func (n MobileNetV3) block(l layers, x nn.Value, name string, k Bottleneck, dilated bool) (expanded, out nn.Value) {
	if n.Minimal {
		k.Kernel, k.Squeeze, k.HSwish = 3, false, false
	}
	in, wide := x, n.scaled(k.Expanded)
	i := 0
	layer := func() string {
		i++
		return fmt.Sprintf("%s.%d", name, i-1)
	}
	if wide != l.Channels(x) {
		x = n.act(l, l.pointwise(x, layer(), 0, wide, 1), k.HSwish)
	}
	expanded = x
	dw := nn.ConvSpec{Out: wide, Groups: wide, Kernel: k.Kernel, Stride: k.Stride}
	if dilated {
		dw.Stride, dw.Dilation = 1, 2
	}
	x = n.act(l, l.conv(x, layer(), 0, dw), k.HSwish)
	if k.Squeeze {
		x = l.SqueezeExcite(x, l.o.Prefix+layer(), divisible(wide/4))
	}
	x = l.pointwise(x, layer(), 0, n.scaled(k.Out), 1)
	if k.Stride == 1 && l.Channels(x) == l.Channels(in) {
		x = l.Add(x, in)
	}
	return expanded, x
}

func (n MobileNetV3) act(l layers, x nn.Value, hswish bool) nn.Value {
	if hswish && !n.Minimal {
		return l.Act(x, nn.HSwish)
	}
	return l.act(x)
}

func (n MobileNetV3) tail(channels int) int {
	if n.ReducedTail {
		return channels / 2
	}
	return channels
}

func (n MobileNetV3) scaled(channels int) int {
	width := n.Width
	if width == 0 {
		width = 1
	}
	return divisible(float64(channels) * width)
}

// divisible rounds to the nearest multiple of eight that takes away no more
// than a tenth, and is not below eight.
func divisible[T int | float64](channels T) int {
	c := float64(channels)
	n := max(8, int(c+4)/8*8)
	if float64(n) < 0.9*c {
		n += 8
	}
	return n
}

// MobileNetV3Large is table 1.
func MobileNetV3Large() MobileNetV3 {
	return MobileNetV3{Last: 1280, Blocks: []Bottleneck{
		{3, 16, 16, false, false, 1},
		{3, 64, 24, false, false, 2},
		{3, 72, 24, false, false, 1},
		{5, 72, 40, true, false, 2},
		{5, 120, 40, true, false, 1},
		{5, 120, 40, true, false, 1},
		{3, 240, 80, false, true, 2},
		{3, 200, 80, false, true, 1},
		{3, 184, 80, false, true, 1},
		{3, 184, 80, false, true, 1},
		{3, 480, 112, true, true, 1},
		{3, 672, 112, true, true, 1},
		{5, 672, 160, true, true, 2},
		{5, 960, 160, true, true, 1},
		{5, 960, 160, true, true, 1},
	}}
}

// MobileNetV3Small is table 2.
func MobileNetV3Small() MobileNetV3 {
	return MobileNetV3{Last: 1024, Blocks: []Bottleneck{
		{3, 16, 16, true, false, 2},
		{3, 72, 24, false, false, 2},
		{3, 88, 24, false, false, 1},
		{5, 96, 40, true, true, 2},
		{5, 240, 40, true, true, 1},
		{5, 240, 40, true, true, 1},
		{5, 120, 48, true, true, 1},
		{5, 144, 48, true, true, 1},
		{5, 288, 96, true, true, 2},
		{5, 576, 96, true, true, 1},
		{5, 576, 96, true, true, 1},
	}}
}

// mobileNetV3Widths are the endings of the names in the registry: the widths of
// the paper's figure 1 and the minimal variant.
var mobileNetV3Widths = []string{"_x0.35", "_x0.5", "_x0.75", "", "_x1.25", "_minimal"}

var mobileNetV3Name = regexp.MustCompile(`^mobilenet_v3_(large|small)(?:_x(\d+(?:\.\d+)?))?(_minimal)?$`)

// mobileNetV3 reads a name such as mobilenet_v3_small_x0.6_minimal. Widths lie
// between 0.1 and 4.
func mobileNetV3(name string) (Arch, bool) {
	part := mobileNetV3Name.FindStringSubmatch(name)
	if part == nil {
		return Arch{}, false
	}
	n := MobileNetV3Large()
	if part[1] == "small" {
		n = MobileNetV3Small()
	}
	if part[2] != "" {
		width, err := strconv.ParseFloat(part[2], 64)
		if err != nil || width < 0.1 || width > 4 {
			return Arch{}, false
		}
		n.Width = width
	}
	n.Minimal = part[3] != ""
	return Arch{name, "1905.02244", n}, true
}
