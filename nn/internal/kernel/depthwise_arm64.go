package kernel

import "unsafe"

// depthwiseArgs is what a depthwise kernel reads; the assembly knows the
// offsets.
type depthwiseArgs struct {
	in, out *Plane // first of planes
	w, bias *float32
	planes  int
	rows    int // of the output
	row     int // bytes of an input row
	outRow  int // bytes of an output row
	inOff   int // byte offset of the strip in the input planes
	outOff  int // and in the output planes
	lastIn  int // bytes from there to the last vector in the input
	lastOut int // and in the output
	masks   *[4][vector]uint32
	slope   float32
	hswish  uint32 // if not 0, slope does not count
}

const _ = -(unsafe.Offsetof(depthwiseArgs{}.hswish) - 108) // dwHSwish of the generator

// strip is a column of vectors of the output plane that one kernel call does.
type strip struct {
	x, last int // first output column of the strip and of its last vector
	vectors int
	masks   [4][vector]uint32 // for the columns left and right of the middle tap
}

// prepare cuts the output rows into strips.
func (d *Depthwise) prepare() {
	if d.isa == Generic || (d.k != 3 && d.k != 5) || d.stride > 2 || d.ow < vector {
		return
	}
	// Three rows of vectors keep enough sums in flight; with 5x5 filters and
	// stride 1 more do not fit the registers.
	most := 4
	if d.k == 5 && d.stride == 1 {
		most = 3
	}
	count := (d.ow + vector - 1) / vector
	if d.w == 5 && d.k == 5 {
		// The outer taps of both vectors reach beyond both borders, but only
		// a vector of its own has masks for both.
		most = 1
	}
	x := 0
	for _, n := range evenly(count, most) {
		s := strip{x: x, vectors: n, last: min(x+(n-1)*vector, d.ow-vector)}
		if n == 1 {
			s.x = s.last
		}
		d.mask(&s)
		d.strips = append(d.strips, s)
		x += n * vector
	}
	// Kernels read the filter in whole vectors, beyond the end of the last.
	d.tapFloats = d.k * d.k
	d.taps = append(append(make([]float32, 0, len(d.weights)+vector), d.weights...), make([]float32, vector)...)
}

// mask sets the masks of the taps left of the middle for the first vector of a
// strip, and of those right of it for the last one.
func (d *Depthwise) mask(s *strip) {
	pad := d.k / 2
	for i := range pad {
		for j := range vector {
			if (s.x+j)*d.stride+i-pad >= 0 {
				s.masks[i][j] = 1<<32 - 1
			}
			if (s.last+j)*d.stride+i+1 < d.w {
				s.masks[pad+i][j] = 1<<32 - 1
			}
		}
	}
}

func (d *Depthwise) planes(out, in []Plane, e epilogue, u0, u1 int) {
	if len(d.strips) == 0 || u0 >= u1 {
		d.planesGeneric(out, in, e, u0, u1)
		return
	}
	a := depthwiseArgs{rows: d.oh, row: d.w * floatSize, outRow: d.ow * floatSize, slope: e.slope, hswish: e.flag()}
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
			a.inOff, a.outOff = s.x*d.stride*floatSize, s.x*floatSize
			a.lastIn, a.lastOut = (s.last-s.x)*d.stride*floatSize, (s.last-s.x)*floatSize
			a.masks = &s.masks
			depthwiseNEON(d.k, d.stride, s.vectors, (*byte)(unsafe.Pointer(&a)))
		}
	}
}
