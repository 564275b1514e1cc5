package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/riffle/backbone"
	"example.com/riffle/models"
	"example.com/riffle/nn"
)

func TestClassifier(t *testing.T) {
	const name = "shufflenet_v1_x0.25_g3"
	dir := t.TempDir()
	list, err := classifier(dir, name, "64,96")
	if err != nil {
		t.Fatal(err)
	}
	g, err := backbone.Build(name, backbone.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := nn.ReadWeightsFile(filepath.Join(dir, "weights.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	want := nn.RandomWeights(g, seed)
	if len(w.Tensors) != len(want.Tensors) {
		t.Errorf("%d tensors, want %d", len(w.Tensors), len(want.Tensors))
	}
	for name, x := range want.Tensors {
		got := w.Tensors[name]
		if !slices.Equal(got.Shape, x.Shape) || !slices.Equal(got.Data, x.Data) {
			t.Errorf("tensor %s was not written as it is", name)
		}
	}
	for i, size := range []int{64, 96} {
		macs, err := g.MACs(size, size)
		if err != nil {
			t.Fatal(err)
		}
		if want := (entry{name, size, macs, g.ParamCount()}); list[i] != want {
			t.Errorf("entry %d is %+v, want %+v", i, list[i], want)
		}
	}
	st, err := os.Stat(filepath.Join(dir, "96", "input.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() != 4*3*96*96 {
		t.Errorf("input of %d bytes, want %d", st.Size(), 4*3*96*96)
	}
}

func TestTrained(t *testing.T) {
	dir := t.TempDir()
	list, err := trained(dir, models.Default, "../../../docs/street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nn.ReadWeightsFile(filepath.Join(dir, "weights.safetensors")); err != nil {
		t.Error(err)
	}
	if len(list) != 1 || list[0].MACs < 1e8 {
		t.Errorf("the list is %+v", list)
	}
}

func TestUnknown(t *testing.T) {
	for _, network := range []string{"shufflenet_v9:224", "shufflenet_v2_x0.5:big", "nobody"} {
		if err := dump(t.TempDir(), "../../../docs/street.jpg", []string{network}); err == nil {
			t.Errorf("%s: no error", network)
		}
	}
}
