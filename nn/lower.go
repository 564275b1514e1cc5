package nn

// step is one kernel call of a plan: a node of the graph together with the
// batch norm, residual addition and activation that were folded into it.
type step struct {
	kind         opKind
	node         int // of the graph, before anything was folded in
	name         string
	in           []int // value ids
	res          int   // value id of a fused residual, or -1
	out          int   // value id
	pooled       bool  // a conv whose result goes through a 3x3 max pool of stride 2
	upsampled    int   // value id of a resize that a depthwise conv does itself, or -1
	conv         ConvSpec
	pool         poolSpec
	act          Act
	weight, bias []float32
}

// lowering turns nodes into steps, one node after the other.
type lowering struct {
	g     *Graph
	w     *Weights
	uses  []int // readers of each value, graph outputs included
	alias []int // value that holds this value's data after fusion
	made  []int // index of the step that completes this value; -1: an input
	steps []step
}

func lower(g *Graph, w *Weights) (*lowering, error) {
	l := &lowering{
		g: g, w: w,
		uses:  make([]int, len(g.nodes)),
		alias: make([]int, len(g.nodes)),
		made:  make([]int, len(g.nodes)),
	}
	for i := range g.nodes {
		for _, j := range g.nodes[i].in {
			l.uses[j]++
		}
	}
	for _, o := range g.outputs {
		l.uses[o.id]++
	}
	for i := range g.nodes {
		if err := l.node(i, &g.nodes[i]); err != nil {
			return nil, err
		}
	}
	l.fuseResizes()
	return l, nil
}

func (l *lowering) node(i int, n *node) error {
	l.alias[i] = i
	switch n.kind {
	case opInput:
		l.made[i] = -1
		return nil
	case opView:
		l.made[i] = -1
		for _, j := range n.in {
			l.made[i] = max(l.made[i], l.made[j])
		}
		return nil
	case opBatchNorm:
		return l.foldBatchNorm(i, n)
	case opAct:
		if s := l.fusable(n.in[0]); s != nil && s.act == (Act{}) {
			s.act = n.act
			l.merge(i, n.in[0])
			return nil
		}
	case opMaxPool:
		if l.fusePool(i, n) {
			return nil
		}
	case opAdd:
		if l.fuseAdd(i, n.in[0], n.in[1]) || l.fuseAdd(i, n.in[1], n.in[0]) {
			return nil
		}
	}
	s := step{kind: n.kind, node: i, name: n.name, in: n.in, res: -1, upsampled: -1, out: i, conv: n.conv, pool: n.pool, act: n.act}
	if n.kind == opConv || n.kind == opLinear {
		var err error
		if s.weight, err = l.weight(n); err != nil {
			return err
		}
		if n.conv.Bias {
			if s.bias, err = l.w.get(Param{n.name + ".bias", []int{n.channels}}); err != nil {
				return err
			}
		}
	}
	l.made[i] = len(l.steps)
	l.steps = append(l.steps, s)
	return nil
}

// weight returns what a convolution or linear layer multiplies with.
func (l *lowering) weight(n *node) ([]float32, error) {
	shape := l.g.weightShape(n)
	if n.columns == nil {
		return l.w.get(Param{n.name + ".weight", shape})
	}
	shape[1] = n.wide
	all, err := l.w.get(Param{n.name + ".weight", shape})
	if err != nil {
		return nil, err
	}
	var part []float32
	for i := range n.channels {
		for _, c := range n.columns {
			part = append(part, all[i*n.wide+c])
		}
	}
	return part, nil
}

// merge says that value i is what the step of value j now computes.
func (l *lowering) merge(i, j int) {
	l.alias[i] = l.alias[j]
	l.made[i] = l.made[j]
}

// oneVector tells whether a convolution is a fully connected layer of one vector.
func (s *step) oneVector(area int) bool {
	return s.pointwise() && area == 1 && s.conv.Groups == 1 && s.res < 0
}

func (s *step) pointwise() bool {
	return s.conv.Kernel == 1 && s.conv.Stride == 1
}
