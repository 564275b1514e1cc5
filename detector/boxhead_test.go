package detector

import (
	"slices"
	"testing"
)

func TestHeadFilterMatchesTorchvision(t *testing.T) {
	w := vectors(t, "ops")
	rules := DefaultHeadRules
	rules.Max = 30
	found := new(HeadFilter).Filter(
		planesOf(tensor(t, w, "head.logits").Data, 5), planesOf(tensor(t, w, "head.deltas").Data, 20),
		boxesOf(t, tensor(t, w, "head.proposals")), 90, 80, rules)
	checkFound(t, found, boxesOf(t, tensor(t, w, "head.boxes")), tensor(t, w, "head.scores").Data, intsOf(tensor(t, w, "head.labels")))
}

// checkFound holds detections against boxes to 0.01 pixels, scores to 1e-4 and
// classes, in order.
func checkFound(t *testing.T, found []Found, boxes []Box, scores []float32, classes []int) {
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
	near(t, "scores", gotScores, scores, 1e-4)
}
