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

// FloatToHalf converts to the nearest IEEE 754 binary16 number, ties to even;
// what is too large becomes infinity.
func FloatToHalf(x float32) uint16 {
	b := math.Float32bits(x)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0xff<<23: // NaN
		return sign | 0x7e00
	case b >= 0x477ff000: // rounds beyond 65504
		return sign | 0x7c00
	case b < 0x38800000: // below the smallest normal one: count units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*0x1p24))
	}
	b += 0xfff + b>>13&1
	return sign | uint16((b-112<<23)>>13)
}
