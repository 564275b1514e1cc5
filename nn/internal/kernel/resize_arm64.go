package kernel

import "unsafe"

// neonBlock is the length of a block: where its first input and output are, in
// bytes, then for each output which of the inputs are to its left and right, as
// four bytes to look up, and the share of the right one.
const neonBlock = 2 + 3*lanes // times 4, blockSize of the generator

// prepare cuts a row into blocks if the inputs of eight outputs always lie
// within eight columns, as they do when a plane grows. The last block overlaps
// the one before it so that nothing is left over.
func (r *Resize) prepare(isa ISA) {
	if isa != Generic {
		r.cut(lanes, lookup)
	}
}

// lookup is the numbers of the bytes of float i in a register, lowest first.
func lookup(i int) int32 { return int32(0x03020100 + i*floatSize*0x01010101) }

func (r *Resize) plane(out, in Plane) {
	if len(r.blocks) == 0 {
		r.planeGeneric(out, in)
		return
	}
	blocks := (*byte)(unsafe.Pointer(&r.blocks[0]))
	for y, v := range r.rows {
		resizeNEON(bytes(at(out, y*r.ow)), bytes(at(in, v.a*r.w)), bytes(at(in, v.b*r.w)), blocks, len(r.blocks)/neonBlock, v.t)
	}
}
