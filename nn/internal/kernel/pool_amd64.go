package kernel

import "unsafe"

// Orders of the last eight columns of a max-pool row: an odd width lacks the
// last one, and takes the one before twice.
var (
	poolRight    = [lanes]int32{0, 1, 2, 3, 4, 5, 6, 7}
	poolRightOdd = [lanes]int32{0, 1, 2, 3, 4, 5, 6, 6}
)

// plane pools one plane. Above the first and below the last row a row of the
// window is taken twice, which does not change the maximum.
func (p *Pool) plane(out, in Plane) {
	if p.isa == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 {
		p.planeGeneric(out, in)
		return
	}
	row := func(y int) Plane { return Plane(at(in, max(0, min(y, p.h-1))*p.w)) }
	for y := range p.oh {
		t := [...]Plane{out, row(2*y - 1), row(2 * y), row(2*y + 1)}
		poolEach(p.isa, t[:1], y*p.ow, t[1:2], t[2:3], t[3:], p.w, 1)
	}
}

// poolEach does one row of the 3x3 max-pool with stride 2, at offset off, of all
// planes. slope is that of the leaky activation of AVX-512; others do none.
func poolEach(isa ISA, out []Plane, off int, a, b, c []Plane, width int, slope float32) {
	if isa == AVX512 {
		const vector = 16
		n := (width-1)/2 + 1
		blocks := (n + vector - 1) / vector
		here := uint64(1)<<(n-(blocks-1)*vector) - 1
		right := here >> (width % 2) // an odd width lacks the last column
		maxPoolAVX512(table(out), table(a), table(b), table(c), len(out), off*floatSize, blocks, here, right, slope)
		return
	}
	for i, p := range out {
		poolRow(isa, Plane(at(p, off)), a[i], b[i], c[i], width)
	}
}

func table(p []Plane) *byte { return (*byte)(unsafe.Pointer(&p[0])) }

// poolRow does poolEach of one plane without AVX-512.
func poolRow(isa ISA, out, a, b, c Plane, width int) {
	n := (width-1)/2 + 1
	if isa == Generic || n < lanes {
		poolRowGeneric(out, a, b, c, width)
		return
	}
	whole, back := n/lanes*lanes, 0
	if whole < n {
		back = (lanes - (n - whole)) * floatSize
	}
	right := &poolRight
	if width%2 == 1 {
		right = &poolRightOdd
	}
	maxPoolAVX2((*byte)(out), (*byte)(a), (*byte)(b), (*byte)(c), whole, back, (*byte)(unsafe.Pointer(right)))
}
