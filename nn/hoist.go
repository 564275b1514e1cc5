package nn

// hoist returns the graph with 1x1 convolutions moved before the enlargement of
// a part of their input. Both are linear, and an enlargement mixes pixels with
// weights whose sum is 1, so
//
//	W * concat(resize(x), y) = resize(Wx * x) + Wy * y
//
// and the part Wx is multiplied with the few pixels of x instead of the many of
// resize(x), as in the top-down half of a feature pyramid.
func (g *Graph) hoist(sizes []size) *Graph {
	out := &Graph{}
	moved := make([]int, len(g.nodes)) // where a value of g is in out
	normed := make([]bool, len(g.nodes))
	for i := range g.nodes {
		if n := &g.nodes[i]; n.kind == opBatchNorm {
			normed[n.in[0]] = true // it wants its convolution right before it
		}
	}
	for i := range g.nodes {
		n := g.nodes[i]
		if p := g.enlarged(&n, sizes); p != nil && !normed[i] {
			moved[i] = out.addHoisted(&n, p, moved, g)
			continue
		}
		moved[i] = out.append(n.moved(moved))
	}
	for _, p := range g.inputs {
		out.inputs = append(out.inputs, port{p.name, moved[p.id]})
	}
	for _, p := range g.outputs {
		out.outputs = append(out.outputs, port{p.name, moved[p.id]})
	}
	return out
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

func (g *Graph) append(n node) int {
	g.nodes = append(g.nodes, n)
	return len(g.nodes) - 1
}

// parts says which channels of a convolution's input come from an enlargement
// and which do not.
type parts struct {
	resize    int // the enlargement's value
	low, rest []int
}

// leastHoisted is the number of channels from which on moving them pays: the
// result has to be enlarged too.
const leastHoisted = 16

// enlarged returns the parts of the input of a 1x1 convolution, nil if there is
// nothing to gain.
func (g *Graph) enlarged(n *node, sizes []size) *parts {
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
		if len(p.low) < leastHoisted || len(p.rest) == 0 {
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

// addHoisted appends what computes convolution n of g, and returns its value.
func (g *Graph) addHoisted(n *node, p *parts, moved []int, from *Graph) int {
	v, r := &from.nodes[n.in[0]], &from.nodes[p.resize]
	take := func(columns []int, source func(planeOf) planeOf) int {
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
		part := *n
		part.in, part.columns, part.wide = []int{g.append(view)}, columns, len(v.view)
		return g.append(part)
	}
	low := take(p.low, func(q planeOf) planeOf { return planeOf{moved[r.in[0]], q.ch} })
	g.nodes[low].conv.Bias = false
	up := g.append(node{kind: opResize, channels: n.channels, in: []int{low, moved[r.in[1]]}})
	rest := take(p.rest, func(q planeOf) planeOf { return planeOf{moved[q.id], q.ch} })
	return g.append(node{kind: opAdd, channels: n.channels, in: []int{rest, up}})
}
