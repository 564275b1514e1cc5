package modelfile

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"example.com/riffle/nn"
)

func TestPeekKind(t *testing.T) {
	whole, err := Write(map[string]nn.Tensor{"x": {Shape: []int{1}, Data: []float32{1}}}, &Header{Kind: Classifier}, nil)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := nn.EncodeWeights(&nn.Weights{Tensors: map[string]nn.Tensor{"x": {Shape: []int{1}, Data: []float32{1}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"model":      {whole, Classifier},
		"cut short":  {whole[:len(whole)/2], ""},
		"no header":  {plain, ""},
		"empty":      {nil, ""},
		"huge":       {binary.LittleEndian.AppendUint64(nil, 1<<62), ""},
		"a text":     {[]byte("{}{}{}{}{}{}{}{}{}"), ""},
		"no tensors": {whole[:8+int(binary.LittleEndian.Uint64(whole))], Classifier},
	} {
		file := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(file, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := PeekKind(file); got != c.want {
			t.Errorf("%s: kind %q, want %q", name, got, c.want)
		}
	}
	if got := PeekKind(filepath.Join(t.TempDir(), "nothing")); got != "" {
		t.Errorf("a file that is not there is a %q", got)
	}
}
