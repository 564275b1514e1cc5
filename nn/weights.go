package nn

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// Tensor is a dense row-major float32 tensor.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Weights are a network's tensors by name, and the string metadata of the
// file they came from.
type Weights struct {
	Tensors  map[string]Tensor
	Metadata map[string]string
}

const (
	maxHeaderBytes = 16 << 20
	maxTensors     = 1 << 16
	maxRank        = 8
	// maxWeightBytes bounds the float32 memory one file may ask for.
	maxWeightBytes = 2 << 30
)

// ReadWeightsFile reads the safetensors file at path.
func ReadWeightsFile(path string) (*Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > maxWeightBytes {
		return nil, fmt.Errorf("weights: %s is larger than %d bytes", path, maxWeightBytes)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", path, err)
	}
	w, err := ReadWeights(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

type tensorEntry struct {
	DType   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// ReadWeights decodes a safetensors file: an 8-byte little-endian length, a
// JSON header of that length, then the tensors' bytes. F32, F16, BF16 and
// integer tensors are converted to float32. A file that is cut short, lies
// about its shapes or asks for too much memory gives an error that names the
// tensor, before anything is allocated for it.
func ReadWeights(data []byte) (*Weights, error) {
	raw, metadata, body, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	w := &Weights{Metadata: metadata, Tensors: make(map[string]Tensor, len(raw))}
	entries := make(map[string]tensorEntry, len(raw))
	names := make([]string, 0, len(raw))
	var total int64
	for name, msg := range raw {
		var e tensorEntry
		if err := json.Unmarshal(msg, &e); err != nil {
			return nil, tensorErrorf("%q: %w", name, err)
		}
		count, err := e.check(int64(len(body)))
		if err != nil {
			return nil, tensorErrorf("%q: %w", name, err)
		}
		if total += 4 * count; total > maxWeightBytes {
			return nil, tensorErrorf("%q: more than %d bytes in all", name, maxWeightBytes)
		}
		entries[name] = e
		names = append(names, name)
	}
	if err := overlap(names, entries); err != nil {
		return nil, err
	}
	for _, name := range names {
		e := entries[name]
		t := Tensor{Shape: make([]int, len(e.Shape))}
		for i, d := range e.Shape {
			t.Shape[i] = int(d)
		}
		t.Data = decodeFloats(e.DType, body[e.Offsets[0]:e.Offsets[1]])
		w.Tensors[name] = t
	}
	return w, nil
}

// ReadMetadata reads no more of a safetensors file than its header's
// __metadata__, which may be nil.
func ReadMetadata(data []byte) (map[string]string, error) {
	_, metadata, _, err := readHeader(data)
	return metadata, err
}

// readHeader returns the entries of a safetensors file's tensors, its metadata
// and the tensors' bytes.
func readHeader(data []byte) (raw map[string]json.RawMessage, metadata map[string]string, body []byte, err error) {
	if len(data) < 8 {
		return nil, nil, nil, errors.New("weights: file is cut short: no header length")
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeaderBytes {
		return nil, nil, nil, fmt.Errorf("weights: not a safetensors file: header of %d bytes", n)
	}
	if n > uint64(len(data)-8) {
		return nil, nil, nil, fmt.Errorf("weights: file is cut short: header of %d bytes in %d", n, len(data)-8)
	}
	if err := json.Unmarshal(data[8:8+n], &raw); err != nil {
		return nil, nil, nil, fmt.Errorf("weights: header is not JSON: %w", err)
	}
	if m, ok := raw["__metadata__"]; ok {
		if err := json.Unmarshal(m, &metadata); err != nil {
			return nil, nil, nil, fmt.Errorf("weights: __metadata__: %w", err)
		}
		delete(raw, "__metadata__")
	}
	if len(raw) > maxTensors {
		return nil, nil, nil, fmt.Errorf("weights: %d tensors, more than %d", len(raw), maxTensors)
	}
	return raw, metadata, data[8+n:], nil
}

var dtypeBytes = map[string]int64{"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "I32": 4, "U8": 1, "I8": 1}

// check compares an entry with the bytes there are and returns its number of
// elements.
func (e *tensorEntry) check(body int64) (int64, error) {
	size, ok := dtypeBytes[e.DType]
	if !ok {
		return 0, fmt.Errorf("dtype %q is not supported", e.DType)
	}
	if len(e.Shape) > maxRank {
		return 0, fmt.Errorf("%d dimensions, more than %d", len(e.Shape), maxRank)
	}
	count := int64(1)
	for _, d := range e.Shape {
		if d < 0 || d > maxWeightBytes || count*max(d, 1) > maxWeightBytes {
			return 0, fmt.Errorf("shape %v asks for too much memory", e.Shape)
		}
		count *= d
	}
	if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] {
		return 0, fmt.Errorf("data_offsets %v are not a range", e.Offsets)
	}
	if e.Offsets[1] > body {
		return 0, fmt.Errorf("file is cut short: data ends at byte %d of %d", e.Offsets[1], body)
	}
	if have := e.Offsets[1] - e.Offsets[0]; have != count*size {
		return 0, fmt.Errorf("shape %v of %s needs %d bytes, data_offsets give %d", e.Shape, e.DType, count*size, have)
	}
	return count, nil
}

// overlap refuses files in which two tensors share bytes: such a file could
// ask for far more memory than it holds.
func overlap(names []string, entries map[string]tensorEntry) error {
	slices.SortFunc(names, func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
	end := int64(0)
	for _, name := range names {
		o := entries[name].Offsets
		if o[0] < end && o[1] > o[0] {
			return tensorErrorf("%q overlaps another", name)
		}
		end = max(end, o[1])
	}
	return nil
}

func decodeFloats(dtype string, b []byte) []float32 {
	le := binary.LittleEndian
	out := make([]float32, len(b)/int(dtypeBytes[dtype]))
	switch dtype {
	case "F32":
		for i := range out {
			out[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
	case "F16":
		for i := range out {
			out[i] = HalfToFloat(le.Uint16(b[2*i:]))
		}
	case "BF16":
		for i := range out {
			out[i] = math.Float32frombits(uint32(le.Uint16(b[2*i:])) << 16)
		}
	case "F64":
		for i := range out {
			out[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		}
	case "I64":
		for i := range out {
			out[i] = float32(int64(le.Uint64(b[8*i:])))
		}
	case "I32":
		for i := range out {
			out[i] = float32(int32(le.Uint32(b[4*i:])))
		}
	case "U8":
		for i := range out {
			out[i] = float32(b[i])
		}
	case "I8":
		for i := range out {
			out[i] = float32(int8(b[i]))
		}
	}
	return out
}

// get returns the named tensor's data if it has the wanted shape. Trailing
// dimensions of 1 are interchangeable with none, so that a fully connected
// layer's [out, in] serves as a 1x1 convolution.
func (w *Weights) get(p Param) ([]float32, error) {
	t, ok := w.Tensors[p.Name]
	if !ok {
		return nil, tensorErrorf("%q is missing", p.Name)
	}
	if !slices.Equal(trimOnes(t.Shape), trimOnes(p.Shape)) {
		return nil, tensorErrorf("%q has shape %v, the network wants %v", p.Name, t.Shape, p.Shape)
	}
	if n := elements(t.Shape); n != len(t.Data) {
		return nil, tensorErrorf("%q has %d elements, its shape %v says %d", p.Name, len(t.Data), t.Shape, n)
	}
	return t.Data, nil
}

func trimOnes(shape []int) []int {
	for len(shape) > 0 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	return shape
}
