package models

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"example.com/riffle/nn"
)

// A variant has its weights' tensors, and its own header where its file says so.
func TestVariantsShareWeights(t *testing.T) {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	variants := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), variantExt) {
			continue
		}
		variants++
		text, err := embedded.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		var v variant
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		of, mine := read(t, v.Weights), read(t, e.Name()[:len(e.Name())-len(variantExt)])
		if len(mine.Tensors) != len(of.Tensors) {
			t.Fatalf("%s: %d tensors, %s has %d", e.Name(), len(mine.Tensors), v.Weights, len(of.Tensors))
		}
		for name, tensor := range of.Tensors {
			for i, x := range mine.Tensors[name].Data {
				if x != tensor.Data[i] {
					t.Fatalf("%s: %s[%d] is %v, in %s %v", e.Name(), name, i, x, v.Weights, tensor.Data[i])
				}
			}
		}
		was, is := header(t, of), header(t, mine)
		for key := range v.Header {
			if same(t, was[key], is[key]) {
				t.Errorf("%s: %s is still what %s says", e.Name(), key, v.Weights)
			}
		}
		for key := range was {
			if _, changed := v.Header[key]; !changed && !same(t, was[key], is[key]) {
				t.Errorf("%s: %s changed from %v to %v", e.Name(), key, was[key], is[key])
			}
		}
		roi := is["roi"].(map[string]any)
		if roi["channels"] != was["roi"].(map[string]any)["channels"] {
			t.Errorf("%s: roi was replaced, not merged: %v", e.Name(), roi)
		}
	}
	if variants == 0 {
		t.Error("no variant is embedded")
	}
}

func read(t *testing.T, name string) *nn.Weights {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := nn.ReadWeights(f.Data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return w
}

func header(t *testing.T, w *nn.Weights) map[string]any {
	t.Helper()
	var h map[string]any
	if err := json.Unmarshal([]byte(w.Metadata[headerKey]), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func same(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}
