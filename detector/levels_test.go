package detector

import (
	"slices"
	"testing"
)

func TestLevelsMatchTorchvision(t *testing.T) {
	w := vectors(t, "ops")
	boxes := boxesOf(t, tensor(t, w, "levels.boxes"))
	for name, m := range map[string]LevelMapper{"levels.2to5": NewLevelMapper(2, 5), "levels.3to4": NewLevelMapper(3, 4)} {
		var got []int
		for _, b := range boxes {
			got = append(got, m.Level(b))
		}
		if want := intsOf(tensor(t, w, name)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
