package detector

import (
	"testing"

	"example.com/riffle/internal/parity"
)

func TestAnchorsMatchTorchvision(t *testing.T) {
	g := AnchorGenerator{Sizes: [][]float32{{32, 64}, {100}}, Ratios: [][]float32{{0.5, 1, 2}, {0.25, 1, 3}}}
	var got []Box
	for level, cells := range [][2]int{{8, 6}, {4, 3}} {
		a, err := g.Anchors(level, cells[0], cells[1], 128, 96)
		if err != nil {
			t.Fatal(err)
		}
		if want := cells[0] * cells[1] * g.PerCell(level); len(a) != want {
			t.Errorf("level %d has %d anchors, want %d", level, len(a), want)
		}
		got = append(got, a...)
	}
	nearBoxes(t, "anchors", got, boxesOf(t, parity.Stored(t, parity.Vectors(t, "testdata/ops.safetensors"), "anchors")), 0)
}

func TestAnchorsRefuseWhatIsNotThere(t *testing.T) {
	g := AnchorGenerator{Sizes: [][]float32{{32}}, Ratios: [][]float32{{1}}}
	if _, err := g.Anchors(1, 4, 4, 64, 64); err == nil {
		t.Error("no error for a level without sizes")
	}
	if _, err := g.Anchors(0, 0, 4, 64, 64); err == nil {
		t.Error("no error for a map without columns")
	}
}
