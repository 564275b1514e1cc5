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
	bytes  []bool    // by plane number: it holds bytes, not float32
	quant  []kernel.Quant
}

// planeClass is what planes of one pool have in common.
type planeClass struct {
	size
	bytes bool
}

// stride is the distance of planes.
func (c planeClass) stride() int {
	if c.bytes {
		return kernel.ByteStride(c.h, c.w)
	}
	return kernel.Stride(c.h, c.w)
}

// planePool is the planes of one class. Between two planes (and before the first)
// stand guard floats that are zero for the whole life of a plan: depthwise
// kernels read them as padding and nobody writes them, which is why planes of
// different sizes never share memory.
type planePool struct {
	slots int
	free  []int
}

// cacheLine is the alignment of planes, in floats.
const cacheLine = 16

func roundUp(n, m int) int { return (n + m - 1) / m * m }

// memoryPlanner finds a place for every plane, one step after the other.
type memoryPlanner struct {
	*lowering
	layout
	size    []size // by plane number, as all that follows
	last    []int  // the last step that reads the plane
	slot    []int  // its number among the planes of its class
	placed  []bool
	freed   []bool
	virtual []bool // a step upsamples it for itself: it has no place
	pools   map[planeClass]*planePool
	order   []planeClass // of pools
}

// layout places the planes of values of the given sizes. With ranges, some hold
// bytes.
func (l *lowering) layout(sizes []size, ranges Ranges) *layout {
	m := &memoryPlanner{lowering: l, pools: map[planeClass]*planePool{}}
	m.number(sizes)
	m.chooseBytes(ranges)
	n := len(m.size)
	m.slot, m.placed, m.freed = make([]int, n), make([]bool, n), make([]bool, n)
	m.findVirtual()
	m.findLast()
	for _, p := range l.g.inputs {
		m.place(p.id)
	}
	for i := range l.steps {
		m.step(i)
	}
	m.address()
	return &m.layout
}

// number gives every value's planes their numbers. Views and what was fused into
// a step have those of others.
func (m *memoryPlanner) number(sizes []size) {
	m.planes = make([][]int32, len(m.g.nodes))
	for i := range m.g.nodes {
		n := &m.g.nodes[i]
		if n.kind != opView && m.alias[i] != i {
			m.planes[i] = m.planes[m.alias[i]]
			continue
		}
		numbers := make([]int32, n.channels)
		for c := range numbers {
			if n.kind == opView {
				p := n.view[c]
				numbers[c] = m.planes[p.id][p.ch]
				continue
			}
			numbers[c] = int32(len(m.size))
			m.size = append(m.size, sizes[i])
		}
		m.planes[i] = numbers
	}
}

func (m *memoryPlanner) findVirtual() {
	m.virtual = make([]bool, len(m.size))
	for i := range m.steps {
		if id := m.steps[i].upsampled; id >= 0 {
			for _, p := range m.planes[id] {
				m.virtual[p] = true
			}
		}
	}
}

// findLast finds the step after which a plane is dead; inputs and outputs belong
// to the caller and stay.
func (m *memoryPlanner) findLast() {
	m.last = make([]int, len(m.size))
	use := func(id, at int) {
		for _, p := range m.planes[id] {
			m.last[p] = max(m.last[p], at)
		}
	}
	for i := range m.steps {
		for _, id := range m.reads(&m.steps[i]) {
			use(id, i)
		}
	}
	for _, ports := range [][]port{m.g.inputs, m.g.outputs} {
		for _, p := range ports {
			use(p.id, math.MaxInt)
		}
	}
}

// place takes a slot for every plane of a value that has none.
func (m *memoryPlanner) place(id int) {
	for _, p := range m.planes[id] {
		if m.placed[p] {
			continue
		}
		c := m.class(p)
		if m.pools[c] == nil {
			m.pools[c] = &planePool{}
			m.order = append(m.order, c)
		}
		m.slot[p] = m.pools[c].take()
	}
}

func (m *memoryPlanner) class(p int32) planeClass { return planeClass{m.size[p], m.bytes[p]} }

// step places what step i writes, over what it reads where that may be, and
// frees what it is the last to read.
func (m *memoryPlanner) step(i int) {
	s := &m.steps[i]
	m.inPlace(s, m.planes, func(dst, src int32) bool {
		if m.last[src] > i || m.freed[src] || m.class(src) != m.class(dst) {
			return false
		}
		m.freed[src], m.placed[dst], m.slot[dst] = true, true, m.slot[src]
		return true
	})
	m.place(s.out)
	for _, id := range append(m.reads(s), s.out) {
		for _, p := range m.planes[id] {
			if m.last[p] <= i && !m.freed[p] && !m.virtual[p] {
				m.freed[p] = true
				q := m.pools[m.class(p)]
				q.free = append(q.free, m.slot[p])
			}
		}
	}
}

// address lays the pools out one behind the other.
func (m *memoryPlanner) address() {
	m.floats = kernel.Slack
	base := map[planeClass]int{}
	for _, c := range m.order {
		base[c] = roundUp(m.floats+kernel.Guard(c.w), cacheLine)
		m.floats = base[c] + m.pools[c].slots*c.stride()
	}
	m.floats += kernel.Slack
	m.offset = make([]int, len(m.size))
	for p := range m.size {
		c := m.class(int32(p))
		m.offset[p] = base[c] + m.slot[p]*c.stride()
	}
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

func (p *planePool) take() int {
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
	if s.upsampled >= 0 {
		ids = append(ids, l.g.nodes[s.upsampled].in[0])
	}
	return ids
}
