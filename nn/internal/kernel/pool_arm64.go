package kernel

import "unsafe"

// plane pools one plane. Above the first and below the last row a row of the
// window is taken twice, which does not change the maximum.
func (p *Pool) plane(out, in Plane) {
	if p.isa == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 {
		p.planeGeneric(out, in)
		return
	}
	row := func(y int) Plane { return Plane(at(in, max(0, min(y, p.h-1))*p.w)) }
	for y := range p.oh {
		poolRow(p.isa, Plane(at(out, y*p.ow)), row(2*y-1), row(2*y), row(2*y+1), p.w)
	}
}

// insideRow masks the outputs of a last block of max-pooling whose right column
// lies in the row: with an odd width, not that of the last output.
var insideRow = func() (masks [vector + 1][vector]uint32) {
	for n := range masks {
		for i := range n {
			masks[n][i] = 1<<32 - 1
		}
	}
	return masks
}()

// poolRow does one row of the 3x3 max-pool with stride 2.
func poolRow(isa ISA, out, a, b, c Plane, width int) {
	if isa == Generic {
		poolRowGeneric(out, a, b, c, width)
		return
	}
	n := (width-1)/2 + 1
	blocks := (n + vector - 1) / vector
	last := n - (blocks-1)*vector
	inside := &insideRow[last-width%2]
	maxPoolNEON((*byte)(out), (*byte)(a), (*byte)(b), (*byte)(c), blocks, last, (*byte)(unsafe.Pointer(inside)))
}

// poolEach does one row of the 3x3 max-pool with stride 2, at offset off, of all
// planes.
func poolEach(isa ISA, out []Plane, off int, a, b, c []Plane, width int, _ float32) {
	for i, p := range out {
		poolRow(isa, Plane(at(p, off)), a[i], b[i], c[i], width)
	}
}
