package checkpoint

import (
	"encoding/binary"
	"math"

	"example.com/riffle/nn"
)

// elementBytes is the size of a storage's elements.
var elementBytes = map[string]int64{"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

// floats gathers the view's elements in row-major order. newView made sure that
// all of them lie in the storage.
func (v *view) floats(raw []byte) []float32 {
	count := 1
	for _, d := range v.shape {
		count *= d
	}
	out := make([]float32, count)
	if count == 0 {
		return out
	}
	at := make([]int, len(v.shape))
	from := v.offset
	for i := range out {
		out[i] = element(raw, v.storage.dtype, from)
		for d := len(at) - 1; d >= 0; d-- {
			at[d]++
			from += v.strides[d]
			if at[d] < v.shape[d] {
				break
			}
			from -= int64(at[d]) * v.strides[d]
			at[d] = 0
		}
	}
	return out
}

func element(raw []byte, dtype string, i int64) float32 {
	le := binary.LittleEndian
	switch dtype {
	case "F32":
		return math.Float32frombits(le.Uint32(raw[4*i:]))
	case "F16":
		return nn.HalfToFloat(le.Uint16(raw[2*i:]))
	case "BF16":
		return math.Float32frombits(uint32(le.Uint16(raw[2*i:])) << 16)
	case "F64":
		return float32(math.Float64frombits(le.Uint64(raw[8*i:])))
	case "I64":
		return float32(int64(le.Uint64(raw[8*i:])))
	case "I32":
		return float32(int32(le.Uint32(raw[4*i:])))
	case "I16":
		return float32(int16(le.Uint16(raw[2*i:])))
	case "I8":
		return float32(int8(raw[i]))
	}
	return float32(raw[i]) // U8 and BOOL
}
