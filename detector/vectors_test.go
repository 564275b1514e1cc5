package detector

import (
	"math"
	"testing"

	"example.com/riffle/nn"
)

// vectors reads testdata/name.safetensors, made by training/vectors/detector_name.py.
func vectors(t *testing.T, name string) *nn.Weights {
	t.Helper()
	w, err := nn.ReadWeightsFile("testdata/" + name + ".safetensors")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// tensor returns a tensor that must exist.
func tensor(t *testing.T, w *nn.Weights, name string) nn.Tensor {
	t.Helper()
	x, ok := w.Tensors[name]
	if !ok {
		t.Fatalf("no tensor %q in the vectors", name)
	}
	return x
}

// boxesOf reads a tensor of shape [n, 4].
func boxesOf(t *testing.T, x nn.Tensor) []Box {
	t.Helper()
	if len(x.Shape) != 2 || x.Shape[1] != 4 {
		t.Fatalf("shape %v is not one of boxes", x.Shape)
	}
	out := make([]Box, x.Shape[0])
	for i := range out {
		out[i] = Box{x.Data[4*i], x.Data[4*i+1], x.Data[4*i+2], x.Data[4*i+3]}
	}
	return out
}

// intsOf rounds a tensor of whole numbers.
func intsOf(x nn.Tensor) []int {
	out := make([]int, len(x.Data))
	for i, v := range x.Data {
		out[i] = int(v)
	}
	return out
}

// near fails where got and want differ by more than tol anywhere.
func near(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= worst) { // true for NaN too
			worst, at = d, i
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s: value %d is %v, want %v (differs by %.3g, allowed %.3g)", what, at, got[at], want[at], worst, tol)
	}
}

// nearBoxes fails where a corner is off by more than tol pixels.
func nearBoxes(t *testing.T, what string, got, want []Box, tol float64) {
	t.Helper()
	near(t, what, flat(got), flat(want), tol)
}

func flat(boxes []Box) []float32 {
	out := make([]float32, 0, 4*len(boxes))
	for _, b := range boxes {
		out = append(out, b.X1, b.Y1, b.X2, b.Y2)
	}
	return out
}
