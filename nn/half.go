package nn

import "math"

// HalfToFloat converts an IEEE 754 binary16 number exactly. Shifted into a
// float32, its exponent is too small by 127-15; one multiplication mends that
// and normalises subnormals as well.
func HalfToFloat(h uint16) float32 {
	const rebias = 0x1p112
	sign := uint32(h>>15) << 31
	if h&0x7c00 == 0x7c00 { // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | uint32(h&1023)<<13)
	}
	x := math.Float32frombits(uint32(h&0x7fff)<<13) * rebias
	return math.Float32frombits(math.Float32bits(x) | sign)
}
