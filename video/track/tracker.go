package track

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Observation is one detection.
type Observation struct {
	Box   Box
	Class int // any number; equal numbers are equal classes
	Score float64
}

// Options are how a [Tracker] judges. A zero field takes the value that
// [DefaultOptions] has.
type Options struct {
	// Sure is the score from which a detection may carry on any object, Begin
	// that from which it may be a new one. Below Sure it may carry on only an
	// object seen in the last frame.
	Sure, Begin float64
	// Hits are the detections after which an object is believed and numbered, if
	// Settle has passed since the first.
	Hits   int
	Settle time.Duration
	// Keep is how long an unseen object is waited for. It is waited for at least
	// MissedFrames frames, should frames be few.
	Keep         time.Duration
	MissedFrames int
}

// DefaultOptions suit detectors whose scores are meant to be cut at 0.3 or 0.4.
var DefaultOptions = Options{Sure: 0.35, Begin: 0.4, Hits: 3, Settle: 300 * time.Millisecond, Keep: 2 * time.Second, MissedFrames: 5}

func (o Options) withDefaults() Options {
	set := func(v *float64, def float64) {
		if *v == 0 {
			*v = def
		}
	}
	d := DefaultOptions
	set(&o.Sure, d.Sure)
	set(&o.Begin, d.Begin)
	if o.Hits == 0 {
		o.Hits = d.Hits
	}
	if o.Settle == 0 {
		o.Settle = d.Settle
	}
	if o.Keep == 0 {
		o.Keep = d.Keep
	}
	if o.MissedFrames == 0 {
		o.MissedFrames = d.MissedFrames
	}
	return o
}

// Track is an object that is followed.
type Track struct {
	ID    int // from 1, in the order in which objects were believed
	Class int // what most of its detections said, weighed by score
	Box   Box // smoothed; foretold where Seen is false
	Score float64
	Seen  bool // in this frame
	First time.Duration
	Last  time.Duration // when it was seen last
	Hits  int           // frames in which it was seen
}

// Tracker follows the objects of one camera. It is not safe for concurrent use.
type Tracker struct {
	o       Options
	objects []*object
	ended   []Track
	lastID  int
	now     time.Duration
	started bool
	assign  assigner
	free    []int // observations that belong to nobody yet
	tracks  []Track
}

type object struct {
	Track
	filter *kalman
	box    Box // foretold for now
	votes  map[int]float64
	missed int
	at     int // index of its observation in this frame, -1
	past   bool
}

// New makes a tracker.
func New(o Options) *Tracker { return &Tracker{o: o.withDefaults()} }

// How much boxes must overlap.
const (
	overlapSure   = 0.25 // with the foretold box
	overlapUnsure = 0.45 // of a detection below Sure
	overlapOther  = 0.55 // of another class
	overlapWide   = 0.15 // of boxes grown by wideBy, for what moves fast or is small
	wideBy        = 0.4
	overlapTwin   = 0.7 // a new object is not begun on top of one of another class
	halfLife      = 700 * time.Millisecond
)

// Update takes the detections of a frame, at being its time, which grows from
// call to call and may start anywhere. It returns all numbered objects, seen or
// waited for, by ID; the slice is valid until the next call.
func (t *Tracker) Update(at time.Duration, seen []Observation) []Track {
	t.advance(at)
	t.free = t.free[:0]
	for i, o := range seen {
		if finite(o.Box) && o.Box.Width() > 0 && o.Box.Height() > 0 {
			t.free = append(t.free, i)
		}
	}
	sure := func(o *Observation) bool { return o.Score >= t.o.Sure }
	known := func(o *object) bool { return o.ID > 0 }
	fresh := func(o *object) bool { return o.ID == 0 }
	t.match(seen, known, sure, 0, overlapSure)
	t.match(seen, func(o *object) bool { return known(o) && o.missed <= 1 }, func(o *Observation) bool { return !sure(o) }, 0, overlapUnsure)
	t.match(seen, known, sure, wideBy, overlapWide)
	t.match(seen, fresh, sure, wideBy, overlapWide)
	t.match(seen, fresh, func(o *Observation) bool { return !sure(o) }, 0, overlapUnsure)
	t.begin(seen)
	t.end()
	return t.report()
}

// Still says that nothing has moved since the last frame: all objects are where
// they were, and those that were seen count as seen.
func (t *Tracker) Still(at time.Duration) []Track {
	if !t.started || at < t.now {
		at = t.now
	}
	passed := at - t.now
	t.now = at
	t.ended = t.ended[:0]
	for _, o := range t.objects {
		if o.Seen {
			o.Last = at
			o.filter.slow(0)
		} else {
			o.Last += passed // the wait for what is hidden stands still, too
		}
	}
	return t.report()
}

// Ended are the numbered objects that the last Update gave up.
func (t *Tracker) Ended() []Track { return t.ended }

// Flush gives up all objects and returns those that were numbered.
func (t *Tracker) Flush() []Track {
	t.ended = t.ended[:0]
	for _, o := range t.objects {
		if o.ID > 0 {
			t.ended = append(t.ended, o.Track)
		}
	}
	t.objects = t.objects[:0]
	return t.ended
}

// Rescale follows a change of the picture's size, by factors of width and height.
func (t *Tracker) Rescale(sx, sy float64) {
	for _, o := range t.objects {
		o.filter.rescale(sx, sy)
		o.Box = o.filter.box()
	}
}

// advance moves all objects to where they should be at a time.
func (t *Tracker) advance(at time.Duration) {
	if !t.started {
		t.now, t.started = at, true
	}
	dt := max(0, at-t.now)
	t.now += dt
	for _, o := range t.objects {
		if !o.Seen {
			o.filter.slow(math.Exp2(-float64(dt) / float64(halfLife)))
		}
		o.filter.predict(dt)
		o.box = o.filter.box()
		o.at, o.Seen = -1, false
		o.missed++
	}
}

// match gives observations that are free to objects that have none, where the
// boxes, grown by a share of their sides, overlap at least so much.
func (t *Tracker) match(seen []Observation, whose func(*object) bool, which func(*Observation) bool, grow, least float64) {
	var rows []*object
	for _, o := range t.objects {
		if o.at < 0 && whose(o) {
			rows = append(rows, o)
		}
	}
	var cols []int
	for _, i := range t.free {
		if which(&seen[i]) {
			cols = append(cols, i)
		}
	}
	if len(rows) == 0 || len(cols) == 0 {
		return
	}
	table := make([]float64, len(rows)*len(cols))
	for r, o := range rows {
		for c, i := range cols {
			table[r*len(cols)+c] = distance(o, &seen[i], grow, least)
		}
	}
	for r, c := range t.assign.solve(len(rows), len(cols), 1, func(r, c int) float64 { return table[r*len(cols)+c] }) {
		if c >= 0 {
			rows[r].take(&seen[cols[c]], t.now, cols[c])
			t.free = slices.DeleteFunc(t.free, func(i int) bool { return i == cols[c] })
		}
	}
}

// distance is from 0, the same box, to 1 and more, no pair.
func distance(o *object, seen *Observation, grow, least float64) float64 {
	over := IoU(o.box.grown(grow), seen.Box.grown(grow))
	if over < least || o.Class != seen.Class && over < overlapOther {
		return 1
	}
	d := (1 - over) * 0.9
	if o.Class != seen.Class {
		d += 0.09
	}
	return d
}

// take carries an object on with an observation.
func (o *object) take(seen *Observation, now time.Duration, at int) {
	o.filter.update(seen.Box)
	o.Box, o.Score, o.Seen, o.Last, o.at, o.missed = o.filter.box(), seen.Score, true, now, at, 0
	o.Hits++
	o.votes[seen.Class] += seen.Score
	if o.votes[seen.Class] > o.votes[o.Class] {
		o.Class = seen.Class
	}
}

// begin makes objects of what belongs to none, the surest first.
func (t *Tracker) begin(seen []Observation) {
	slices.SortStableFunc(t.free, func(a, b int) int { return cmp.Compare(seen[b].Score, seen[a].Score) })
	for _, i := range t.free {
		s := &seen[i]
		if s.Score < t.o.Begin || slices.ContainsFunc(t.objects, func(o *object) bool {
			return o.at >= 0 && o.Class != s.Class && IoU(o.Box, s.Box) >= overlapTwin
		}) {
			continue
		}
		o := &object{filter: newKalman(s.Box), votes: map[int]float64{s.Class: s.Score}, at: i}
		o.Track = Track{Class: s.Class, Box: s.Box, Score: s.Score, Seen: true, First: t.now, Last: t.now, Hits: 1}
		t.objects = append(t.objects, o)
	}
}

// end numbers objects that are believed now, and drops those waited for too long.
func (t *Tracker) end() {
	t.ended = t.ended[:0]
	for _, o := range t.objects {
		if !o.Seen {
			o.Box = o.box
		}
		if o.ID == 0 && o.Hits >= t.o.Hits && t.now-o.First >= t.o.Settle {
			t.lastID++
			o.ID = t.lastID
		}
		wait, frames := t.o.Keep, t.o.MissedFrames
		if o.ID == 0 {
			wait, frames = wait/4, 1
		}
		if o.past = o.missed >= frames && t.now-o.Last > wait; o.past && o.ID > 0 {
			t.ended = append(t.ended, o.Track)
		}
	}
	t.objects = slices.DeleteFunc(t.objects, func(o *object) bool { return o.past })
}

func (t *Tracker) report() []Track {
	t.tracks = t.tracks[:0]
	for _, o := range t.objects {
		if o.ID > 0 {
			t.tracks = append(t.tracks, o.Track)
		}
	}
	slices.SortFunc(t.tracks, func(a, b Track) int { return a.ID - b.ID })
	return t.tracks
}

func finite(b Box) bool {
	for _, v := range []float64{b.X1, b.Y1, b.X2, b.Y2} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
