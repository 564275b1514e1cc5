package kernel

import "unsafe"

// prepare cuts rows into blocks of neighbouring outputs if their inputs always
// lie within as many columns, as they do when a plane grows. The last block
// overlaps the one before it so that nothing is left over.
//
// To the assembly a block is the byte offsets of its first input and output,
// then for each output which of the inputs are to its left and right and the
// share of the right one; a row is the byte offsets of the upper and the lower
// input row and the share of the lower one.
func (r *Resize) prepare(isa ISA) {
	if isa == AVX512 && r.cut(2*lanes, laneNumber) || isa != Generic && r.cut(lanes, laneNumber) {
		for _, v := range r.rows {
			r.lines = append(r.lines, int32(v.a*r.w*floatSize), int32(v.b*r.w*floatSize), floatBits(v.t))
		}
	}
}

func laneNumber(i int) int32 { return int32(i) }

func (r *Resize) plane(out, in Plane) {
	if len(r.blocks) == 0 {
		r.planeGeneric(out, in)
		return
	}
	run := resizeAVX2
	if r.blockLanes > lanes {
		run = resizeAVX512
	}
	blocks, lines := (*byte)(unsafe.Pointer(&r.blocks[0])), (*byte)(unsafe.Pointer(&r.lines[0]))
	run((*byte)(out), (*byte)(in), blocks, lines, len(r.blocks)/(2+3*r.blockLanes), r.oh, r.ow*floatSize)
}
