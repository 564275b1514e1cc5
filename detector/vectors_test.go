package detector

import (
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/nn"
)

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

// nearBoxes fails where a corner is off by more than tol pixels.
func nearBoxes(t *testing.T, what string, got, want []Box, tol float64) {
	t.Helper()
	parity.Near(t, what, flat(got), flat(want), tol)
}

func flat(boxes []Box) []float32 {
	out := make([]float32, 0, 4*len(boxes))
	for _, b := range boxes {
		out = append(out, b.X1, b.Y1, b.X2, b.Y2)
	}
	return out
}
