package kernel

import "math"

// NewPointwiseBF16 prepares the convolution that [NewPointwise] describes with
// inputs and weights rounded to bfloat16, the upper half of a float32: 8 bits
// for the mantissa. Products are added in float32; the processor takes
// denormals for 0 meanwhile. Instruction sets without assembly for it use pure Go, which is
// slow; see [BF16Fast].
func NewPointwiseBF16(isa ISA, w, bias []float32, m, k, n, groups int) *PointwiseDot {
	p := newPointwiseDot(isa, bf16Set(isa), dotRounding{bf16: true}, w, bias, m, k, n, groups)
	p.cut(chooseDotTiles(p.set, m/groups, p.steps, n), groups)
	p.eachWeight(w, func(_, lane, _, part int, v float32) { setWord(p.weights[lane+2*part:], toBF16(v)) })
	return p
}

// BF16Fast tells whether an instruction set has assembly for bfloat16.
func BF16Fast(isa ISA) bool { return bf16Set(isa) != setGo }

// toBF16 rounds to the nearest bfloat16, to the even one of two.
func toBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 1<<6
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// inputBF16 rounds as the assembly lays inputs out: halves away from 0.
func inputBF16(x float32) uint16 { return uint16((math.Float32bits(x) + 1<<15) >> 16) }

func fromBF16(lo, hi byte) float32 { return math.Float32frombits(uint32(hi)<<24 | uint32(lo)<<16) }

// dotBF16 multiplies a pixel's words by the weights of an output, whose lanes are
// rows apart.
func dotBF16(pixel, w []byte, rows int) (sum float32) {
	for k := 0; k < len(pixel); k += laneBytes {
		a, b := (*[laneBytes]byte)(pixel[k:]), (*[laneBytes]byte)(w[k*rows:])
		sum += float32(fromBF16(a[0], a[1]) * fromBF16(b[0], b[1]))
		sum += float32(fromBF16(a[2], a[3]) * fromBF16(b[2], b[3]))
	}
	return sum
}
