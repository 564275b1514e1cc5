package kernel

import (
	"math"
	"unsafe"
)

// prepare cuts rows into blocks of neighbouring outputs if their inputs always
// lie within as many columns, as they do when a plane grows. The last block
// overlaps the one before it so that nothing is left over.
//
// To the assembly a block is the byte offsets of its first input and output,
// then for each output which of the inputs are to its left and right and the
// share of the right one; a row is the byte offsets of the upper and the lower
// input row and the share of the lower one.
func (r *Resize) prepare(path Path) {
	if path == AVX512 && r.cut(2*lanes) || path != Generic && r.cut(lanes) {
		for _, v := range r.rows {
			r.lines = append(r.lines, int32(v.a*r.w*floatSize), int32(v.b*r.w*floatSize), floatBits(v.t))
		}
	}
}

// cut makes blocks of n outputs and reports whether that is possible.
func (r *Resize) cut(n int) bool {
	if r.ow < n {
		return false
	}
	r.blocks, r.blockLanes = nil, n
	for x := 0; x < r.ow; x += n {
		x = min(x, r.ow-n)
		cols := r.cols[x : x+n]
		first := cols[0].a
		var a, b, t []int32
		for _, c := range cols {
			if c.b-first >= n {
				r.blocks = nil
				return false
			}
			a, b, t = append(a, int32(c.a-first)), append(b, int32(c.b-first)), append(t, floatBits(c.t))
		}
		r.blocks = append(r.blocks, int32(first*floatSize), int32(x*floatSize))
		r.blocks = append(append(append(r.blocks, a...), b...), t...)
	}
	return true
}

func floatBits(v float32) int32 { return int32(math.Float32bits(v)) }

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
