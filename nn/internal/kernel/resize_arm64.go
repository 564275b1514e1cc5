package kernel

import "unsafe"

// resizeBlock says how eight neighbouring outputs are mixed from eight
// neighbouring inputs; the assembly knows its layout.
type resizeBlock struct {
	in, out int32                  // byte offsets in the input and the output row
	a, b    [lanes][floatSize]byte // bytes of the inputs, counted from the first
	t       [lanes]float32
}

const _ = -(unsafe.Sizeof(resizeBlock{}) - 104) // blockSize of the generator

// prepare cuts a row into blocks if the inputs of eight outputs always lie
// within eight columns, as they do when a plane grows. The last block overlaps
// the one before it so that nothing is left over.
func (r *Resize) prepare(path Path) {
	if path == Generic || r.ow < lanes {
		return
	}
	for x := 0; x < r.ow; x += lanes {
		x = min(x, r.ow-lanes)
		first := r.cols[x].a
		b := resizeBlock{in: int32(first * floatSize), out: int32(x * floatSize)}
		for i, c := range r.cols[x : x+lanes] {
			if c.b-first >= lanes {
				r.blocks = nil
				return
			}
			for j := range floatSize {
				b.a[i][j] = byte((c.a-first)*floatSize + j)
				b.b[i][j] = byte((c.b-first)*floatSize + j)
			}
			b.t[i] = c.t
		}
		r.blocks = append(r.blocks, b)
	}
}

func (r *Resize) plane(out, in Plane) {
	if len(r.blocks) == 0 {
		r.planeGeneric(out, in)
		return
	}
	blocks := (*byte)(unsafe.Pointer(&r.blocks[0]))
	for y, v := range r.rows {
		resizeNEON(bytes(at(out, y*r.ow)), bytes(at(in, v.a*r.w)), bytes(at(in, v.b*r.w)), blocks, len(r.blocks), v.t)
	}
}
