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

// splitRow sets dst[i] = src[i*stride+shift], zero outside src.
func splitRow(path Path, dst, src []float32, shift, stride int) {
	first := (max(-shift, 0) + stride - 1) / stride // first i inside src
	var n int                                       // of those after it
	switch {
	case stride == 1:
		n = max(0, min(len(dst)-first, len(src)-first-shift))
		copy(dst[min(first, len(dst)):], src[min(max(first+shift, 0), len(src)):][:n])
	case stride == 2 && path != Generic:
		n = whole(path, min(len(dst)-first, (len(src)-2*first-shift)/2))
		if n > 0 {
			everySecondAVX2(bytes(&dst[first]), bytes(&src[2*first+shift]), n)
		}
	}
	if n <= 0 {
		splitRowGeneric(dst, src, shift, stride)
		return
	}
	splitRowGeneric(dst[:first], src, shift, stride)
	splitRowGeneric(dst[first+n:], src, shift+(first+n)*stride, stride)
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

// plane pools one plane. The assembly does the 3x3 max-pool with stride 2 away
// from the left and right border; above the first and below the last row it
// takes a row of the window twice, which does not change the maximum.
func (p *Pool) plane(out, in Plane) {
	if p.path == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 {
		p.planeGeneric(out, in, 0, p.ow)
		return
	}
	n := (p.w/2 - 1) / lanes * lanes
	if n < lanes {
		p.planeGeneric(out, in, 0, p.ow)
		return
	}
	row := func(y int) *byte { return bytes(at(in, max(0, min(y, p.h-1))*p.w+2)) }
	for y := range p.oh {
		maxPoolAVX2(bytes(at(out, y*p.ow+1)), row(2*y-1), row(2*y), row(2*y+1), n)
	}
	p.planeGeneric(out, in, 0, 1)
	p.planeGeneric(out, in, 1+n, p.ow)
}
