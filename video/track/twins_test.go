package track

import (
	"math/rand/v2"
	"testing"
	"time"
)

// twinScene is a vehicle that the detector calls car and truck at once, from frame
// to frame one more than the other. shift moves the second box; alike gives both
// boxes one class.
func twinScene(frames int, shift float64, alike bool) (numbers map[int]bool, tr *Tracker) {
	rng := rand.New(rand.NewPCG(1, 2))
	tr = New(Options{})
	numbers = map[int]bool{}
	for i := range frames {
		car := boxAt(100+4*float64(i), 200, 80, 60)
		truck := boxAt(100+4*float64(i), 200+shift, 82, 58)
		if i < 3 { // the second box begins apart, as at the picture's edge
			truck = boxAt(100+4*float64(i), 200+30, 82, 58)
		}
		class := 1
		if alike {
			class = 0
		}
		seen := []Observation{{Box: car, Class: 0, Score: 0.5 + 0.3*rng.Float64()}, {Box: truck, Class: class, Score: 0.45 + 0.3*rng.Float64()}}
		for _, k := range tr.Update(time.Duration(i)*100*time.Millisecond, seen) {
			numbers[k.ID] = true
		}
	}
	return numbers, tr
}

func TestTwinsAreOneObject(t *testing.T) {
	for _, shift := range []float64{0, 3, 5} {
		for _, alike := range []bool{false, true} {
			if numbers, _ := twinScene(60, shift, alike); len(numbers) != 1 {
				t.Errorf("boxes %v pixels apart, of one class %v: numbers %v, want one", shift, alike, numbers)
			}
		}
	}
}

// Two numbered objects that come to lie on one another for good are merged; the
// one that ends says into which.
func TestNumberedTwinsMerge(t *testing.T) {
	tr := New(Options{})
	var ended []Track
	for i := range 40 {
		apart := max(0, 60-4*float64(i)) + 3
		tr.Update(time.Duration(i)*100*time.Millisecond, []Observation{
			{Box: boxAt(200, 200, 80, 60), Class: 0, Score: 0.8}, {Box: boxAt(200+apart, 200, 80, 60), Class: 0, Score: 0.7},
		})
		ended = append(ended, tr.Ended()...)
	}
	if len(ended) != 1 || ended[0].Into == 0 || ended[0].Into == ended[0].ID {
		t.Errorf("ended %+v, want one that went into the other", ended)
	}
}

// People who pass each other cover one another for a moment only.
func TestPassingIsNoMerging(t *testing.T) {
	tr := New(Options{})
	for i := range 50 {
		x := 100 + 6*float64(i)
		seen := []Observation{{Box: boxAt(x, 200, 30, 80), Score: 0.9}}
		if d := 350 - 6*float64(i) - x; d > 18 || d < -18 { // the one behind is not seen
			seen = append(seen, Observation{Box: boxAt(400-6*float64(i), 195, 30, 80), Score: 0.8})
		}
		tr.Update(time.Duration(i)*100*time.Millisecond, seen)
		for _, e := range tr.Ended() {
			if e.Into != 0 {
				t.Errorf("frame %d: %d is merged into %d", i, e.ID, e.Into)
			}
		}
	}
}

// Votes that are close say so, and the class follows the votes.
func TestCloseVotesAreContested(t *testing.T) {
	tr := New(Options{})
	var was []Track
	for i := range 30 {
		class := 1 // a dog at first, a person for good
		if i > 8 || i%2 == 0 {
			class = 0
		}
		if i < 4 {
			class = 1
		}
		was = append(was, tr.Update(time.Duration(i)*100*time.Millisecond, []Observation{{Box: boxAt(100, 100, 40, 80), Class: class, Score: 0.6}})...)
	}
	first, last := was[0], was[len(was)-1]
	if first.Class != 1 || first.Contested {
		t.Errorf("after four frames %+v, want class 1, not contested", first)
	}
	contested := false
	for _, k := range was {
		contested = contested || k.Contested
	}
	if !contested || last.Class != 0 || last.Contested {
		t.Errorf("contested at some time %v, at last %+v, want class 0", contested, last)
	}
}

func TestBestIsTheHighestScore(t *testing.T) {
	tr := New(Options{})
	var last []Track
	for i, score := range []float64{0.5, 0.9, 0.3, 0.2, 0.2} {
		last = tr.Update(time.Duration(i)*200*time.Millisecond, []Observation{{Box: boxAt(100, 100, 40, 80), Score: score}})
	}
	if len(last) != 1 || last[0].Best != 0.9 || last[0].Score != 0.2 {
		t.Errorf("%+v, want best 0.9, score 0.2", last)
	}
}

// What comes after an outage is a new object, in the same place or not; at a slow
// pace a gap that is usual is no outage.
func TestAfterAnOutageNumbersAreNew(t *testing.T) {
	here := []Observation{{Box: boxAt(100, 100, 40, 80), Score: 0.9}}
	for name, c := range map[string]struct {
		frame, gap time.Duration
		same       bool
	}{
		"13 s at 10 a second":  {100 * time.Millisecond, 13 * time.Second, false},
		"76 s at 10 a second":  {100 * time.Millisecond, 76 * time.Second, false},
		"2.5 s at 2 a second":  {500 * time.Millisecond, 2600 * time.Millisecond, false},
		"1.9 s at 10 a second": {100 * time.Millisecond, 1900 * time.Millisecond, true},
		"one frame in 3 s":     {3 * time.Second, 3 * time.Second, true},
		"76 s at one in 3 s":   {3 * time.Second, 76 * time.Second, false},
	} {
		for _, still := range []bool{false, true} {
			tr := New(Options{})
			at := time.Duration(0)
			for range 10 {
				tr.Update(at, here)
				at += c.frame
			}
			at += c.gap - c.frame
			ended := 0
			if still {
				tr.Still(at)
				ended = len(tr.Ended())
				at += c.frame
			}
			tr.Update(at, here)
			ended += len(tr.Ended())
			if c.same != (ended == 0) {
				t.Errorf("%s, still %v: %d ended", name, still, ended)
			}
		}
	}
}
