package nn

import (
	"fmt"
	"math"
	"slices"
)

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
// is upsampled never leaves the cache.
func (l *lowering) fuseResizes() {
	for i := range l.steps {
		d := &l.steps[i]
		if d.kind != opConv || !l.g.nodes[d.node].depthwise(l.g) {
			continue
		}
		d.upsampled = l.loneResize(d.in[0])
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
		fused[l.steps[i].upsampled] = true
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
