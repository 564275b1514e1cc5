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

func TestBoxCoderMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	ref, moved := boxesOf(t, parity.Stored(t, w, "coder.ref")), boxesOf(t, parity.Stored(t, w, "coder.moved"))
	deltas := parity.Stored(t, w, "coder.deltas").Data
	for name, c := range map[string]BoxCoder{"rpn": RPNCoder, "head": HeadCoder} {
		var decoded []Box
		var encoded []float32
		for i, r := range ref {
			decoded = append(decoded, c.Decode(r, [4]float32(deltas[4*i:])))
			e := c.Encode(r, moved[i])
			encoded = append(encoded, e[:]...)
		}
		nearBoxes(t, name+" decode", decoded, boxesOf(t, parity.Stored(t, w, "coder."+name+".decoded")), 0.01)
		parity.Near(t, name+" encode", encoded, parity.Stored(t, w, "coder."+name+".encoded").Data, 1e-4)
	}
}

func TestBoxCoderRoundTrip(t *testing.T) {
	ref, box := Box{10, 20, 50, 90}, Box{12, 15, 70, 71}
	nearBoxes(t, "decode of encode", []Box{HeadCoder.Decode(ref, HeadCoder.Encode(ref, box))}, []Box{box}, 1e-4)
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
