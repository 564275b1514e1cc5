package nn

import (
	"errors"
	"fmt"
)

// Value is the result of one builder call: a tensor of a fixed number of
// channels whose height and width are known once the graph is compiled.
// A Value belongs to the builder that made it.
type Value struct{ id int }

type opKind uint8

const (
	opInput opKind = iota
	opConv
	opBatchNorm
	opAct
	opView // split, slice, concat and shuffle: a permutation of planes
	opMaxPool
	opAvgPool
	opGlobalAvgPool
	opLinear
	opAdd
	opMul
	opResize
	opNearest
)

var opNames = [...]string{"input", "conv", "batch norm", "activation", "view", "max pool",
	"average pool", "global average pool", "linear", "add", "mul", "resize", "nearest"}

func (k opKind) String() string { return opNames[k] }

// node is one builder call. Its index in Graph.nodes is its Value's id, and
// its operands always have smaller ids, so index order is execution order.
type node struct {
	kind     opKind
	name     string
	in       []int
	channels int
	conv     ConvSpec // conv; Out only for linear
	pool     poolSpec
	act      Act
	epsilon  float64   // batch norm
	view     []planeOf // view: where each output channel comes from
	columns  []int     // 1x1 conv: the channels of its weight that it uses; nil: all
	wide     int       // and how many that weight has
}

type poolSpec struct{ kernel, stride, pad int }

// planeOf names channel ch of value id.
type planeOf struct{ id, ch int }

// ConvSpec describes a convolution. Padding is what keeps the size at stride 1,
// Dilation*(Kernel/2) on every side, as in all networks of this project, unless
// NoPad is set.
type ConvSpec struct {
	Out      int  // output channels
	Kernel   int  // side of the square kernel, odd; 0 means 1
	Stride   int  // 0 means 1
	Groups   int  // 0 means 1; In and Out must be multiples of it
	Dilation int  // pixels from one tap to the next, 0 means 1; more only for depthwise at stride 1
	Bias     bool // read name+".bias"
	NoPad    bool
}

func (s ConvSpec) pad() int {
	if s.NoPad {
		return 0
	}
	return s.Kernel / 2 * s.Dilation
}

// reach is the number of pixels from the first tap to the last.
func (s ConvSpec) reach() int { return (s.Kernel-1)*s.Dilation + 1 }

// Builder collects a graph call by call. The first mistake is remembered and
// returned by Graph, so that a network's code needs no error checks between
// its layers.
type Builder struct {
	nodes   []node
	outputs []port
	inputs  []port
	err     error
}

type port struct {
	name string
	id   int
}

// NewBuilder returns an empty builder.
func NewBuilder() *Builder { return &Builder{} }

// Graph is a finished network of unknown input size: what to compute, and
// under which names its weights are found.
type Graph struct {
	nodes   []node
	inputs  []port
	outputs []port
}

// Graph returns what was built, or the first mistake that was made.
func (b *Builder) Graph() (*Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.inputs) == 0 || len(b.outputs) == 0 {
		return nil, errors.New("nn: a graph needs at least one input and one output")
	}
	return &Graph{nodes: b.nodes, inputs: b.inputs, outputs: b.outputs}, nil
}

// Channels returns the number of channels of v.
func (b *Builder) Channels(v Value) int {
	if !b.has(v) {
		return 0
	}
	return b.nodes[v.id].channels
}

func (b *Builder) has(v Value) bool { return v.id >= 0 && v.id < len(b.nodes) }

func (b *Builder) fail(format string, args ...any) Value {
	if b.err == nil {
		b.err = fmt.Errorf("nn: "+format, args...)
	}
	return Value{-1}
}

// add appends a node unless an operand is the result of a failed call.
func (b *Builder) add(n node, in ...Value) Value {
	for _, v := range in {
		if !b.has(v) {
			return b.fail("%s %q has an operand that is not of this graph", n.kind, n.name)
		}
		n.in = append(n.in, v.id)
	}
	b.nodes = append(b.nodes, n)
	return Value{len(b.nodes) - 1}
}

// Input declares an input of the given number of channels.
func (b *Builder) Input(name string, channels int) Value {
	if channels < 1 {
		return b.fail("input %q needs at least one channel", name)
	}
	v := b.add(node{kind: opInput, name: name, channels: channels})
	b.inputs = append(b.inputs, port{name, v.id})
	return v
}

// Output makes v readable under a name after a run.
func (b *Builder) Output(name string, v Value) {
	if !b.has(v) {
		b.fail("output %q is not a value of this graph", name)
		return
	}
	for _, o := range b.outputs {
		if o.name == name {
			b.fail("two outputs are called %q", name)
			return
		}
	}
	b.outputs = append(b.outputs, port{name, v.id})
}

// Conv is a two-dimensional convolution with weights name+".weight" of shape
// [Out, In/Groups, Kernel, Kernel] and, with Bias, name+".bias" of shape [Out].
func (b *Builder) Conv(x Value, name string, s ConvSpec) Value {
	if s.Kernel == 0 {
		s.Kernel = 1
	}
	if s.Stride == 0 {
		s.Stride = 1
	}
	if s.Groups == 0 {
		s.Groups = 1
	}
	if s.Dilation == 0 {
		s.Dilation = 1
	}
	in := b.Channels(x)
	switch {
	case !b.has(x):
	case s.Out < 1 || s.Kernel < 1 || s.Stride < 1 || s.Groups < 1 || s.Dilation < 1:
		return b.fail("conv %q: out, kernel, stride, groups and dilation must be positive", name)
	case s.Kernel%2 == 0:
		return b.fail("conv %q: kernel %d is even", name, s.Kernel)
	case in%s.Groups != 0 || s.Out%s.Groups != 0:
		return b.fail("conv %q: %d groups do not divide %d input and %d output channels", name, s.Groups, in, s.Out)
	case s.Dilation > 1 && (s.Groups != in || s.Out != in || s.Stride > 1 || s.NoPad):
		return b.fail("conv %q: only depthwise convolutions of stride 1 that keep the size can be dilated", name)
	}
	return b.add(node{kind: opConv, name: name, channels: s.Out, conv: s}, x)
}

// depthwise tells whether a convolution has a filter of its own for each channel,
// in the shape that has a kernel of its own.
func (n *node) depthwise(g *Graph) bool {
	v, channels := n.conv, g.nodes[n.in[0]].channels
	return v.Groups == channels && v.Out == channels && channels > 1 && !v.NoPad && v.Kernel > 1 && v.Dilation == 1
}

// Pointwise is Conv with a 1x1 kernel.
func (b *Builder) Pointwise(x Value, name string, out int, bias bool) Value {
	return b.Conv(x, name, ConvSpec{Out: out, Bias: bias})
}

// GroupedPointwise is Conv with a 1x1 kernel in groups (ShuffleNet v1,
// arXiv 1707.01083, section 3.1).
func (b *Builder) GroupedPointwise(x Value, name string, out, groups int, bias bool) Value {
	return b.Conv(x, name, ConvSpec{Out: out, Groups: groups, Bias: bias})
}

// Depthwise is Conv with one group per channel; Out and Groups of s are set
// here.
func (b *Builder) Depthwise(x Value, name string, s ConvSpec) Value {
	s.Out, s.Groups = b.Channels(x), b.Channels(x)
	return b.Conv(x, name, s)
}

// BatchNorm is batch normalisation with name+".weight", ".bias",
// ".running_mean" and ".running_var" and with torch's default epsilon, 1e-5.
// Compile folds it into the convolution it follows.
func (b *Builder) BatchNorm(x Value, name string) Value {
	return b.BatchNormEps(x, name, 1e-5)
}

// BatchNormEps is BatchNorm with an epsilon of the network's own, which is added
// to the variance.
func (b *Builder) BatchNormEps(x Value, name string, epsilon float64) Value {
	if b.has(x) && b.nodes[x.id].kind != opConv {
		return b.fail("batch norm %q does not follow a convolution", name)
	}
	if epsilon <= 0 {
		return b.fail("batch norm %q: epsilon %g is not positive", name, epsilon)
	}
	return b.add(node{kind: opBatchNorm, name: name, channels: b.Channels(x), epsilon: epsilon}, x)
}

// Act applies an activation to every element.
func (b *Builder) Act(x Value, a Act) Value {
	return b.add(node{kind: opAct, channels: b.Channels(x), act: a}, x)
}

// MaxPool takes the maximum of kernel x kernel windows; padding counts as
// minus infinity.
func (b *Builder) MaxPool(x Value, kernel, stride, pad int) Value {
	return b.pool(opMaxPool, x, poolSpec{kernel, stride, pad})
}

// AvgPool takes the mean of kernel x kernel windows; padding counts as zeros
// (torch's count_include_pad).
func (b *Builder) AvgPool(x Value, kernel, stride, pad int) Value {
	return b.pool(opAvgPool, x, poolSpec{kernel, stride, pad})
}

func (b *Builder) pool(k opKind, x Value, p poolSpec) Value {
	if p.kernel < 1 || p.stride < 1 || p.pad < 0 || p.pad > p.kernel/2 {
		return b.fail("%s: kernel %d, stride %d, pad %d are not possible", k, p.kernel, p.stride, p.pad)
	}
	return b.add(node{kind: k, channels: b.Channels(x), pool: p}, x)
}

// GlobalAvgPool takes each plane's mean: C x H x W becomes C x 1 x 1.
func (b *Builder) GlobalAvgPool(x Value) Value {
	return b.add(node{kind: opGlobalAvgPool, channels: b.Channels(x)}, x)
}

// Linear is a fully connected layer on a C x 1 x 1 value, with weights
// name+".weight" of shape [out, C] and name+".bias" of shape [out].
func (b *Builder) Linear(x Value, name string, out int) Value {
	if out < 1 {
		return b.fail("linear %q: out must be positive", name)
	}
	return b.add(node{kind: opLinear, name: name, channels: out, conv: ConvSpec{Out: out, Bias: true}}, x)
}

// Add is the element-wise sum of two values of the same shape.
func (b *Builder) Add(x, y Value) Value {
	if b.has(x) && b.has(y) && b.Channels(x) != b.Channels(y) {
		return b.fail("add of %d and %d channels", b.Channels(x), b.Channels(y))
	}
	return b.add(node{kind: opAdd, channels: b.Channels(x)}, x, y)
}

// Mul scales every plane of x by the C x 1 x 1 value s (squeeze-and-excite).
func (b *Builder) Mul(x, s Value) Value {
	if b.has(x) && b.has(s) && b.Channels(x) != b.Channels(s) {
		return b.fail("mul of %d and %d channels", b.Channels(x), b.Channels(s))
	}
	return b.add(node{kind: opMul, channels: b.Channels(x)}, x, s)
}

// SqueezeExcite scales every plane of x by what a small network of two fully
// connected layers, ReLU and HSigmoid, makes of all planes' means (arXiv
// 1709.01507; with HSigmoid as in arXiv 1905.02244). As in torchvision the
// layers are 1x1 convolutions with bias, name+".fc1" to squeeze channels and
// name+".fc2" back.
func (b *Builder) SqueezeExcite(x Value, name string, squeeze int) Value {
	s := b.GlobalAvgPool(x)
	s = b.Act(b.Pointwise(s, name+".fc1", squeeze, true), ReLU)
	s = b.Act(b.Pointwise(s, name+".fc2", b.Channels(x), true), HSigmoid)
	return b.Mul(x, s)
}

// Resize interpolates x bilinearly (torch's align_corners=False) to the
// height and width of like.
func (b *Builder) Resize(x, like Value) Value {
	return b.add(node{kind: opResize, channels: b.Channels(x)}, x, like)
}

// ResizeNearest takes for every pixel the nearest of x (torch's mode "nearest"),
// at the height and width of like.
func (b *Builder) ResizeNearest(x, like Value) Value {
	return b.add(node{kind: opNearest, channels: b.Channels(x)}, x, like)
}

// Concat joins values of one height and width along the channels.
func (b *Builder) Concat(xs ...Value) Value {
	var from []planeOf
	for _, x := range xs {
		for c := range b.Channels(x) {
			from = append(from, planeOf{x.id, c})
		}
	}
	return b.view("concat", from, xs...)
}

// Slice takes channels [from, to) of x.
func (b *Builder) Slice(x Value, from, to int) Value {
	if b.has(x) && (from < 0 || to <= from || to > b.Channels(x)) {
		return b.fail("slice [%d, %d) of %d channels", from, to, b.Channels(x))
	}
	planes := make([]planeOf, 0, max(0, to-from))
	for c := from; c < to; c++ {
		planes = append(planes, planeOf{x.id, c})
	}
	return b.view("slice", planes, x)
}

// Split2 cuts x into its first and second half of channels (ShuffleNet v2's
// channel split).
func (b *Builder) Split2(x Value) (first, second Value) {
	c := b.Channels(x)
	if c%2 != 0 {
		v := b.fail("split of %d channels in two", c)
		return v, v
	}
	return b.Slice(x, 0, c/2), b.Slice(x, c/2, c)
}

// ChannelShuffle reads the channels as a groups x C/groups matrix and writes
// its transpose (arXiv 1707.01083, figure 1).
func (b *Builder) ChannelShuffle(x Value, groups int) Value {
	c := b.Channels(x)
	if b.has(x) && (groups < 1 || c%groups != 0) {
		return b.fail("shuffle of %d channels in %d groups", c, groups)
	}
	planes := make([]planeOf, 0, c)
	for i := range c {
		planes = append(planes, planeOf{x.id, i%groups*(c/groups) + i/groups})
	}
	return b.view("shuffle", planes, x)
}

func (b *Builder) view(name string, planes []planeOf, in ...Value) Value {
	return b.add(node{kind: opView, name: name, channels: len(planes), view: planes}, in...)
}
