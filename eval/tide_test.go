package eval

import (
	"math"
	"testing"
)

func TestTIDEEqualsTidecv(t *testing.T) {
	short := [errorTypes]string{"Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"}
	var vectors []recorded
	readVectors(t, "tide.json", &vectors)
	// tidecv samples the curves at i/100, COCO at numpy's linspace, which
	// differs in the last bit: enough to move a recall across a level.
	coco := recallLevel
	defer func() { recallLevel = coco }()
	recallLevel = make([]float64, recalls)
	for i := range recallLevel {
		recallLevel[i] = float64(i) / 100
	}
	var seen, cost [errorTypes]int
	for i := range vectors {
		v := &vectors[i]
		d, dets := v.load(t)
		e := evaluated(t, d, dets)
		got := e.tide(e.judge(e.byImage()))
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-9 {
				t.Errorf("case %d: %s %.9f, tidecv has %.9f", i, what, got, want)
			}
		}
		near("AP50", got.AP50, v.AP50)
		near("AP50 against COCO's", got.AP50, e.metrics().AP50)
		for kind, name := range short {
			if got.Errors[kind].Count != v.Counts[name] {
				t.Errorf("case %d: %d %s errors, tidecv has %d", i, got.Errors[kind].Count, name, v.Counts[name])
			}
			near(name, got.Errors[kind].DAP, v.DAP[name])
			seen[kind] += v.Counts[name]
			if v.DAP[name] > 0 {
				cost[kind]++
			}
		}
		near("FalsePos", got.FalsePositives, v.DAP["FalsePos"])
		near("FalseNeg", got.FalseNegatives, v.DAP["FalseNeg"])
	}
	for kind := range short {
		if seen[kind] < 10 || cost[kind] < 5 {
			t.Errorf("the vectors lack %v errors: %d, with a cost in %d cases", ErrorType(kind), seen[kind], cost[kind])
		}
	}
}

// TestCrowdsAreNoErrors: what falls to a crowd is neither right nor an error.
func TestCrowdsAreNoErrors(t *testing.T) {
	t.Parallel()
	d := &Dataset{Labeled: true, Images: []Image{{ID: 1}}, Categories: []Category{{ID: 1}}, Objects: []Object{
		{ID: 1, Image: 1, Category: 1, Box: Box{0, 0, 40, 40}, Area: 1600},
		{ID: 2, Image: 1, Category: 1, Box: Box{100, 100, 90, 90}, Area: 8100, Crowd: true},
	}}
	e := evaluated(t, d, []Detection{
		{Image: 1, Category: 1, Box: Box{110, 110, 10, 10}, Score: 0.9},
		{Image: 1, Category: 1, Box: Box{0, 0, 40, 40}, Score: 0.8},
	})
	got := e.tide(e.judge(e.byImage()))
	if math.Abs(got.AP50-1) > 1e-12 {
		t.Errorf("AP50 %v, want 1", got.AP50)
	}
	for _, x := range got.Errors {
		if x.Count != 0 || x.DAP > 1e-12 {
			t.Errorf("%v: %d errors that cost %v, want none", x.Type, x.Count, x.DAP)
		}
	}
}
