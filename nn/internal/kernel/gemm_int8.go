package kernel

import (
	"fmt"
	"math"
)

// maxInt8Inputs is how many products of bytes fit a 32-bit sum.
const maxInt8Inputs = math.MaxInt32 / (255 * 127)

// Int8Fits tells whether a 1x1 convolution of k inputs a group can be done in 8
// bits without overflow.
func Int8Fits(k int) bool { return k <= maxInt8Inputs }

// NewPointwiseInt8 prepares the convolution that [NewPointwise] describes in
// 8-bit integers (Jacob et al., "Quantization and Training of Neural Networks
// for Efficient Integer-Arithmetic-Only Inference", arXiv 1712.05877, section 2):
// inputs from lo to hi are rounded to bytes 0 to 255, those beyond are taken for
// lo or hi, weights to -127 to 127 with one scale an output, and products are
// added in 32-bit integers. All instruction sets give the same bits.
func NewPointwiseInt8(isa ISA, w, bias []float32, m, k, n, groups int, lo, hi float32) *PointwiseDot {
	return newPointwiseInt8(isa, int8Set(isa), w, bias, m, k, n, groups, lo, hi)
}

func newPointwiseInt8(isa ISA, set dotSet, w, bias []float32, m, k, n, groups int, lo, hi float32) *PointwiseDot {
	if !Int8Fits(k) {
		panic(fmt.Sprintf("kernel: int8 GEMM of %d inputs", k))
	}
	r, inputScale := roundInputs(lo, hi)
	p := newPointwiseDot(isa, set, r, w, bias, m, k, n, groups)
	scales := make([]float32, m)
	for i := range scales {
		scales[i] = weightScale(w[i*p.kg : (i+1)*p.kg])
		p.after[i].scale = scales[i] * inputScale
	}
	p.eachWeight(w, func(m, lane, part int, v float32) {
		q := int8(max(-127, min(127, math.RoundToEven(float64(v/scales[m])))))
		p.after[m].start -= int32(q) * int32(r.zero)
		if p.perLane == 4 {
			p.weights[lane+part] = byte(q)
		} else {
			setWord(p.weights[lane+2*part:], uint16(int16(q)))
		}
	})
	return p
}

// roundInputs settles how floats become bytes and returns the width of a step.
// The range is widened to hold 0, which dead channels need exactly.
func roundInputs(lo, hi float32) (dotRounding, float32) {
	lo, hi = min(lo, 0), max(hi, 0)
	scale := (hi - lo) / 255
	if !isScale(scale) {
		scale, lo = 1, 0
	}
	return dotRounding{inverse: 1 / scale, zero: uint8(min(255, math.RoundToEven(float64(-lo/scale))))}, scale
}

// weightScale is the width of a step of an output's weights.
func weightScale(row []float32) float32 {
	top := float32(0)
	for _, v := range row {
		top = max(top, v, -v)
	}
	if scale := top / 127; isScale(scale) {
		return scale
	}
	return 1
}

// isScale tells whether v and 1/v are positive and finite.
func isScale(v float32) bool { return v > 0 && v <= math.MaxFloat32 && 1/v <= math.MaxFloat32 }

// toByte rounds an input as the assembly does: beyond 32 bits the processor's
// conversion gives the least integer, which becomes 0.
func (r *dotRounding) toByte(x float32) uint8 {
	v := math.RoundToEven(float64(x * r.inverse))
	if !(v < 1<<31 && v >= -1<<31) {
		return 0
	}
	return uint8(max(0, min(255, max(math.MinInt16, min(math.MaxInt16, v))+float64(r.zero))))
}

// dotInt8 multiplies a pixel's bytes by the weights of an output, whose lanes
// are rows apart.
func dotInt8(pixel, w []byte, rows int) (sum int32) {
	for k := 0; k < len(pixel); k += laneBytes {
		a, b := (*[laneBytes]byte)(pixel[k:]), (*[laneBytes]byte)(w[k*rows:])
		sum += int32(a[0])*int32(int8(b[0])) + int32(a[1])*int32(int8(b[1])) +
			int32(a[2])*int32(int8(b[2])) + int32(a[3])*int32(int8(b[3]))
	}
	return sum
}
