package detector

import (
	"math"
	"testing"

	"example.com/riffle/internal/parity"
)

func TestIoUMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	a, b := boxesOf(t, parity.Stored(t, w, "iou.a")), boxesOf(t, parity.Stored(t, w, "iou.b"))
	var got []float32
	for _, x := range a {
		for _, y := range b {
			got = append(got, IoU(x, y))
		}
	}
	parity.Near(t, "IoU", got, parity.Stored(t, w, "iou.want").Data, 1e-6)
}

func TestIoUOfEmptyBoxesIsZero(t *testing.T) {
	p := Box{3, 3, 3, 3}
	if v := IoU(p, p); v != 0 {
		t.Errorf("IoU of a point with itself is %v, want 0", v)
	}
}

func TestBoxClipAndScale(t *testing.T) {
	b := Box{-5, 2, 50, 40}.Clip(30, 20)
	if want := (Box{0, 2, 30, 20}); b != want {
		t.Errorf("clipped to %v, want %v", b, want)
	}
	if got, want := b.Scale(2, 0.5), (Box{0, 1, 60, 10}); got != want {
		t.Errorf("scaled to %v, want %v", got, want)
	}
}

// IoU is intersection over union of two boxes, from 0 to 1; 0 where both are
// empty.
func IoU(a, b Box) float32 {
	v := overlap(a, b, a.Area(), b.Area())
	if math.IsNaN(float64(v)) {
		return 0
	}
	return v
}
