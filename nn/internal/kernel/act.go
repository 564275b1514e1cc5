package kernel

import (
	"fmt"
	"math"
)

// ActKind is a kind of activation function.
type ActKind int

// The activations. HSwish and HSigmoid are those of MobileNetV3 (Howard et al.,
// "Searching for MobileNetV3", 2019): HSigmoid(x) = min(max(x+3, 0), 6)/6 and
// HSwish(x) = x*HSigmoid(x).
const (
	None ActKind = iota
	ReLU
	LeakyReLU // max(x, Slope*x), Slope at most 1
	ReLU6     // min(max(x, 0), 6)
	HSwish
	HSigmoid
	Sigmoid
)

var actNames = [...]string{"none", "relu", "leaky_relu", "relu6", "hswish", "hsigmoid", "sigmoid"}

// String returns the name of the activation in lower case.
func (k ActKind) String() string {
	if k < 0 || int(k) >= len(actNames) {
		return fmt.Sprintf("activation(%d)", int(k))
	}
	return actNames[k]
}

// Act is an activation function. Its zero value does nothing.
type Act struct {
	Kind  ActKind
	Slope float32 // of LeakyReLU
}

// split divides an activation into max(x, slope*x), which every kernel applies
// before it stores, and the part that needs a second pass over the output.
// Convolutions use fused instead.
func (a Act) split() (slope float32, rest ActKind) {
	switch a.Kind {
	case None:
		return 1, None
	case ReLU:
		return 0, None
	case LeakyReLU:
		return a.Slope, None
	case ReLU6:
		return 0, ReLU6
	}
	return 1, a.Kind
}

// epilogue is what convolution kernels do to a sum before they store it: HSwish,
// or max(x, slope*x).
type epilogue struct {
	slope  float32 // 1 with HSwish
	hswish bool
}

// fused divides an activation into what convolution kernels do and the part that
// needs a second pass over the output.
func (a Act) fused() (epilogue, ActKind) {
	if a.Kind == HSwish {
		return epilogue{1, true}, None
	}
	slope, rest := a.split()
	return epilogue{slope: slope}, rest
}

// flag is the form in which the assembly reads e.hswish.
func (e epilogue) flag() uint32 {
	if e.hswish {
		return 1
	}
	return 0
}

func (e epilogue) apply(x float32) float32 {
	if e.hswish {
		return x * hsigmoid(x)
	}
	return leaky(x, e.slope)
}

// leaky is the scalar form of what the assembly does, including for NaN and
// infinities: x unless slope*x is greater.
func leaky(x, slope float32) float32 {
	if y := slope * x; y > x {
		return y
	}
	return x
}

// Apply computes act on n values of every plane in place.
func (a Act) Apply(isa ISA, planes []Plane, n int) {
	slope, rest := a.split()
	for _, p := range planes {
		if slope != 1 {
			leakyPlane(isa, p, n, slope)
		}
		if rest != None {
			curve(isa, p, n, rest)
		}
	}
}

func leakyGeneric(p Plane, n int, slope float32) {
	x := floats(p, n)
	for i, v := range x {
		x[i] = leaky(v, slope)
	}
}

// curveGeneric applies one of the activations that are not max(x, slope*x).
func curveGeneric(x []float32, kind ActKind) {
	switch kind {
	case ReLU6: // of values that are not below 0 any more
		for i, v := range x {
			x[i] = min(v, 6)
		}
	case HSwish:
		for i, v := range x {
			x[i] = v * hsigmoid(v)
		}
	case HSigmoid:
		for i, v := range x {
			x[i] = hsigmoid(v)
		}
	case Sigmoid:
		for i, v := range x {
			x[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	}
}

func hsigmoid(x float32) float32 { return min(max(x+3, 0), 6) * (1.0 / 6) }

// curveRows applies kind to values off to off+n-1 of every plane.
func curveRows(isa ISA, planes []Plane, off, n int, kind ActKind) {
	for _, p := range planes {
		curve(isa, Plane(at(p, off)), n, kind)
	}
}
