package kernel

import "unsafe"

func bytes(p *float32) *byte { return (*byte)(unsafe.Pointer(p)) }

// whole returns how many of n floats the assembly does for path; the rest is
// left to the pure Go twin.
func whole(path Path, n int) int {
	if path == Generic {
		return 0
	}
	return n / lanes * lanes
}

func leakyPlane(path Path, p Plane, n int, slope float32) {
	v := whole(path, n)
	if v > 0 {
		leakyAVX2((*byte)(p), v, slope)
	}
	leakyGeneric(Plane(at(p, v)), n-v, slope)
}

// curve applies kind to n values of a plane.
func curve(path Path, p Plane, n int, kind ActKind) {
	v := whole(path, n)
	if v > 0 {
		switch kind {
		case HSwish:
			hswishAVX2((*byte)(p), v)
		case HSigmoid:
			hsigmoidAVX2((*byte)(p), v)
		case Sigmoid:
			sigmoidAVX2((*byte)(p), v)
		}
	}
	curveGeneric(floats(Plane(at(p, v)), n-v), kind)
}

func addPlane(path Path, out, a, b Plane, n int, slope float32) {
	v := whole(path, n)
	if v > 0 {
		addAVX2((*byte)(out), (*byte)(a), (*byte)(b), v, slope)
	}
	addGeneric(Plane(at(out, v)), Plane(at(a, v)), Plane(at(b, v)), n-v, slope)
}

func scalePlane(path Path, out, in Plane, n int, f float32) {
	v := whole(path, n)
	if v > 0 {
		scaleAVX2((*byte)(out), (*byte)(in), v, f)
	}
	scaleGeneric(Plane(at(out, v)), Plane(at(in, v)), n-v, f)
}

func sumPlane(path Path, p Plane, n int) float32 {
	v := whole(path, n)
	sum := float32(0)
	if v > 0 {
		sum = sumAVX2((*byte)(p), v)
	}
	return sum + sumGeneric(Plane(at(p, v)), n-v)
}

// splitRow packs both phases of an input row for stride 2 into dst and reports
// whether it did. Even and odd columns go to the two phases, whichever the
// padding makes theirs.
func (c *Conv) splitRow(dst []float32, src Plane) bool {
	if c.product.path == Generic {
		return false
	}
	even, odd := dst[c.pad%2*c.rowFloats:], dst[(c.pad+1)%2*c.rowFloats:]
	e, o := (c.pad-c.pad%2)/2, (1+c.pad-(c.pad+1)%2)/2 // where columns 0 and 1 go
	if c.product.path == AVX512 {
		splitAVX512(bytes(&even[e]), bytes(&odd[o]), (*byte)(src), (c.w+4*lanes-1)/(4*lanes)*2*lanes)
	} else {
		splitAVX2(bytes(&even[e]), bytes(&odd[o]), (*byte)(src), (c.w+2*lanes-1)/(2*lanes)*lanes)
	}
	clear(even[:e])
	clear(odd[:o])
	if end := e + (c.w+1)/2; end < c.used {
		clear(even[end:c.used])
	}
	if end := o + c.w/2; end < c.used {
		clear(odd[end:c.used])
	}
	return true
}

func (l *Linear) block(sums *[linearRows]float32, x []float32, u int) {
	w := bytes(&l.w[u*linearRows*l.kPad])
	switch l.path {
	case AVX512:
		linearAVX512(bytes(&sums[0]), w, bytes(&x[0]), l.kPad)
	case AVX2:
		linearAVX2(bytes(&sums[0]), w, bytes(&x[0]), l.kPad)
	default:
		l.blockGeneric(sums, x, u)
	}
}

// Orders of the last eight columns of a max-pool row: an odd width lacks the
// last one, and takes the one before twice.
var (
	poolRight    = [lanes]int32{0, 1, 2, 3, 4, 5, 6, 7}
	poolRightOdd = [lanes]int32{0, 1, 2, 3, 4, 5, 6, 6}
)

// plane pools one plane. Above the first and below the last row a row of the
// window is taken twice, which does not change the maximum.
func (p *Pool) plane(out, in Plane) {
	if p.path == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 {
		p.planeGeneric(out, in)
		return
	}
	row := func(y int) Plane { return Plane(at(in, max(0, min(y, p.h-1))*p.w)) }
	for y := range p.oh {
		poolRow(p.path, Plane(at(out, y*p.ow)), row(2*y-1), row(2*y), row(2*y+1), p.w)
	}
}

// poolRow does one row of the 3x3 max-pool with stride 2.
func poolRow(path Path, out, a, b, c Plane, width int) {
	n := (width-1)/2 + 1
	if path == AVX512 {
		const vector = 16
		blocks := (n + vector - 1) / vector
		here := uint64(1)<<(n-(blocks-1)*vector) - 1
		right := here >> (width % 2) // an odd width lacks the last column
		maxPoolAVX512((*byte)(out), (*byte)(a), (*byte)(b), (*byte)(c), blocks, here, right)
		return
	}
	if path == Generic || n < lanes {
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
