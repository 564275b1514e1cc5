package nn

import (
	"example.com/riffle/nn/internal/kernel"
)

// chooseBytes settles which planes of an int8 plan hold bytes: those that only
// int8 layers read and that a layer writes which can round. Everything else holds
// float32, and layers that read it round for themselves. Inputs and outputs of the
// graph are float32.
func (m *memoryPlanner) chooseBytes(ranges Ranges) {
	m.bytes, m.quant = make([]bool, len(m.size)), make([]kernel.Quant, len(m.size))
	if len(ranges) == 0 {
		return
	}
	for i := range m.steps {
		s := &m.steps[i]
		if _, ok := m.int8Range(s, ranges); ok && roundable(s.act) {
			for _, p := range m.planes[s.out] {
				m.bytes[p] = true
			}
		}
	}
	for _, ports := range [][]port{m.g.inputs, m.g.outputs} {
		for _, p := range ports {
			m.makeFloat(p.id)
		}
	}
	for i := range m.steps {
		s := &m.steps[i]
		_, ok := m.int8Range(s, ranges)
		for _, id := range m.reads(s) {
			if !ok || id == s.res {
				m.makeFloat(id)
			}
		}
	}
	for m.settleSteps() {
	}
	m.findQuants(ranges)
}

// makeFloat makes the planes of a value float32 and reports whether any was not.
func (m *memoryPlanner) makeFloat(id int) (changed bool) {
	for _, p := range m.planes[id] {
		changed = changed || m.bytes[p]
		m.bytes[p] = false
	}
	return changed
}

// settleSteps makes planes float32 that a step cannot read or write as bytes
// because others of it are not, and reports whether there was one.
func (m *memoryPlanner) settleSteps() (changed bool) {
	for i := range m.steps {
		s := &m.steps[i]
		if s.kind != opConv {
			continue
		}
		in, out := s.in[0], s.out
		if !m.allBytes(out) {
			changed = m.makeFloat(out) || changed
		}
		switch {
		case m.g.nodes[s.node].depthwise(m.g):
			size := m.size[m.planes[in][0]]
			if !m.allBytes(in) || !kernel.DepthwiseInt8Fits(s.conv.Kernel, s.conv.Stride, size.w, m.allBytes(out)) {
				changed = m.makeFloat(in) || changed // then it works in float32
				changed = m.makeFloat(out) || changed
			}
		case s.conv.Groups > 1 && !m.allBytes(in):
			changed = m.makeFloat(in) || changed
		}
	}
	return changed
}

// allBytes tells whether all planes of a value hold bytes.
func (l *layout) allBytes(id int) bool {
	for _, p := range l.planes[id] {
		if !l.bytes[p] {
			return false
		}
	}
	return true
}

// int8Range returns the range of the inputs of a step that can work in 8 bits.
func (m *memoryPlanner) int8Range(s *step, ranges Ranges) (Range, bool) {
	r, ok := ranges[s.name]
	if !ok || s.kind != opConv || s.upsampled >= 0 {
		return r, false
	}
	channels, area := len(m.planes[s.in[0]]), m.size[m.planes[s.in[0]][0]].area()
	switch {
	case m.g.nodes[s.node].depthwise(m.g):
		return r, roundable(s.act)
	case s.pointwise():
		return r, kernel.Int8Fits(channels) && !s.oneVector(area)
	}
	return r, false
}

// roundable tells whether int8 kernels apply an activation before they round.
func roundable(a Act) bool {
	switch a.Kind {
	case kernel.None, kernel.ReLU, kernel.LeakyReLU:
		return true
	}
	return false
}

// findQuants gives every plane of bytes the range that its readers want: several
// get the one that holds all.
func (m *memoryPlanner) findQuants(ranges Ranges) {
	wanted := make([]Range, len(m.size))
	for i := range m.steps {
		s := &m.steps[i]
		r, ok := m.int8Range(s, ranges)
		if !ok {
			continue
		}
		for _, p := range m.planes[s.in[0]] {
			wanted[p] = Range{min(wanted[p].Lo, r.Lo), max(wanted[p].Hi, r.Hi)}
		}
	}
	for p, r := range wanted {
		if m.bytes[p] {
			m.quant[p] = kernel.NewQuant(r.Lo, r.Hi)
		}
	}
}

// quants returns how the planes of a value stand for numbers; those of float32
// have the zero value.
func (l *layout) quants(id int) []kernel.Quant {
	list := make([]kernel.Quant, 0, len(l.planes[id]))
	for _, p := range l.planes[id] {
		list = append(list, l.quant[p])
	}
	return list
}

// int8Planes describes the planes of a 1x1 convolution.
func (p *program) int8Planes(s *step, r Range) kernel.Int8Planes {
	planes := kernel.Int8Planes{Lo: r.Lo, Hi: r.Hi, In: p.layout.quants(s.in[0])}
	if p.layout.allBytes(s.out) {
		planes.Out = p.layout.quants(s.out)
	}
	return planes
}
