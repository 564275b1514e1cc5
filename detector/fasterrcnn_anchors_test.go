package detector

import (
	"testing"

	"example.com/riffle/internal/parity"
)

func TestAnchorsMatchTorchvision(t *testing.T) {
	got := anchors([]float32{32, 64}, []float32{0.5, 1, 2}, 8, 6, 128, 96)
	got = append(got, anchors([]float32{100}, []float32{0.25, 1, 3}, 4, 3, 128, 96)...)
	nearBoxes(t, "anchors", got, boxesOf(t, parity.Stored(t, parity.Vectors(t, "testdata/ops.safetensors"), "anchors")), 0)
}
