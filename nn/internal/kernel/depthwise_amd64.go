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
	hswish  uint32
	bits    [8]uint16     // masks of AVX-512
	lanes   *[5][8]uint32 // masks of AVX2
}

// dwHSwish, dwMasks and dwMaskTable of the generator.
const (
	_ = -(unsafe.Offsetof(depthwiseArgs{}.hswish) - 84)
	_ = -(unsafe.Offsetof(depthwiseArgs{}.bits) - 88)
	_ = -(unsafe.Offsetof(depthwiseArgs{}.lanes) - 104)
)

// strip is a column of vectors of the output plane that one kernel call does.
type strip struct {
	x     int // first output column
	shape int // of the kernel
	bits  [8]uint16
	lanes [5][8]uint32
}

// prepare cuts the output rows into strips for the kernels at hand.
func (d *Depthwise) prepare() {
	if d.isa == Generic || (d.k != 3 && d.k != 5) || d.stride > 2 {
		return
	}
	d.taps, d.tapFloats = d.weights, d.k*d.k
	if d.isa == AVX512 {
		d.strips512()
		return
	}
	d.strips256()
	d.taps = make([]float32, 0, len(d.weights)*lanes)
	for _, w := range d.weights {
		for range lanes {
			d.taps = append(d.taps, w)
		}
	}
	d.tapFloats *= lanes
}

// strips512 cuts rows into vectors of 16 columns, half a one for the last eight
// or less, and joins as many of them as registers allow: two or three keep more
// sums in flight than one.
func (d *Depthwise) strips512() {
	const vector = 16
	wide, rest := d.ow/vector, d.ow%vector
	half := 0
	switch {
	case rest > vector/2:
		wide++
	case rest > 0:
		half = 1
	}
	most := 1
	if d.k == 3 {
		most = 3
	}
	vectors := wide + half
	count := (vectors + most - 1) / most
	if d.k == 5 && half == 1 && wide > 0 {
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
		x += d.maskBits(&s)
		d.strips = append(d.strips, s)
	}
}

// inside tells whether output column x exists and its tap dx lies in the row.
func (d *Depthwise) inside(x, dx int) bool {
	in := x*d.stride + dx
	return x < d.ow && in >= 0 && in < d.w
}

// maskBits sets the lanes of a strip and returns the number of its columns. The
// first two masks are those of the first vector, the next three those of the
// last, the sixth belongs to the vector before the last.
func (d *Depthwise) maskBits(s *strip) int {
	const vector = 16
	wide, half := s.shape>>1, s.shape&1
	last := s.x + (wide+half-1)*vector
	mask := func(x, dx, lanes int) (m uint16) {
		for j := range lanes {
			if d.inside(x+j, dx) {
				m |= 1 << j
			}
		}
		return m
	}
	lastLanes := vector >> half
	if d.stride == 1 {
		firstLanes := vector
		if last == s.x {
			firstLanes = lastLanes
		}
		s.bits[0], s.bits[1] = mask(s.x, -2, firstLanes), mask(s.x, -1, firstLanes)
		s.bits[5] = mask(last-vector, 2, vector)
	} else if s.x > 0 {
		// Stride 2 loads the columns left of a strip one by one: all or none.
		s.bits[0], s.bits[1] = 0xffff, 0xffff
	}
	for i, dx := range []int{0, 1, 2} {
		s.bits[2+i] = mask(last, dx, lastLanes)
	}
	return wide*vector + half*vector/2
}

// strips256 cuts rows into strips of one or two vectors of eight columns. The
// last strip is moved left until it is full; what it does again comes out the
// same.
func (d *Depthwise) strips256() {
	if d.ow < lanes {
		d.strips = append(d.strips, d.maskLanes(strip{shape: 1<<1 | 1}, 1))
		return
	}
	for x := 0; x < d.ow; {
		n := 1
		if d.stride == 1 && x+lanes < d.ow && d.ow >= 2*lanes {
			n = 2
		}
		x = min(x, d.ow-n*lanes)
		d.strips = append(d.strips, d.maskLanes(strip{x: x, shape: n << 1}, n))
		x += n * lanes
	}
}

// laneOrder is where the columns of a vector lie while stride 2 works on them.
var laneOrder = [lanes]int{0, 1, 4, 5, 2, 3, 6, 7}

// maskLanes sets the masks of a strip of n vectors: two for the first vector,
// three for the last.
func (d *Depthwise) maskLanes(s strip, n int) strip {
	for i := range s.lanes {
		x := s.x
		if i >= 2 {
			x += (n - 1) * lanes
		}
		for j := range lanes {
			column := j
			if d.stride == 2 && i != 2 {
				column = laneOrder[j]
			}
			if d.inside(x+column, i-2) {
				s.lanes[i][j] = 1<<32 - 1
			}
		}
	}
	return s
}

func (d *Depthwise) planes(out, in []Plane, e epilogue, u0, u1 int) {
	if len(d.strips) == 0 || u0 >= u1 {
		d.planesGeneric(out, in, e, u0, u1)
		return
	}
	a := depthwiseArgs{rows: d.h, row: d.w * floatSize, outRow: d.ow * floatSize, slope: e.slope, hswish: e.flag()}
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
		a.w, a.bias = &d.taps[u0*d.tapFloats], &d.bias[u0]
		for i := range d.strips {
			s := &d.strips[i]
			a.inOff, a.outOff, a.bits, a.lanes = s.x*d.stride*floatSize, s.x*floatSize, s.bits, &s.lanes
			if d.isa == AVX512 {
				depthwise512(d.k, d.stride, s.shape, (*byte)(unsafe.Pointer(&a)))
			} else {
				depthwise256(d.k, d.stride, s.shape, (*byte)(unsafe.Pointer(&a)))
			}
		}
	}
}
