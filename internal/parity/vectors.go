package parity

import (
	"image"
	"math"
	"testing"

	"example.com/riffle/nn"
)

// Vectors reads a file of stored tensors, which a script in training/vectors made.
func Vectors(tb testing.TB, path string) *nn.Weights {
	tb.Helper()
	w, err := nn.ReadWeightsFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// Stored returns a tensor that must be among the vectors.
func Stored(tb testing.TB, w *nn.Weights, name string) nn.Tensor {
	tb.Helper()
	x, ok := w.Tensors[name]
	if !ok {
		tb.Fatalf("no tensor %q in the vectors", name)
	}
	return x
}

// Near fails where got and want differ by more than tol anywhere.
func Near(tb testing.TB, what string, got, want []float32, tol float64) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= worst) { // true for NaN too
			worst, at = d, i
		}
	}
	if !(worst <= tol) {
		tb.Errorf("%s: value %d is %v, want %v (differs by %.3g, allowed %.3g)", what, at, got[at], want[at], worst, tol)
	}
}

// Image makes a picture of a [h, w, 3] tensor of bytes.
func Image(x nn.Tensor) *image.RGBA {
	h, w := x.Shape[0], x.Shape[1]
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		for c := range 3 {
			img.Pix[4*i+c] = uint8(x.Data[3*i+c])
		}
		img.Pix[4*i+3] = 255
	}
	return img
}

// Planes are count planes of n values, all zero.
func Planes(count, n int) [][]float32 {
	planes := make([][]float32, count)
	for i := range planes {
		planes[i] = make([]float32, n)
	}
	return planes
}
