package kernel

import "unsafe"

// lanes is the number of floats the streaming kernels take at a time.
const lanes = 8

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

// splitRow sets dst[i] to float i*stride+shift of the row src of width floats,
// zero outside the row. The assembly may write up to lanes floats behind dst and
// read as many behind the row.
func splitRow(path Path, dst []float32, src Plane, width, shift, stride int) {
	first := (max(-shift, 0) + 1) / 2
	end := min(len(dst), (width-shift+1)/2) // behind the last float in the row
	if path == Generic || stride != 2 || end <= first {
		splitRowGeneric(dst, src, width, shift, stride)
		return
	}
	clear(dst[:first])
	everySecondAVX2(bytes(&dst[first]), bytes(at(src, 2*first+shift)), (end-first+lanes-1)/lanes*lanes)
	clear(dst[end:])
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

// Lane orders of the max-pool: its window takes the first column twice at the
// left border, and the last one twice at the right border of an odd width.
var (
	poolLeft     = [lanes]int32{0: 1, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}
	poolRightOdd = [lanes]int32{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 6}
	poolRight    = [lanes]int32{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}
)

// plane pools one plane. The assembly does the 3x3 max-pool with stride 2. Above
// the first and below the last row it is given a row of the window twice.
func (p *Pool) plane(out, in Plane) {
	if p.path == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 || p.ow < lanes {
		p.planeGeneric(out, in)
		return
	}
	n := p.ow / lanes * lanes
	back := 0
	if n < p.ow {
		back = (lanes - (p.ow - n)) * floatSize
	}
	right := &poolRight
	if p.w%2 == 1 {
		right = &poolRightOdd
	}
	row := func(y int) *byte { return bytes(at(in, max(0, min(y, p.h-1))*p.w)) }
	for y := range p.oh {
		maxPoolAVX2(bytes(at(out, y*p.ow)), row(2*y-1), row(2*y), row(2*y+1), n, back, int32s(&poolLeft), int32s(right))
	}
}

func int32s(p *[lanes]int32) *byte { return (*byte)(unsafe.Pointer(p)) }
