package detector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"example.com/riffle/internal/parity"
)

// planesOf cuts a [C, H, W] tensor's data into planes.
func planesOf(data []float32, channels int) [][]float32 {
	n := len(data) / channels
	out := make([][]float32, channels)
	for c := range out {
		out[c] = data[c*n : (c+1)*n]
	}
	return out
}

func TestRoIAlignMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	features := planesOf(parity.Stored(t, w, "align.features").Data, 3)
	boxes := boxesOf(t, parity.Stored(t, w, "align.boxes"))
	for _, bins := range [][2]int{{7, 7}, {2, 3}} {
		for _, sampling := range []int{2, -1, 3} {
			for aligned := range 2 {
				a := RoIAlign{Rows: bins[0], Cols: bins[1], Sampling: sampling, Aligned: aligned == 1}
				planes := parity.Planes(3*bins[0]*bins[1], len(boxes))
				if err := a.Align(planes, features, 9, 13, 0.125, boxes, nil); err != nil {
					t.Fatal(err)
				}
				// torchvision's layout: region, channel, bin.
				var got []float32
				for i := range boxes {
					for _, p := range planes {
						got = append(got, p[i])
					}
				}
				name := fmt.Sprintf("align.%d.%d.%d.%d", bins[0], bins[1], sampling, aligned)
				parity.Near(t, name, got, parity.Stored(t, w, name).Data, 1e-4)
			}
		}
	}
}

func TestRoIAlignColumns(t *testing.T) {
	features := [][]float32{{1, 2, 3, 4}}
	boxes := []Box{{0, 0, 2, 2}, {0, 0, 1, 1}}
	a := RoIAlign{Rows: 1, Cols: 1, Sampling: 2, Aligned: true}
	straight, swapped := parity.Planes(1, 2), parity.Planes(1, 2)
	if err := a.Align(straight, features, 2, 2, 1, boxes, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Align(swapped, features, 2, 2, 1, boxes, []int{1, 0}); err != nil {
		t.Fatal(err)
	}
	if straight[0][0] != swapped[0][1] || straight[0][1] != swapped[0][0] || straight[0][0] == straight[0][1] {
		t.Errorf("columns [1 0] gave %v, straight %v", swapped[0], straight[0])
	}
}

func TestRoIAlignRefusesWrongShapes(t *testing.T) {
	a := RoIAlign{Rows: 2, Cols: 2}
	if err := a.Align(parity.Planes(3, 1), parity.Planes(1, 4), 2, 2, 1, nil, nil); err == nil {
		t.Error("no error for 3 output planes of 1 channel and 4 bins")
	}
	if err := a.Align(parity.Planes(4, 1), parity.Planes(1, 4), 0, 2, 1, nil, nil); err == nil {
		t.Error("no error for features without rows")
	}
}

// BenchmarkRoIAlign is the trained detector's case: 100 regions of 64 channels.
func BenchmarkRoIAlign(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	features := parity.Planes(64, 44*44)
	boxes := make([]Box, 100)
	for i := range boxes {
		x, y := rng.Float32()*280, rng.Float32()*280
		boxes[i] = Box{x, y, x + 20 + rng.Float32()*60, y + 20 + rng.Float32()*60}
	}
	dst := parity.Planes(64*49, 100)
	a := RoIAlign{Rows: 7, Cols: 7, Sampling: 2, Aligned: true}
	for b.Loop() {
		if err := a.Align(dst, features, 44, 44, 0.125, boxes, nil); err != nil {
			b.Fatal(err)
		}
	}
}
