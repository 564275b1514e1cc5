package nn

import (
	"fmt"
	"math"
	"slices"
)

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
	enlarged     int   // value id of a resize that a depthwise conv does itself, or -1
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
	s := step{kind: n.kind, node: i, name: n.name, in: n.in, res: -1, enlarged: -1, out: i, conv: n.conv, pool: n.pool, act: n.act}
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

// fusable returns the step that computes value j if that step can take an
// epilogue and nobody else reads j.
func (l *lowering) fusable(j int) *step {
	if l.uses[j] != 1 || l.made[j] < 0 || l.g.nodes[j].kind == opView {
		return nil
	}
	switch s := &l.steps[l.made[j]]; {
	case s.pooled:
		return nil
	case s.kind == opConv, s.kind == opLinear, s.kind == opAdd:
		return s
	}
	return nil
}

// fusePool makes the max pool of a stem part of its convolution, so that the
// largest map of a network never leaves the cache.
func (l *lowering) fusePool(i int, n *node) bool {
	s := l.fusable(n.in[0])
	if s == nil || s.kind != opConv || s.conv.Groups != 1 || s.pointwise() || n.pool != (poolSpec{3, 2, 1}) {
		return false
	}
	s.pooled, s.out = true, i
	l.made[i] = l.made[n.in[0]]
	return true
}

// fuseResizes makes the resize of a map that only a depthwise convolution reads,
// alone or among other channels, part of that: plane after plane, so that what
// is enlarged never leaves the cache.
func (l *lowering) fuseResizes() {
	for i := range l.steps {
		d := &l.steps[i]
		if d.kind != opConv || !l.g.nodes[d.node].depthwise(l.g) {
			continue
		}
		d.enlarged = l.loneResize(d.in[0])
	}
	l.drop()
}

// loneResize returns a resize that makes up all or a part of a value with a
// single reader and is read nowhere else, or -1.
func (l *lowering) loneResize(id int) int {
	n := &l.g.nodes[id]
	switch {
	case l.uses[id] != 1:
	case n.kind == opResize:
		return id
	case n.kind == opView:
		for _, i := range n.in {
			if r := l.loneResize(i); r >= 0 {
				return r
			}
		}
	}
	return -1
}

// drop removes the resizes that became part of other steps.
func (l *lowering) drop() {
	fused := map[int]bool{}
	for i := range l.steps {
		fused[l.steps[i].enlarged] = true
	}
	l.steps = slices.DeleteFunc(l.steps, func(s step) bool { return s.kind == opResize && fused[s.out] })
}

// fuseAdd makes i = x + y part of the convolution that computes x, if y is
// there before that convolution runs.
func (l *lowering) fuseAdd(i, x, y int) bool {
	s := l.fusable(x)
	if s == nil || s.kind != opConv || !s.pointwise() || s.act != (Act{}) || s.res >= 0 || l.made[y] >= l.made[x] {
		return false
	}
	s.res = y
	l.merge(i, x)
	return true
}

func (s *step) pointwise() bool {
	return s.conv.Kernel == 1 && s.conv.Stride == 1
}

// foldBatchNorm scales the weights of the convolution before.
func (l *lowering) foldBatchNorm(i int, n *node) error {
	s := l.fusable(n.in[0])
	if s == nil || s.kind != opConv || s.act != (Act{}) || s.res >= 0 {
		return fmt.Errorf("nn: batch norm %q: its convolution's result is read elsewhere too", n.name)
	}
	var p [4][]float32
	for k, part := range batchNormParts {
		var err error
		if p[k], err = l.w.get(Param{n.name + part, []int{n.channels}}); err != nil {
			return err
		}
	}
	gamma, beta, mean, variance := p[0], p[1], p[2], p[3]
	weight := make([]float32, len(s.weight))
	bias := make([]float32, n.channels)
	per := len(weight) / n.channels
	for c := range bias {
		scale := float64(gamma[c]) / math.Sqrt(float64(variance[c])+n.epsilon)
		b := 0.0
		if s.bias != nil {
			b = float64(s.bias[c])
		}
		bias[c] = float32((b-float64(mean[c]))*scale + float64(beta[c]))
		for k := c * per; k < (c+1)*per; k++ {
			weight[k] = float32(float64(s.weight[k]) * scale)
		}
	}
	s.weight, s.bias = weight, bias
	l.merge(i, n.in[0])
	return nil
}
