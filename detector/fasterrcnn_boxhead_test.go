package detector

import (
	"slices"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
)

func TestBoxHeadMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	r := boxHead{
		header: &Header{Header: modelfile.Header{Classes: []Class{{ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}}}},
		logits: planesOf(parity.Stored(t, w, "head.logits").Data, 5), deltas: planesOf(parity.Stored(t, w, "head.deltas").Data, 20),
	}
	var pairs candidates
	r.detections(&pairs, boxesOf(t, parity.Stored(t, w, "head.proposals")), 90, 80, 0.05, nil)
	found := pairs.best(nil, new(Suppressor), FasterRCNNNMS, 30)
	for i := range found {
		found[i].Class = r.header.Classes[found[i].Class].ID
	}
	checkFound(t, found, boxesOf(t, parity.Stored(t, w, "head.boxes")), parity.Stored(t, w, "head.scores").Data, intsOf(parity.Stored(t, w, "head.labels")))
}

// checkFound holds detections against boxes to 0.01 pixels, scores to 1e-4 and
// classes, in order.
func checkFound(t *testing.T, found []classBox, boxes []Box, scores []float32, classes []int) {
	t.Helper()
	var gotBoxes []Box
	var gotScores []float32
	var gotClasses []int
	for _, f := range found {
		gotBoxes, gotScores, gotClasses = append(gotBoxes, f.Box), append(gotScores, f.Score), append(gotClasses, f.Class)
	}
	if !slices.Equal(gotClasses, classes) {
		t.Errorf("classes %v, want %v", gotClasses, classes)
	}
	nearBoxes(t, "boxes", gotBoxes, boxes, 0.01)
	parity.Near(t, "scores", gotScores, scores, 1e-4)
}

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
