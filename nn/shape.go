package nn

import "fmt"

type size struct{ h, w int }

func (s size) area() int { return s.h * s.w }

func outSize(in, kernel, stride, pad int) int { return (in+2*pad-kernel)/stride + 1 }

// maxSide bounds a plan's input, so that a wrong size is refused before any
// memory is asked for.
const maxSide = 1 << 14

// shapes infers every node's height and width for inputs of h x w pixels.
func (g *Graph) shapes(h, w int) ([]size, error) {
	if h < 1 || w < 1 || h > maxSide || w > maxSide {
		return nil, fmt.Errorf("nn: input of %dx%d pixels is outside 1..%d", w, h, maxSide)
	}
	out := make([]size, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		var x size
		if len(n.in) > 0 {
			x = out[n.in[0]]
		}
		switch n.kind {
		case opInput:
			x = size{h, w}
		case opConv:
			x = windowed(x, n.conv.reach(), n.conv.Stride, n.conv.pad())
		case opMaxPool, opAvgPool:
			x = windowed(x, n.pool.kernel, n.pool.stride, n.pool.pad)
		case opGlobalAvgPool:
			x = size{1, 1}
		case opLinear:
			if x != (size{1, 1}) {
				return nil, fmt.Errorf("nn: linear %q reads a %dx%d value, not 1x1", n.name, x.w, x.h)
			}
		case opMul:
			if s := out[n.in[1]]; s != (size{1, 1}) {
				return nil, fmt.Errorf("nn: mul by a %dx%d value, not 1x1", s.w, s.h)
			}
		case opResize, opNearest:
			x = out[n.in[1]]
		case opAdd, opView:
			for _, j := range n.in[1:] {
				if out[j] != x {
					return nil, fmt.Errorf("nn: %s of %dx%d and %dx%d", n.label(), x.w, x.h, out[j].w, out[j].h)
				}
			}
		}
		if x.h < 1 || x.w < 1 {
			return nil, fmt.Errorf("nn: input of %dx%d pixels is too small: nothing is left at %s", w, h, n.label())
		}
		out[i] = x
	}
	return out, nil
}

func windowed(x size, kernel, stride, pad int) size {
	if x.h+2*pad < kernel || x.w+2*pad < kernel {
		return size{}
	}
	return size{outSize(x.h, kernel, stride, pad), outSize(x.w, kernel, stride, pad)}
}

func (n *node) label() string {
	if n.name == "" {
		return n.kind.String()
	}
	return fmt.Sprintf("%s %q", n.kind, n.name)
}

// macs returns the multiply-adds of a node whose output has size s. As in the
// ShuffleNet papers only convolutions and fully connected layers count.
func (g *Graph) macs(n *node, s size) int64 {
	if n.kind != opConv && n.kind != opLinear {
		return 0
	}
	return int64(s.area()) * int64(elements(g.weightShape(n)))
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// MACs returns the multiply-adds of convolutions and fully connected layers
// for an input of h x w pixels.
func (g *Graph) MACs(h, w int) (int64, error) {
	sizes, err := g.shapes(h, w)
	if err != nil {
		return 0, err
	}
	return g.macsAt(sizes), nil
}

// macsAt is MACs of values of known sizes.
func (g *Graph) macsAt(sizes []size) int64 {
	var sum int64
	for i := range g.nodes {
		sum += g.macs(&g.nodes[i], sizes[i])
	}
	return sum
}

// Param is one tensor a graph reads.
type Param struct {
	Name  string
	Shape []int
}

// weightShape is the shape of a convolution's or linear layer's weight.
func (g *Graph) weightShape(n *node) []int {
	in := g.nodes[n.in[0]].channels
	if n.kind == opLinear {
		return []int{n.channels, in}
	}
	return []int{n.channels, in / n.conv.Groups, n.conv.Kernel, n.conv.Kernel}
}

// Params lists the tensors that the graph reads, in execution order.
func (g *Graph) Params() []Param {
	var ps []Param
	for i := range g.nodes {
		n := &g.nodes[i]
		switch n.kind {
		case opConv, opLinear:
			ps = append(ps, Param{n.name + ".weight", g.weightShape(n)})
			if n.conv.Bias {
				ps = append(ps, Param{n.name + ".bias", []int{n.channels}})
			}
		case opBatchNorm:
			for _, s := range batchNormParts {
				ps = append(ps, Param{n.name + s, []int{n.channels}})
			}
		}
	}
	return ps
}

var batchNormParts = [...]string{".weight", ".bias", ".running_mean", ".running_var"}

// ParamCount returns the number of learned parameters: running statistics of
// batch norms are not counted, and a tensor read twice counts once.
func (g *Graph) ParamCount() int64 {
	seen := map[string]bool{}
	var sum int64
	for i := range g.nodes {
		n := &g.nodes[i]
		if seen[n.name] {
			continue
		}
		switch n.kind {
		case opConv, opLinear:
			seen[n.name] = true
			sum += int64(elements(g.weightShape(n)))
			if n.conv.Bias {
				sum += int64(n.channels)
			}
		case opBatchNorm:
			seen[n.name] = true
			sum += 2 * int64(n.channels)
		}
	}
	return sum
}
