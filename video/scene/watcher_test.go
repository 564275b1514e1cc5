package scene

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	width, height = 640, 480
	frame         = 100 * time.Millisecond
)

// stroll runs a watcher over the path of one object: foot(i) is where its foot is
// in frame i, in pixels. Events come back as "frame: text".
func stroll(t *testing.T, cfg Config, frames int, label string, foot func(i int) (x, y float64)) []string {
	t.Helper()
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return strollWith(w, frames, label, foot)
}

func strollWith(w *Watcher, frames int, label string, foot func(i int) (x, y float64)) []string {
	var out []string
	add := func(i int, events []Event) {
		for _, e := range events {
			out = append(out, fmt.Sprintf("%d: %s", i, e))
		}
	}
	for i := range frames {
		x, y := foot(i)
		at := time.Duration(i) * frame
		o := Object{ID: 7, Label: label, Score: 0.8, Box: [4]float64{x - 20, y - 90, x + 20, y}, Seen: true, Last: at}
		add(i, w.Update(at, width, height, []Object{o}, nil))
	}
	add(frames, w.Update(time.Duration(frames)*frame, width, height, nil, []Ended{{ID: 7}}))
	return out
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func walk(x0, y0, vx, vy float64) func(int) (float64, float64) {
	return func(i int) (float64, float64) { return x0 + vx*float64(i), y0 + vy*float64(i) }
}

// porch is x from 160 to 480, y from 240 to 480.
var porch = Zone{Name: "porch", Points: []Point{{0.25, 0.5}, {0.75, 0.5}, {0.75, 1}, {0.25, 1}}}

var noObjects = []string{"-"} // a label that nothing has: no coming and going is told

func TestThroughAZone(t *testing.T) {
	same(t, stroll(t, Config{Zones: []Zone{porch}}, 64, "person", walk(5, 400, 10, 0)),
		"0: person 7 appeared",
		"16: person 7 entered zone porch",
		"54: person 7 left zone porch, stayed 3.3 s",
		"64: person 7 is gone, was there 6.3 s")
}

func TestAStayEndsWithTheObject(t *testing.T) {
	same(t, stroll(t, Config{Zones: []Zone{porch}, Labels: noObjects}, 150, "person", walk(320, 300, 0, 1)),
		"0: person 7 entered zone porch", "150: person 7 left zone porch, stayed 15 s")
}

func TestAZoneCountsAfterItsTime(t *testing.T) {
	z := porch
	z.After = 2 * time.Second
	same(t, stroll(t, Config{Zones: []Zone{z}, Labels: noObjects}, 64, "person", walk(5, 400, 10, 0)),
		"36: person 7 entered zone porch", "54: person 7 left zone porch, stayed 3.3 s")
	z.After = 4 * time.Second
	same(t, stroll(t, Config{Zones: []Zone{z}, Labels: noObjects}, 64, "person", walk(5, 400, 10, 0)))
}

func TestAnObjectCountsAfterItsTime(t *testing.T) {
	same(t, stroll(t, Config{After: time.Second}, 20, "person", walk(5, 400, 1, 0)),
		"10: person 7 appeared", "20: person 7 is gone, was there 1.9 s")
	same(t, stroll(t, Config{After: time.Second}, 8, "person", walk(5, 400, 1, 0)))
}

// On a border, a trembling box enters once.
func TestTremblingOnABorder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	got := stroll(t, Config{Zones: []Zone{porch}, Labels: noObjects}, 200, "person", func(int) (float64, float64) {
		return 161 + 4*rng.NormFloat64(), 400
	})
	if len(got) != 2 || !strings.Contains(got[0], "entered") || !strings.Contains(got[1], "left zone porch, stayed 19 s") && !strings.Contains(got[1], "stayed 20 s") {
		t.Errorf("events %q", got)
	}
}

func TestLabelsOfAZone(t *testing.T) {
	z := porch
	z.Labels = []string{"cat", "dog"}
	same(t, stroll(t, Config{Zones: []Zone{z}, Labels: noObjects}, 64, "person", walk(5, 400, 10, 0)))
	if got := stroll(t, Config{Zones: []Zone{z}, Labels: noObjects}, 64, "dog", walk(5, 400, 10, 0)); len(got) != 2 {
		t.Errorf("events %q", got)
	}
}

func TestAnchorIsTheFootOrTheMiddle(t *testing.T) {
	// The foot is above the zone by 30, so is the middle; 40 lower the foot is in.
	z := porch
	got := stroll(t, Config{Zones: []Zone{z}, Labels: noObjects}, 10, "person", walk(320, 250, 0, 0))
	if len(got) == 0 {
		t.Error("the foot is inside, no event")
	}
	z.Anchor = Center
	same(t, stroll(t, Config{Zones: []Zone{z}, Labels: noObjects}, 10, "person", walk(320, 250, 0, 0)))
}

// A concave zone: an L. Its notch is outside.
func TestConcaveZone(t *testing.T) {
	l := []Point{{0, 0}, {1, 0}, {1, 0.5}, {0.5, 0.5}, {0.5, 1}, {0, 1}}
	for _, c := range []struct {
		p    Point
		want bool
	}{
		{Point{0.25, 0.75}, true}, {Point{0.75, 0.25}, true}, {Point{0.75, 0.75}, false}, {Point{0.4, 0.4}, true},
		{Point{1.1, 0.2}, false}, {Point{0.2, -0.1}, false}, {Point{0.2, 1.1}, false},
	} {
		if got := inside(c.p, l); got != c.want {
			t.Errorf("%v: %v", c.p, got)
		}
	}
}

var gate = Line{Name: "gate", From: Point{0.5, 0}, To: Point{0.5, 1}}

func TestCrossingBothWays(t *testing.T) {
	for in, want := range map[Direction][2]string{"": {"in", "out"}, Right: {"in", "out"}, Left: {"out", "in"}} {
		l := gate
		l.In = in
		w, err := New(Config{Lines: []Line{l}, Labels: noObjects})
		if err != nil {
			t.Fatal(err)
		}
		there := func(i int) (float64, float64) {
			x := 200 + 8*float64(i)
			if i > 30 {
				x = 200 + 8*float64(60-i)
			}
			return x, 300
		}
		got := strollWith(w, 61, "person", there)
		same(t, got, "16: person 7 crossed line gate, "+want[0], "46: person 7 crossed line gate, "+want[1])
		if c := w.Counts()[0]; c != (Count{1, 1}) {
			t.Errorf("in=%q: counts %v", in, c)
		}
	}
}

func TestDirectionsOfALevelLine(t *testing.T) {
	for in, want := range map[Direction]string{"": "in", Down: "in", Up: "out"} {
		for _, ends := range [][2]Point{{{0, 0.5}, {1, 0.5}}, {{1, 0.5}, {0, 0.5}}} {
			l := Line{Name: "kerb", From: ends[0], To: ends[1], In: in}
			got := stroll(t, Config{Lines: []Line{l}, Labels: noObjects}, 40, "person", walk(300, 180, 0, 4))
			if len(got) != 1 || !strings.HasSuffix(got[0], "kerb, "+want) {
				t.Errorf("in=%q, from %v: %q", in, ends[0], got)
			}
		}
	}
}

// Past the line's end, along it, up to it and back, or trembling on it: nothing.
func TestWhatIsNoCrossing(t *testing.T) {
	short := Line{Name: "door", From: Point{0.5, 0.5}, To: Point{0.5, 0.7}}
	rng := rand.New(rand.NewPCG(2, 2))
	for name, foot := range map[string]func(int) (float64, float64){
		"past its end": walk(200, 450, 5, 0),
		"along it":     walk(312, 10, 0, 8),
		"up to it":     func(i int) (float64, float64) { return 318 - 5*max(30-float64(i), float64(i)-30), 300 },
		"trembling":    func(int) (float64, float64) { return 320 + 1.2*rng.NormFloat64(), 290 },
	} {
		if got := stroll(t, Config{Lines: []Line{short}, Labels: noObjects}, 60, "person", foot); len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A fast object is on one side in one frame and far on the other in the next.
func TestFastCrossing(t *testing.T) {
	if got := stroll(t, Config{Lines: []Line{gate}, Labels: noObjects}, 4, "car", walk(20, 300, 200, 0)); len(got) != 1 {
		t.Errorf("events %q", got)
	}
}

// What is only predicted enters and crosses nothing.
func TestPredictedPlacesDoNotCount(t *testing.T) {
	w, err := New(Config{Zones: []Zone{porch}, Lines: []Line{gate}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		at := time.Duration(i) * frame
		x := 10 + 10*float64(i)
		o := Object{ID: 1, Label: "person", Box: [4]float64{x - 20, 310, x + 20, 400}, Seen: i < 10, Last: min(at, 9*frame)}
		for _, e := range w.Update(at, width, height, []Object{o}, nil) {
			if e.Kind != ObjectNew {
				t.Errorf("frame %d: %v", i, e)
			}
		}
	}
	events := w.Flush(6 * time.Second)
	if len(events) != 1 || events[0].Kind != ObjectEnd || events[0].Stayed != 900*time.Millisecond {
		t.Errorf("events %v", events)
	}
	if len(w.Flush(7*time.Second)) > 0 {
		t.Error("a second flush tells more")
	}
}

func TestWhoIsInside(t *testing.T) {
	w, err := New(Config{Zones: []Zone{porch}})
	if err != nil {
		t.Fatal(err)
	}
	at := func(id int, label string, x float64) Object {
		return Object{ID: id, Label: label, Box: [4]float64{x - 20, 310, x + 20, 400}, Seen: true}
	}
	w.Update(0, width, height, []Object{at(1, "person", 200), at(2, "person", 300), at(3, "dog", 350), at(4, "dog", 10)}, nil)
	if in := w.Inside(0); in["person"] != 2 || in["dog"] != 1 {
		t.Errorf("inside %v", in)
	}
	w.Update(frame, width, height, nil, []Ended{{ID: 2}, {ID: 3}})
	if in := w.Inside(0); in["person"] != 1 || in["dog"] != 0 {
		t.Errorf("inside %v", in)
	}
	if p := w.Present(); len(p) != 2 || p[0].ID != 1 || p[1].ID != 4 {
		t.Errorf("present %v", p)
	}
}

// A zone is the same part of the picture at any resolution.
func TestResolutionChange(t *testing.T) {
	w, err := New(Config{Zones: []Zone{porch}, Labels: noObjects})
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for i := range 40 {
		s := 1.0
		if i >= 20 {
			s = 2
		}
		o := Object{ID: 1, Label: "person", Box: [4]float64{s * 300, s * 310, s * 340, s * 400}, Seen: true}
		for _, e := range w.Update(time.Duration(i)*frame, int(s*width), int(s*height), []Object{o}, nil) {
			events = append(events, e.String())
		}
	}
	same(t, events, "person 1 entered zone porch")
}

func TestWhatCannotBeWatched(t *testing.T) {
	square := porch.Points
	for want, cfg := range map[string]Config{
		"a zone has no name":                {Zones: []Zone{{Points: square}}},
		"at least three points":             {Zones: []Zone{{Name: "z", Points: square[:2]}}},
		"from 0 to 1":                       {Zones: []Zone{{Name: "z", Points: []Point{{0, 0}, {100, 0}, {1, 1}}}}},
		"the edge from point 1 crosses":     {Zones: []Zone{{Name: "z", Points: []Point{{0, 0}, {1, 1}, {1, 0}, {0, 1}}}}},
		"the zone is empty":                 {Zones: []Zone{{Name: "z", Points: []Point{{0, 0}, {0.5, 0.5}, {1, 1}}}}},
		"is negative":                       {Zones: []Zone{{Name: "z", Points: square, After: -1}}},
		`anchor is "top"`:                   {Zones: []Zone{{Name: "z", Points: square, Anchor: "top"}}},
		"two zones or lines are called z":   {Zones: []Zone{{Name: "z", Points: square}}, Lines: []Line{{Name: "z", To: Point{1, 1}}}},
		"a line has no name":                {Lines: []Line{{To: Point{1, 1}}}},
		"its ends are the same point":       {Lines: []Line{{Name: "l"}}},
		"line l: point [0, 2]":              {Lines: []Line{{Name: "l", To: Point{0, 2}}}},
		`in is "north"`:                     {Lines: []Line{{Name: "l", To: Point{1, 1}, In: "north"}}},
		"nothing crosses it going left":     {Lines: []Line{{Name: "l", To: Point{1, 0}, In: Left}}},
		"before an object counts is negati": {After: -1},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
