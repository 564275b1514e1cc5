package detector

import (
	"slices"
	"testing"

	"example.com/riffle/internal/parity"
)

func TestLevelsMatchTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	boxes := boxesOf(t, parity.Stored(t, w, "levels.boxes"))
	for name, m := range map[string]LevelMapper{"levels.2to5": NewLevelMapper(2, 5), "levels.3to4": NewLevelMapper(3, 4)} {
		var got []int
		for _, b := range boxes {
			got = append(got, m.Level(b))
		}
		if want := intsOf(parity.Stored(t, w, name)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
