package track

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// walker is a thing that moves along a path; outside of its time it is not there.
type walker struct {
	class    int
	from, to time.Duration
	at       func(s float64) Box // s: seconds since from
}

func straight(x, y, vx, vy, w, h float64) func(float64) Box {
	return func(s float64) Box { return boxAt(x+vx*s, y+vy*s, w, h) }
}

// detectorOf is how well the generated detector sees.
type detectorOf struct {
	jitter float64 // of edges, in parts of the box's sides
	miss   float64 // share of frames
	weak   float64 // share of frames with a low score
	false_ float64 // false boxes a frame
	hides  bool    // what is more than half behind another is not seen
	swaps  float64 // share of frames with the other class
}

// outcome is what a scene came to.
type outcome struct {
	ids      map[int][]int // by walker: IDs of the tracks that covered it, in order
	covered  []float64     // by walker: share of its frames with a seen track on it
	idsTotal int
	classes  map[int]int // by ID: the last class
}

// play runs a tracker over a scene at a pace and follows which track lies on
// which walker.
func play(t *testing.T, walkers []walker, d detectorOf, frame, length time.Duration) outcome {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(len(walkers))))
	tr := New(Options{})
	out := outcome{ids: map[int][]int{}, covered: make([]float64, len(walkers)), classes: map[int]int{}}
	frames := make([]int, len(walkers))
	ended := map[int]bool{}
	for now := time.Duration(0); now < length; now += frame {
		var truth []Box
		var who []int
		for i, w := range walkers {
			if now >= w.from && now < w.to {
				truth = append(truth, w.at((now - w.from).Seconds()))
				who = append(who, i)
			}
		}
		var seen []Observation
		for k, b := range truth {
			if rng.Float64() < d.miss || d.hides && hidden(truth, k) {
				continue
			}
			j := func(side float64) float64 { return d.jitter * side * rng.NormFloat64() }
			w, h := b.Width(), b.Height()
			s := Observation{Box: Box{b.X1 + j(w), b.Y1 + j(h), b.X2 + j(w), b.Y2 + j(h)}, Class: walkers[who[k]].class, Score: 0.5 + 0.4*rng.Float64()}
			if rng.Float64() < d.weak {
				s.Score = 0.15
			}
			if rng.Float64() < d.swaps {
				s.Class++
			}
			seen = append(seen, s)
		}
		for f := d.false_; f > rng.Float64(); f-- {
			seen = append(seen, Observation{Box: boxAt(rng.Float64()*640, rng.Float64()*480, 40, 80), Score: 0.3 + 0.3*rng.Float64()})
		}
		tracks := tr.Update(now, seen)
		for _, e := range tr.Ended() {
			if ended[e.ID] {
				t.Errorf("track %d ends twice", e.ID)
			}
			ended[e.ID] = true
		}
		for _, k := range tracks {
			if ended[k.ID] {
				t.Errorf("track %d came back from its end", k.ID)
			}
			out.idsTotal = max(out.idsTotal, k.ID)
			out.classes[k.ID] = k.Class
		}
		for k, b := range truth {
			i := who[k]
			frames[i]++
			best, id, wasSeen := 0.4, 0, false
			for _, tk := range tracks {
				if v := IoU(tk.Box, b); v > best {
					best, id, wasSeen = v, tk.ID, tk.Seen
				}
			}
			if id > 0 && wasSeen {
				out.covered[i]++
				if ids := out.ids[i]; len(ids) == 0 || ids[len(ids)-1] != id {
					out.ids[i] = append(ids, id)
				}
			}
		}
	}
	for i := range out.covered {
		out.covered[i] /= float64(frames[i])
	}
	return out
}

// hidden tells whether more than half of a box is behind one whose foot is lower.
func hidden(all []Box, k int) bool {
	b := all[k]
	return slices.ContainsFunc(all, func(o Box) bool {
		if o.Y2 <= b.Y2 {
			return false
		}
		w := min(b.X2, o.X2) - max(b.X1, o.X1)
		h := min(b.Y2, o.Y2) - max(b.Y1, o.Y1)
		return w > 0 && h > 0 && w*h > b.Area()/2
	})
}

// oneEach demands that every walker has one ID of its own.
func (o outcome) oneEach(t *testing.T, walkers int, covered float64) {
	t.Helper()
	owner := map[int]int{}
	for i := range walkers {
		if len(o.ids[i]) != 1 {
			t.Errorf("walker %d has the ids %v", i, o.ids[i])
			continue
		}
		if other, ok := owner[o.ids[i][0]]; ok {
			t.Errorf("walkers %d and %d are both %d", other, i, o.ids[i][0])
		}
		owner[o.ids[i][0]] = i
		if o.covered[i] < covered {
			t.Errorf("walker %d is covered in %.0f %% of its frames", i, 100*o.covered[i])
		}
	}
	if o.idsTotal != walkers {
		t.Errorf("%d ids for %d walkers", o.idsTotal, walkers)
	}
}

const forever = time.Hour

var good = detectorOf{jitter: 0.04, miss: 0.08, weak: 0.08}

func TestOneWalkerOneID(t *testing.T) {
	for _, frame := range []time.Duration{33 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond} {
		t.Run(frame.String(), func(t *testing.T) {
			w := []walker{{to: forever, at: straight(40, 240, 55, 4, 45, 110)}}
			play(t, w, good, frame, 10*time.Second).oneEach(t, 1, 0.65)
		})
	}
}

// Two walkers pass each other; the one behind is hidden for a moment.
func TestPassingKeepsIDs(t *testing.T) {
	for _, speed := range []float64{30, 60, 120} {
		t.Run(fmt.Sprint(speed), func(t *testing.T) {
			w := []walker{
				{to: forever, at: straight(100, 240, speed, 0, 45, 110)},
				{to: forever, at: straight(100+8*speed, 262, -speed, 0, 50, 120)},
			}
			d := good
			d.hides = true
			play(t, w, d, 100*time.Millisecond, 8*time.Second).oneEach(t, 2, 0.7)
		})
	}
}

// A walker goes behind a pillar for a second and comes out as the same.
func TestHiddenForASecondIsTheSame(t *testing.T) {
	at := straight(50, 240, 60, 0, 45, 110)
	tr := New(Options{})
	ids := map[int]bool{}
	for i := range 80 {
		now := time.Duration(i) * 100 * time.Millisecond
		var seen []Observation
		if i < 30 || i >= 40 {
			seen = append(seen, Observation{Box: at(now.Seconds()), Score: 0.8})
		}
		for _, k := range tr.Update(now, seen) {
			ids[k.ID] = true
			if i >= 30 && i < 40 && k.Seen {
				t.Errorf("frame %d: seen behind the pillar", i)
			}
		}
	}
	if len(ids) != 1 {
		t.Errorf("ids %v", ids)
	}
}

// Whoever comes after Keep is somebody else.
func TestGoneForLongIsAnother(t *testing.T) {
	tr := New(Options{})
	var ended []Track
	last := 0
	for i := range 100 {
		now := time.Duration(i) * 100 * time.Millisecond
		var seen []Observation
		if i < 30 || i >= 70 {
			seen = append(seen, Observation{Box: boxAt(200, 200, 40, 90), Score: 0.8})
		}
		for _, k := range tr.Update(now, seen) {
			last = k.ID
		}
		ended = append(ended, tr.Ended()...)
	}
	if last != 2 || len(ended) != 1 || ended[0].ID != 1 || ended[0].Hits != 30 || ended[0].Last != 2900*time.Millisecond || ended[0].First != 0 {
		t.Errorf("last id %d, ended %v", last, ended)
	}
	if rest := tr.Flush(); len(rest) != 1 || rest[0].ID != 2 {
		t.Errorf("flushed %v", rest)
	}
}

// A crowd of twelve in lanes, with false boxes: few changes of identity.
func TestCrowd(t *testing.T) {
	var w []walker
	for i := range 12 {
		x, v := 20.0, 40+float64(i%4)*8
		if i%2 == 1 {
			x, v = 620, -v
		}
		w = append(w, walker{from: time.Duration(i) * 500 * time.Millisecond, to: forever, at: straight(x, 70+float64(i)*32, v, 0, 34, 84)})
	}
	d := good
	d.hides, d.false_ = true, 0.5
	out := play(t, w, d, 100*time.Millisecond, 14*time.Second)
	switches := 0
	for i := range w {
		switches += max(0, len(out.ids[i])-1)
		if out.covered[i] < 0.5 {
			t.Errorf("walker %d is covered in %.0f %% of its frames", i, 100*out.covered[i])
		}
	}
	t.Logf("%d switches, %d ids", switches, out.idsTotal)
	if switches > 4 || out.idsTotal > 20 {
		t.Errorf("%d changes of identity and %d ids for 12 walkers", switches, out.idsTotal)
	}
}

// What the detector calls truck now and then stays one car.
func TestClassIsWhatMostBoxesSay(t *testing.T) {
	w := []walker{{class: 3, to: forever, at: straight(40, 240, 50, 0, 120, 70)}}
	d := good
	d.swaps = 0.3
	out := play(t, w, d, 100*time.Millisecond, 10*time.Second)
	out.oneEach(t, 1, 0.6)
	if out.classes[1] != 3 {
		t.Errorf("class %d", out.classes[1])
	}
}

// The same box twice, as car and as truck, is one object; a person in a car's
// box is a second.
func TestTwinsOfAnotherClassAreNotBegun(t *testing.T) {
	tr := New(Options{})
	var got []Track
	for i := range 10 {
		car := boxAt(200+float64(i), 200, 160, 90)
		got = tr.Update(time.Duration(i)*100*time.Millisecond, []Observation{
			{Box: car, Class: 3, Score: 0.8}, {Box: car, Class: 8, Score: 0.5},
			{Box: boxAt(200+float64(i), 190, 40, 60), Class: 1, Score: 0.7},
		})
	}
	if len(got) != 2 || got[0].Class != 3 || got[1].Class != 1 {
		t.Errorf("tracks %v", got)
	}
}

// A box seen twice is noise; an uncertain one begins nothing.
func TestNoiseIsNotNumbered(t *testing.T) {
	tr := New(Options{})
	for i := range 40 {
		var seen []Observation
		if i == 3 || i == 4 {
			seen = append(seen, Observation{Box: boxAt(100, 100, 40, 80), Score: 0.9})
		}
		seen = append(seen, Observation{Box: boxAt(300, 100, 40, 80), Score: 0.3})
		if got := tr.Update(time.Duration(i)*100*time.Millisecond, seen); len(got) > 0 {
			t.Fatalf("frame %d: %v", i, got)
		}
	}
}

// An uncertain box carries on what was seen just before.
func TestUncertainBoxesCarryOn(t *testing.T) {
	tr := New(Options{})
	for i := range 60 {
		score := 0.8
		if i > 10 {
			score = 0.12
		}
		got := tr.Update(time.Duration(i)*100*time.Millisecond, []Observation{{Box: boxAt(100+4*float64(i), 100, 40, 80), Score: score}})
		if i > 10 && (len(got) != 1 || got[0].ID != 1 || !got[0].Seen) {
			t.Fatalf("frame %d: %v", i, got)
		}
	}
}

// While the motion gate is shut nothing is lost, however long it is.
func TestStillKeepsObjects(t *testing.T) {
	tr := New(Options{})
	here := []Observation{{Box: boxAt(100, 100, 40, 80), Score: 0.8}}
	now := time.Duration(0)
	for range 10 {
		tr.Update(now, here)
		now += 100 * time.Millisecond
	}
	for range 600 {
		if got := tr.Still(now); len(got) != 1 || !got[0].Seen || got[0].Last != now {
			t.Fatalf("after %v: %v", now, got)
		}
		now += 100 * time.Millisecond
	}
	if got := tr.Update(now, here); len(got) != 1 || got[0].ID != 1 {
		t.Errorf("after a minute: %v", got)
	}
}

func TestRescaledObjectsAreFound(t *testing.T) {
	tr := New(Options{})
	var got []Track
	for i := range 20 {
		b := boxAt(100+5*float64(i), 100, 40, 80)
		if i == 10 {
			tr.Rescale(2, 2)
		}
		if i >= 10 {
			b = Box{2 * b.X1, 2 * b.Y1, 2 * b.X2, 2 * b.Y2}
		}
		got = tr.Update(time.Duration(i)*100*time.Millisecond, []Observation{{Box: b, Score: 0.8}})
	}
	if len(got) != 1 || got[0].ID != 1 || got[0].Hits != 20 {
		t.Errorf("%v", got)
	}
}

// Boxes of no size, infinite ones and times that go back harm nobody.
func TestNonsenseIsIgnored(t *testing.T) {
	tr := New(Options{})
	zero := 0.0
	nan := zero / zero
	for i := range 20 {
		at := time.Duration(i) * 100 * time.Millisecond
		if i == 9 {
			at = 0
		}
		got := tr.Update(at, []Observation{
			{Box: Box{nan, 0, 1, 1}, Score: 0.9}, {Box: Box{5, 5, 5, 5}, Score: 0.9}, {Box: Box{9, 9, 1, 1}, Score: 0.9},
			{Box: Box{0, 0, 1 / zero, 9}, Score: 0.9}, {Box: boxAt(100, 100, 40, 80), Score: 0.9},
		})
		if i > 4 && (len(got) != 1 || got[0].ID != 1) {
			t.Fatalf("frame %d: %v", i, got)
		}
	}
	New(Options{}).Update(0, nil)
}

// BenchmarkUpdate is a crowded frame: thirty objects.
func BenchmarkUpdate(b *testing.B) {
	tr := New(Options{})
	i := 0
	for b.Loop() {
		var seen []Observation
		for k := range 30 {
			seen = append(seen, Observation{Box: boxAt(40+40*float64(k%10)+float64(i%7), 100+120*float64(k/10), 36, 90), Score: 0.8})
		}
		tr.Update(time.Duration(i)*100*time.Millisecond, seen)
		i++
	}
}
