package kernel

import "unsafe"

// depthwiseArgs is what a depthwise kernel reads; the assembly knows the
// offsets.
type depthwiseArgs struct {
	in, out *Plane // first of planes
	w, bias *float32
	planes  int
	rows    int // stride 1: input rows, stride 2: output rows
	row     int // bytes of an input row
	outRow  int // bytes of an output row
	inOff   int // byte offset of the strip in the input planes
	outOff  int // and in the output planes
	slope   float32
	_       float32
	masks   [8]uint16
}

const _ = -(unsafe.Offsetof(depthwiseArgs{}.masks) - 88) // dwMasks of the generator

// strip is a column of vectors of the output plane that one kernel call does.
type strip struct {
	x     int // first output column
	shape int // full vectors, then one bit for half a vector
	masks [8]uint16
}

// prepare cuts the output rows into strips for the kernels at hand.
func (d *Depthwise) prepare() {
	if d.path != AVX512 || (d.k != 3 && d.k != 5) || d.stride > 2 {
		return
	}
	const lanes = 16
	wide, rest := d.ow/lanes, d.ow%lanes
	half := 0
	switch {
	case rest > lanes/2:
		wide++
	case rest > 0:
		half = 1
	}
	// How many vectors a strip may have is a matter of registers. Two or three
	// keep more sums in flight than one.
	most := 1
	if d.stride == 1 && d.k == 3 {
		most = 3
	}
	vectors := wide + half
	count := (vectors + most - 1) / most
	if d.stride == 1 && d.k == 5 && half == 1 && wide > 0 {
		count-- // the half vector goes with the last full one
	}
	x := 0
	for i := range count {
		n := vectors / count
		if i >= count-vectors%count {
			n++
		}
		s := strip{x: x, shape: n << 1}
		if i == count-1 {
			s.shape -= half
		}
		x += d.maskStrip(&s)
		d.strips = append(d.strips, s)
	}
}

// maskStrip sets the lanes of a strip and returns the number of its columns. The
// first two masks are those of the first vector, the next three those of the
// last, the sixth belongs to the vector before the last.
func (d *Depthwise) maskStrip(s *strip) int {
	const lanes = 16
	wide, half := s.shape>>1, s.shape&1
	last := s.x + (wide+half-1)*lanes
	mask := func(x, dx, lanes int) (m uint16) {
		for j := range lanes {
			if in := (x+j)*d.stride + dx; x+j < d.ow && in >= 0 && in < d.w {
				m |= 1 << j
			}
		}
		return m
	}
	lastLanes := lanes >> half
	if d.stride == 1 {
		for i, dx := range []int{-2, -1} {
			s.masks[i] = mask(s.x, dx, lanes)
			if last == s.x {
				s.masks[i] = mask(s.x, dx, lastLanes)
			}
		}
		s.masks[5] = mask(last-lanes, 2, lanes)
	} else if s.x > 0 {
		// Stride 2 loads the columns left of a strip one by one: all or none.
		s.masks[0], s.masks[1] = 0xffff, 0xffff
	}
	for i, dx := range []int{0, 1, 2} {
		s.masks[2+i] = mask(last, dx, lastLanes)
	}
	return wide*lanes + half*lanes/2
}

func (d *Depthwise) planes(out, in []Plane, slope float32, u0, u1 int) {
	if len(d.strips) == 0 || u0 >= u1 {
		d.planesGeneric(out, in, slope, u0, u1)
		return
	}
	a := depthwiseArgs{rows: d.h, row: d.w * floatSize, outRow: d.ow * floatSize, slope: slope}
	if d.stride == 2 {
		a.rows = d.oh
	}
	// With several strips, all of a plane are done while it is in the first
	// level cache.
	step := u1 - u0
	if len(d.strips) > 1 {
		step = 1
	}
	for ; u0 < u1; u0 += step {
		a.in, a.out, a.planes = &in[u0], &out[u0], step
		a.w, a.bias = &d.weights[u0*d.k*d.k], &d.bias[u0]
		for i := range d.strips {
			s := &d.strips[i]
			a.inOff, a.outOff, a.masks = s.x*d.stride*floatSize, s.x*floatSize, s.masks
			depthwise512(d.k, d.stride, s.shape, (*byte)(unsafe.Pointer(&a)))
		}
	}
}
