package nn

// commuteUpsample returns the graph with 1x1 convolutions moved before the
// upsampling of a part of their input, and its sizes. Both are linear, and
// upsampling mixes pixels with weights whose sum is 1, so
//
//	W * concat(resize(x), y) = resize(Wx * x) + Wy * y
//
// and the part Wx is multiplied with the few pixels of x instead of the many of
// resize(x), as in the top-down half of a feature pyramid.
func (g *Graph) commuteUpsample(sizes []size) (*Graph, []size) {
	out := &sizedGraph{}
	moved := make([]int, len(g.nodes)) // where a value of g is in out
	normed := make([]bool, len(g.nodes))
	for i := range g.nodes {
		if n := &g.nodes[i]; n.kind == opBatchNorm {
			normed[n.in[0]] = true // it wants its convolution right before it
		}
	}
	for i := range g.nodes {
		n := g.nodes[i]
		if p := g.upsampled(&n, sizes); p != nil && !normed[i] {
			moved[i] = out.addCommuted(&n, p, moved, g, sizes[i])
			continue
		}
		moved[i] = out.append(n.moved(moved), sizes[i])
	}
	for _, p := range g.inputs {
		out.inputs = append(out.inputs, port{p.name, moved[p.id]})
	}
	for _, p := range g.outputs {
		out.outputs = append(out.outputs, port{p.name, moved[p.id]})
	}
	return &out.Graph, out.sizes
}

// sizedGraph is a graph whose values' sizes are known.
type sizedGraph struct {
	Graph
	sizes []size
}

// moved returns the node with its operands renumbered.
func (n node) moved(to []int) node {
	n.in = append([]int(nil), n.in...)
	for i, id := range n.in {
		n.in[i] = to[id]
	}
	n.view = append([]planeOf(nil), n.view...)
	for i, p := range n.view {
		n.view[i].id = to[p.id]
	}
	return n
}

func (g *sizedGraph) append(n node, s size) int {
	g.nodes, g.sizes = append(g.nodes, n), append(g.sizes, s)
	return len(g.nodes) - 1
}

// parts says which channels of a convolution's input were upsampled and which
// were not.
type parts struct {
	resize    int // the upsampled value
	low, rest []int
}

// leastCommuted is the number of channels from which on moving them pays: the
// result has to be upsampled too.
const leastCommuted = 16

// upsampled returns the parts of the input of a 1x1 convolution, nil if there is
// nothing to gain.
func (g *Graph) upsampled(n *node, sizes []size) *parts {
	if n.kind != opConv || n.conv.Kernel != 1 || n.conv.Stride != 1 || n.conv.Groups != 1 {
		return nil
	}
	v := &g.nodes[n.in[0]]
	if v.kind != opView {
		return nil
	}
	for c := range v.view {
		first := g.origin(v, c)
		r := &g.nodes[first.id]
		if r.kind != opResize || 2*sizes[r.in[0]].area() > sizes[first.id].area() {
			continue
		}
		p := &parts{resize: first.id}
		for c := range v.view {
			if g.origin(v, c).id == first.id {
				p.low = append(p.low, c)
			} else {
				p.rest = append(p.rest, c)
			}
		}
		if len(p.low) < leastCommuted || len(p.rest) == 0 {
			return nil
		}
		return p
	}
	return nil
}

// origin returns the plane that channel c of a view is, looking through views of
// views.
func (g *Graph) origin(view *node, c int) planeOf {
	p := view.view[c]
	for g.nodes[p.id].kind == opView {
		p = g.nodes[p.id].view[p.ch]
	}
	return p
}

// addCommuted appends what computes convolution n of another graph, which has
// size s there, and returns its value.
func (g *sizedGraph) addCommuted(n *node, p *parts, moved []int, from *Graph, s size) int {
	v, r := &from.nodes[n.in[0]], &from.nodes[p.resize]
	convolve := func(columns []int, source func(planeOf) planeOf) int {
		view := node{kind: opView, name: "slice", channels: len(columns)}
		seen := map[int]bool{}
		for _, c := range columns {
			q := source(from.origin(v, c))
			view.view = append(view.view, q)
			if !seen[q.id] {
				seen[q.id] = true
				view.in = append(view.in, q.id)
			}
		}
		part, at := *n, g.sizes[view.in[0]]
		part.in, part.columns, part.wide = []int{g.append(view, at)}, columns, len(v.view)
		return g.append(part, at)
	}
	low := convolve(p.low, func(q planeOf) planeOf { return planeOf{moved[r.in[0]], q.ch} })
	g.nodes[low].conv.Bias = false
	up := g.append(node{kind: opResize, channels: n.channels, in: []int{low, moved[r.in[1]]}}, s)
	rest := convolve(p.rest, func(q planeOf) planeOf { return planeOf{moved[q.id], q.ch} })
	return g.append(node{kind: opAdd, channels: n.channels, in: []int{rest, up}}, s)
}
