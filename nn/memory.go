package nn

import (
	"math"

	"example.com/riffle/nn/internal/kernel"
)

// layout places every value's planes in one arena. Planes are allocated one
// by one from a free list per plane size, so that the half of a ShuffleNet v2
// unit that nobody touches stays where it is, however often it is shuffled,
// and planes freed last are written next, while they are still in the cache.
type layout struct {
	planes [][]int32 // by value id: plane numbers
	offset []int     // by plane number: its first float in the arena
	floats int       // arena size
}

// pool is the planes of one size. Between two planes (and before the first)
// stand guard floats that are zero for the whole life of a plan: depthwise
// kernels read them as padding and nobody writes them, which is why planes of
// different sizes never share memory.
type pool struct {
	slots int
	free  []int
}

// cacheLine is the alignment of planes, in floats.
const cacheLine = 16

func roundUp(n, m int) int { return (n + m - 1) / m * m }

func (l *lowering) layout(sizes []size) *layout {
	out := &layout{planes: make([][]int32, len(l.g.nodes))}
	var sizeOf []size // by plane number
	fresh := func(id int) {
		ps := make([]int32, l.g.nodes[id].channels)
		for c := range ps {
			ps[c] = int32(len(sizeOf))
			sizeOf = append(sizeOf, sizes[id])
		}
		out.planes[id] = ps
	}
	for i := range l.g.nodes {
		switch n := &l.g.nodes[i]; {
		case n.kind == opView:
			ps := make([]int32, n.channels)
			for c, p := range n.view {
				ps[c] = out.planes[p.id][p.ch]
			}
			out.planes[i] = ps
		case l.alias[i] != i:
			out.planes[i] = out.planes[l.alias[i]]
		default:
			fresh(i)
		}
	}

	// What a step enlarges for itself has no place here.
	virtual := make([]bool, len(sizeOf))
	for i := range l.steps {
		if id := l.steps[i].enlarged; id >= 0 {
			for _, p := range out.planes[id] {
				virtual[p] = true
			}
		}
	}

	// A plane is dead after the last step that reads it; inputs and outputs
	// belong to the caller and stay.
	last := make([]int, len(sizeOf))
	use := func(id, at int) {
		for _, p := range out.planes[id] {
			last[p] = max(last[p], at)
		}
	}
	for i := range l.steps {
		for _, id := range l.reads(&l.steps[i]) {
			use(id, i)
		}
	}
	for _, ports := range [][]port{l.g.inputs, l.g.outputs} {
		for _, p := range ports {
			use(p.id, math.MaxInt)
		}
	}
	pools := map[size]*pool{}
	var order []size
	slot, placed := make([]int, len(sizeOf)), make([]bool, len(sizeOf))
	take := func(id int) {
		for _, p := range out.planes[id] {
			if placed[p] {
				continue
			}
			s := sizeOf[p]
			if pools[s] == nil {
				pools[s] = &pool{}
				order = append(order, s)
			}
			slot[p] = pools[s].take()
		}
	}
	freed := make([]bool, len(sizeOf))
	for _, p := range l.g.inputs {
		take(p.id)
	}
	for i := range l.steps {
		s := &l.steps[i]
		l.inPlace(s, out.planes, func(dst, src int32) bool {
			if last[src] > i || freed[src] || sizeOf[src] != sizeOf[dst] {
				return false
			}
			freed[src], placed[dst], slot[dst] = true, true, slot[src]
			return true
		})
		take(s.out)
		for _, id := range append(l.reads(s), s.out) {
			for _, p := range out.planes[id] {
				if last[p] <= i && !freed[p] && !virtual[p] {
					freed[p] = true
					q := pools[sizeOf[p]]
					q.free = append(q.free, slot[p])
				}
			}
		}
	}
	out.floats = kernel.Slack
	base := map[size]int{}
	for _, s := range order {
		base[s] = roundUp(out.floats+kernel.Guard(s.w), cacheLine)
		out.floats = base[s] + pools[s].slots*kernel.Stride(s.h, s.w)
	}
	out.floats += kernel.Slack
	out.offset = make([]int, len(sizeOf))
	for p, s := range sizeOf {
		out.offset[p] = base[s] + slot[p]*kernel.Stride(s.h, s.w)
	}
	return out
}

// inPlace offers, for every plane a step writes, the planes that it reads at no
// other place than the one it writes: a residual, or an operand of an
// element-wise step. If take accepts, the result overwrites it. A ShuffleNet v1
// unit then keeps one wide map in the cache, not two.
func (l *lowering) inPlace(s *step, planes [][]int32, take func(dst, src int32) bool) {
	var operands []int
	switch {
	case s.res >= 0:
		operands = []int{s.res}
	case s.kind == opAdd:
		operands = s.in
	case s.kind == opMul, s.kind == opAct:
		operands = s.in[:1]
	}
	if len(operands) == 0 {
		return
	}
	read := map[int32]int{}
	for _, id := range l.reads(s) {
		for _, p := range planes[id] {
			read[p]++
		}
	}
	for c, dst := range planes[s.out] {
		for _, id := range operands {
			if src := planes[id][c]; read[src] == 1 && take(dst, src) {
				break
			}
		}
	}
}

func (p *pool) take() int {
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	p.slots++
	return p.slots - 1
}

// reads lists the values a step reads.
func (l *lowering) reads(s *step) []int {
	ids := append([]int(nil), s.in...)
	if s.kind == opResize {
		ids = ids[:1] // the second operand only lends its size
	}
	if s.res >= 0 {
		ids = append(ids, s.res)
	}
	if s.enlarged >= 0 {
		ids = append(ids, l.g.nodes[s.enlarged].in[0])
	}
	return ids
}
