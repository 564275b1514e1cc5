//go:build amd64 || arm64

package kernel

import "unsafe"

// depthwiseInt8Args is what the kernels read; the assembly knows the offsets and
// counts in, out and planes.
type depthwiseInt8Args struct {
	in, out   *Plane // first of planes
	w         *byte  // taps of the first plane
	after     *depthwiseAfter
	starts    *int32 // of the first plane's strip: where sums start
	planes    int
	inRows    int
	outRows   int
	row       int   // bytes of an input row
	outRow    int   // bytes of an output row
	inOff     int   // byte offset, in the planes, of the first tap of a strip's first output
	outOff    int   // and of that output
	controls  *byte // how a strip's taps are gathered
	startStep int   // bytes from one plane's starts to the next's
	slope     float32
	floats    uint32     // if not 0, outputs are float32
	inside    int        // of outRows, those whose input rows lie in the plane
	columns   uint64     // AVX-512: mask of the strip's outputs
	masks     *[2]uint64 // AVX-512: bytes that gather something
}

// dwqMasks of the generators.
const _ = -(unsafe.Offsetof(depthwiseInt8Args{}.masks) - 136)

// depthwiseStrips is how the assembly cuts planes into columns of eight or sixteen
// outputs.
type depthwiseStrips struct {
	set    dotSet // of the kernels
	width  int    // outputs of a strip
	taps   []byte // of each plane: for each row of the filter its lanes
	size   int    // of one plane's taps
	starts []int32
	strips []int8Strip
	inside int // output rows before those that see rows below the plane
}

// int8Strip is some columns of outputs.
type int8Strip struct {
	x        int    // the first
	controls []byte // for each part of a row's taps
	masks    [2]uint64
	columns  uint64
}

// parts is how many registers of gathered bytes a row of the filter takes.
func (d *DepthwiseInt8) parts() int {
	if d.set == setMadd {
		return (d.k + 1) / 2
	}
	return (d.k + 3) / 4
}

// prepare lays the taps out and cuts rows into strips. Like those of float32, the
// last strip is moved left until it is full; what it does again comes out the same.
func (d *DepthwiseInt8) prepare() {
	if d.set == setGo {
		return
	}
	s := &d.simd
	s.set, s.width = d.kernels(), lanes
	if s.set == setVNNI512 {
		s.width = 2 * lanes
	}
	if d.h > d.k/2 {
		s.inside = min(d.oh, (d.h-1-d.k/2)/d.stride+1)
	}
	s.size = d.k * d.parts() * laneBytes
	const overRead = 32 // of kernels that load whole vectors
	s.taps = make([]byte, d.c*s.size+overRead)
	for c := range d.c {
		for i := range d.k {
			for j := range d.k {
				w := d.weights[(c*d.k+i)*d.k+j]
				row := s.taps[c*s.size+i*d.parts()*laneBytes:]
				if d.set == setMadd {
					setWord(row[2*j:], uint16(int16(w)))
				} else {
					row[j] = byte(w)
				}
			}
		}
	}
	for x := 0; x < d.ow; x += s.width {
		x = max(0, min(x, d.ow-s.width))
		s.strips = append(s.strips, d.strip(x))
	}
	for c := range d.c {
		for i := range s.strips {
			for column := range s.width {
				s.starts = append(s.starts, d.start(c, s.strips[i].x+column))
			}
		}
	}
}

// inRow tells whether tap j of output column x exists and lies in the row.
func (d *DepthwiseInt8) inRow(x, j int) bool {
	in := x*d.stride + j - d.k/2
	return j < d.k && in >= 0 && in < d.w
}

// strip prepares the gathering of the taps of the outputs from column x on: byte
// shuffles of what lies from the strip's first tap on, of 128 bits each or, with
// VBMI, of all. What lies outside the row becomes 0.
func (d *DepthwiseInt8) strip(x int) int8Strip {
	const none = 0x80
	s := int8Strip{x: x, columns: 1<<min(d.simd.width, d.ow-x) - 1}
	for p := range d.parts() {
		for i := range d.simd.width * laneBytes {
			lane, b := i/laneBytes, i%laneBytes
			tap := laneBytes*p + b
			if d.set == setMadd {
				tap = 2*p + b/2
			}
			at := lane*d.stride + tap
			if d.simd.width == lanes && d.stride == 2 && lane >= lanes/2 {
				at -= lanes // the second 128 bits begin eight bytes later
			}
			if !d.inRow(x+lane, tap) || d.set == setMadd && b%2 == 1 {
				at = none
			} else {
				s.masks[p%2] |= 1 << i // of AVX-512, which has at most two parts
			}
			s.controls = append(s.controls, byte(at))
		}
	}
	return s
}

// start is where the sum of an output column starts: minus what the zero byte adds
// in the columns that lie in the row. Rows outside the plane are full of it.
func (d *DepthwiseInt8) start(c, x int) (start int32) {
	for i := range d.k {
		for j := range d.k {
			if d.inRow(x, j) {
				start -= (d.after[c].inZero&0xff - d.set.shift()) * int32(d.weights[(c*d.k+i)*d.k+j])
			}
		}
	}
	return start
}

func (d *DepthwiseInt8) planes(out, in []Plane, e epilogue, u0, u1 int) {
	if d.set == setGo || u0 >= u1 {
		d.planesGeneric(out, in, e, u0, u1)
		return
	}
	s := &d.simd
	pad := d.k / 2
	a := depthwiseInt8Args{inRows: d.h, outRows: d.oh, row: d.w, outRow: d.ow, slope: e.slope,
		startStep: len(s.strips) * s.width * floatSize, inside: s.inside}
	size := 1
	if !d.bytesOut {
		a.floats, size = 1, floatSize
		a.outRow *= size
	}
	// All strips of some planes are done while those are in the first level cache.
	const cached = 16 << 10
	step := u1 - u0
	if len(s.strips) > 1 {
		step = max(1, cached/(d.h*d.w))
	}
	for ; u0 < u1; u0 += step {
		for i := range s.strips {
			t := &s.strips[i]
			a.in, a.out, a.planes = &in[u0], &out[u0], min(step, u1-u0)
			a.w, a.after, a.starts = &s.taps[u0*s.size], &d.after[u0], &s.starts[(u0*len(s.strips)+i)*s.width]
			a.inOff, a.outOff, a.controls = t.x*d.stride-pad-pad*d.w, t.x*size, &t.controls[0]
			a.masks, a.columns = &t.masks, t.columns
			depthwiseInt8(s.set, d.k, d.stride, (*byte)(unsafe.Pointer(&a)))
		}
	}
}
