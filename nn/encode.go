package nn

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
)

// EncodeWeights writes weights as a safetensors file that [ReadWeights] reads
// back: tensors in alphabetical order, as F32, or as F16 where half says so.
// Numbers beyond what F16 holds are an error that names the tensor.
func EncodeWeights(w *Weights, half func(name string, t Tensor) bool) ([]byte, error) {
	names := slices.Sorted(maps.Keys(w.Tensors))
	header := map[string]any{}
	if len(w.Metadata) > 0 {
		header["__metadata__"] = w.Metadata
	}
	end := int64(0)
	kinds := make([]bool, len(names))
	for i, name := range names {
		t := w.Tensors[name]
		if elements(t.Shape) != len(t.Data) {
			return nil, tensorErrorf("%q has %d elements, its shape %v says %d", name, len(t.Data), t.Shape, elements(t.Shape))
		}
		e := tensorEntry{DType: "F32", Shape: make([]int64, len(t.Shape))}
		for d, n := range t.Shape {
			e.Shape[d] = int64(n)
		}
		if kinds[i] = half != nil && half(name, t); kinds[i] {
			e.DType = "F16"
		}
		e.Offsets = []int64{end, end + int64(len(t.Data))*dtypeBytes[e.DType]}
		end = e.Offsets[1]
		header[name] = e
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	for len(text)%8 != 0 { // so that the tensors are aligned
		text = append(text, ' ')
	}
	le := binary.LittleEndian
	out := make([]byte, 0, 8+int64(len(text))+end)
	out = append(le.AppendUint64(out, uint64(len(text))), text...)
	for i, name := range names {
		for _, v := range w.Tensors[name].Data {
			if !kinds[i] {
				out = le.AppendUint32(out, math.Float32bits(v))
				continue
			}
			h := FloatToHalf(v)
			if h&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
				return nil, tensorErrorf("%q holds %g, which float16 cannot", name, v)
			}
			out = le.AppendUint16(out, h)
		}
	}
	return out, nil
}
