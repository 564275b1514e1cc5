package kernel

import "math"

// Quant says how a plane of bytes stands for numbers: byte q for
// (q - Zero) * Scale (Jacob et al., arXiv 1712.05877, section 2.1).
type Quant struct {
	Scale float32
	Zero  uint8
}

// NewQuant spreads the 256 bytes over the numbers from lo to hi. The range is
// widened to hold 0, which dead channels and borders need exactly.
func NewQuant(lo, hi float32) Quant {
	lo, hi = min(lo, 0), max(hi, 0)
	scale := (hi - lo) / 255
	if !isScale(scale) {
		scale, lo = 1, 0
	}
	return Quant{scale, uint8(min(255, math.RoundToEven(float64(-lo/scale))))}
}

// isScale tells whether v and 1/v are positive and finite.
func isScale(v float32) bool { return v > 0 && v <= math.MaxFloat32 && 1/v <= math.MaxFloat32 }

// toByte returns the byte of a number that is already in steps: the nearest
// integer, ties to even, moved by zero and within 0 to 255. What no 32-bit integer
// holds becomes what the processor's conversion makes of it.
func toByte(steps float32, zero uint8) uint8 {
	v := math.RoundToEven(float64(steps))
	switch {
	case v < 1<<31 && v >= -1<<31:
	case !saturates:
		v = math.MinInt32
	case v != v:
		v = 0
	}
	return uint8(max(0, min(255, max(math.MinInt16, min(math.MaxInt16, v))+float64(zero))))
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

// quantizeWeight returns a weight in steps, -127 to 127.
func quantizeWeight(v, scale float32) int8 {
	return int8(max(-127, min(127, math.RoundToEven(float64(v/scale)))))
}

// fma32 is x*y + z rounded once, as processors do it. The product of two float32
// is exact in float64; their sum with z is rounded to odd there, so that rounding
// to float32 sees on which side of a tie it lies (Boldo and Melquiond, "Emulation
// of FMA and correctly rounded sums", 2008).
func fma32(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	if d := s - p; math.Float64bits(s)&1 == 0 && s-s == 0 {
		if rest := (p - (s - d)) + (c - d); rest != 0 {
			up := math.Inf(1)
			if rest < 0 {
				up = math.Inf(-1)
			}
			s = math.Nextafter(s, up)
		}
	}
	return float32(s)
}
