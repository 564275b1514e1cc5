package kernel

import (
	"testing"
	"unsafe"
)

func TestFloatsAreAligned(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 17, hugePage/2 - 1, hugePage / 2, hugePage, hugePage + 1} {
		line := uintptr(64)
		if n >= hugePage/2 {
			line = 2 << 20
		}
		b := Floats(n)
		if len(b) != n || cap(b) != n || uintptr(unsafe.Pointer(&b[0]))%line != 0 {
			t.Errorf("%d floats: length %d, capacity %d, at %p", n, len(b), cap(b), &b[0])
		}
	}
}

// Weights of kernels that are made one after the other share nothing, whatever
// their sizes.
func TestWeightsDoNotOverlap(t *testing.T) {
	t.Parallel()
	var all [][]float32
	for i := range 40 {
		w := weightFloats(1 + i*i*997%(3*hugePage/2))
		for j := range w {
			if w[j] != 0 {
				t.Fatalf("block %d: float %d is %v", i, j, w[j])
			}
			w[j] = float32(i + 1)
		}
		all = append(all, w)
	}
	for i, w := range all {
		for j, v := range w {
			if v != float32(i+1) {
				t.Fatalf("block %d: float %d is %v", i, j, v)
			}
		}
	}
}
