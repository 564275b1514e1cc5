//go:build amd64 || arm64

package kernel

import "unsafe"

func bytes(p *float32) *byte { return (*byte)(unsafe.Pointer(p)) }

// whole returns how many of n floats the assembly does for isa; the rest is
// left to the pure Go twin.
func whole(isa ISA, n int) int {
	if isa == Generic {
		return 0
	}
	return n / lanes * lanes
}

func leakyPlane(isa ISA, p Plane, n int, slope float32) {
	v := whole(isa, n)
	if v > 0 {
		leakyVector((*byte)(p), v, slope)
	}
	leakyGeneric(Plane(at(p, v)), n-v, slope)
}

// curve applies kind to n values of a plane.
func curve(isa ISA, p Plane, n int, kind ActKind) {
	v := whole(isa, n)
	if v > 0 {
		switch kind {
		case ReLU6:
			min6Vector((*byte)(p), v)
		case HSwish:
			hswishVector((*byte)(p), v)
		case HSigmoid:
			hsigmoidVector((*byte)(p), v)
		case Sigmoid:
			sigmoidVector((*byte)(p), v)
		}
	}
	curveGeneric(floats(Plane(at(p, v)), n-v), kind)
}

func addPlane(isa ISA, out, a, b Plane, n int, slope float32) {
	v := whole(isa, n)
	if v > 0 {
		addVector((*byte)(out), (*byte)(a), (*byte)(b), v, slope)
	}
	addGeneric(Plane(at(out, v)), Plane(at(a, v)), Plane(at(b, v)), n-v, slope)
}

func scalePlane(isa ISA, out, in Plane, n int, f float32) {
	v := whole(isa, n)
	if v > 0 {
		scaleVector((*byte)(out), (*byte)(in), v, f)
	}
	scaleGeneric(Plane(at(out, v)), Plane(at(in, v)), n-v, f)
}

func sumPlane(isa ISA, p Plane, n int) float32 {
	v := whole(isa, n)
	sum := float32(0)
	if v > 0 {
		sum = sumVector((*byte)(p), v)
	}
	return sum + sumGeneric(Plane(at(p, v)), n-v)
}
