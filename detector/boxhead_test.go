package detector

import (
	"slices"
	"testing"

	"example.com/riffle/internal/parity"
)

func TestHeadFilterMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	rules := DefaultHeadRules
	rules.Max = 30
	found := new(HeadFilter).Filter(
		planesOf(parity.Stored(t, w, "head.logits").Data, 5), planesOf(parity.Stored(t, w, "head.deltas").Data, 20),
		boxesOf(t, parity.Stored(t, w, "head.proposals")), 90, 80, rules)
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
