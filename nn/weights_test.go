package nn

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// pack makes a safetensors file of a header and a body.
func pack(t testing.TB, header string, body []byte) []byte {
	t.Helper()
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), body...)
}

func TestReadWeightsTypes(t *testing.T) {
	t.Parallel()
	body := []byte{
		0x00, 0x00, 0xc0, 0x3f, // F32 1.5
		0x00, 0x3e, 0x00, 0xc0, // F16 1.5, -2
		0xc0, 0x3f, // BF16 1.5
		0xff, // I8 -1
		0xff, // U8 255
	}
	w, err := ReadWeights(pack(t, `{"__metadata__":{"riffle":"{}"},
		"f32":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
		"f16":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]},
		"bf16":{"dtype":"BF16","shape":[],"data_offsets":[8,10]},
		"i8":{"dtype":"I8","shape":[1],"data_offsets":[10,11]},
		"u8":{"dtype":"U8","shape":[1],"data_offsets":[11,12]},
		"none":{"dtype":"F32","shape":[0,7],"data_offsets":[12,12]}}`, body))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{"f32": {1.5}, "f16": {1.5, -2}, "bf16": {1.5}, "i8": {-1}, "u8": {255}, "none": {}}
	for name, data := range want {
		got := w.Tensors[name].Data
		if len(got) != len(data) {
			t.Fatalf("%s: %v, want %v", name, got, data)
		}
		for i := range data {
			if got[i] != data[i] {
				t.Errorf("%s: %v, want %v", name, got, data)
			}
		}
	}
	if w.Metadata["riffle"] != "{}" {
		t.Errorf("metadata %v", w.Metadata)
	}
}

func TestReadWeightsRefusesLies(t *testing.T) {
	t.Parallel()
	entry := func(e string) []byte { return pack(t, `{"conv.weight":`+e+`}`, make([]byte, 64)) }
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "cut short"},
		{"length only", make([]byte, 7), "cut short"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, 1<<60), "not a safetensors file"},
		{"header past end", binary.LittleEndian.AppendUint64(nil, 100), "cut short"},
		{"a photo", []byte("\xff\xd8\xff\xe0 is how a JPEG starts"), "not a safetensors file"},
		{"no JSON", pack(t, "hello", nil), "not JSON"},
		{"body cut", entry(`{"dtype":"F32","shape":[32],"data_offsets":[0,128]}`), `"conv.weight": file is cut short`},
		{"shape too large", entry(`{"dtype":"F32","shape":[17],"data_offsets":[0,64]}`), `"conv.weight": shape [17]`},
		{"overflow", entry(`{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,64]}`), "too much memory"},
		{"overflow by zero", entry(`{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}`), "too much memory"},
		{"negative", entry(`{"dtype":"F32","shape":[-16],"data_offsets":[0,64]}`), "too much memory"},
		{"backwards", entry(`{"dtype":"F32","shape":[16],"data_offsets":[64,0]}`), "not a range"},
		{"one offset", entry(`{"dtype":"F32","shape":[16],"data_offsets":[64]}`), "not a range"},
		{"unknown type", entry(`{"dtype":"Q4","shape":[16],"data_offsets":[0,64]}`), `"Q4" is not supported`},
		{"many dimensions", entry(`{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,64],"data_offsets":[0,64]}`), "9 dimensions"},
		{"overlap", pack(t, `{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},"b":{"dtype":"F32","shape":[15],"data_offsets":[4,64]}}`,
			make([]byte, 64)), "overlaps"},
	} {
		if _, err := ReadWeights(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
}

func FuzzReadWeights(f *testing.F) {
	f.Add(pack(f, `{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, make([]byte, 4)))
	f.Add(pack(f, `{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"__metadata__":{"x":"y"}}`, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := ReadWeights(data)
		if err != nil {
			return
		}
		for name, tensor := range w.Tensors {
			if elements(tensor.Shape) != len(tensor.Data) {
				t.Errorf("%s: shape %v and %d elements", name, tensor.Shape, len(tensor.Data))
			}
		}
	})
}

func TestHalfToFloat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bits uint16
		want float64
	}{{0x0000, 0}, {0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504}, {0x0400, 0x1p-14}, {0x0001, 0x1p-24}, {0x83ff, -1023 * 0x1p-24},
		{0x3555, 0.333251953125}, {0x7c00, math.Inf(1)}, {0xfc00, math.Inf(-1)}} {
		if got := HalfToFloat(c.bits); float64(got) != c.want {
			t.Errorf("%#04x is %g, want %g", c.bits, got, c.want)
		}
	}
	if got := HalfToFloat(0x7e00); got == got {
		t.Errorf("NaN became %g", got)
	}
	if got := HalfToFloat(0x8000); got != 0 || !math.Signbit(float64(got)) {
		t.Errorf("-0 became %g", got)
	}
}

func TestWeightsOfAnotherShape(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	w := RandomWeights(g, 1)
	w.Tensors["fc.weight"] = Tensor{[]int{16, 7}, make([]float32, 112)}
	_, err := Compile(g, w, Options{Height: 32, Width: 32})
	if want := `weights: tensor "fc.weight" has shape [16 7], the network wants [7 16]`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	w.Tensors["fc.weight"] = Tensor{[]int{7, 16, 1, 1}, make([]float32, 112)} // a 1x1 convolution is a linear layer
	if _, err := Compile(g, w, Options{Height: 32, Width: 32}); err != nil {
		t.Error(err)
	}
	w.Tensors["fc.weight"] = Tensor{[]int{7, 16}, make([]float32, 5)}
	if _, err := Compile(g, w, Options{Height: 32, Width: 32}); err == nil {
		t.Error("a tensor with fewer elements than its shape says was taken")
	}
}

func TestRandomWeightsDependOnSeedOnly(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	same, _ := json.Marshal(RandomWeights(g, 5).Tensors)
	again, _ := json.Marshal(RandomWeights(g, 5).Tensors)
	other, _ := json.Marshal(RandomWeights(g, 6).Tensors)
	if string(same) != string(again) || string(same) == string(other) {
		t.Error("seed 5 must give the same weights twice and seed 6 others")
	}
}

func BenchmarkReadWeights(b *testing.B) {
	const n = 3 << 20
	file := pack(b, fmt.Sprintf(`{"a":{"dtype":"F16","shape":[%d],"data_offsets":[0,%d]}}`, n, 2*n), make([]byte, 2*n))
	b.SetBytes(2 * n)
	for b.Loop() {
		if _, err := ReadWeights(file); err != nil {
			b.Fatal(err)
		}
	}
}
