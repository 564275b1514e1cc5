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

// Options set how a [Tracker] decides. A zero field takes its value from
// [DefaultOptions].
type Options struct {
	// HighScore is the score from which a detection may continue any object.
	// Below it, a detection may continue only an object seen in the last frame.
	HighScore float64
	// NewScore is the score from which a detection may start a new object.
	NewScore float64
	// MinHits is the number of detections after which an object is confirmed and
	// numbered, once ConfirmAfter has passed since the first.
	MinHits      int
	ConfirmAfter time.Duration
	// MaxLost is how long an object that is not detected is kept. Where frames are
	// few it is kept for MinMissed of them.
	MaxLost   time.Duration
	MinMissed int
}

// DefaultOptions suit detectors whose scores are meant to be cut at 0.3 or 0.4.
var DefaultOptions = Options{
	HighScore: 0.35, NewScore: 0.4, MinHits: 3, ConfirmAfter: 300 * time.Millisecond, MaxLost: 2 * time.Second, MinMissed: 5,
}

func (o Options) withDefaults() Options {
	d := DefaultOptions
	return Options{
		HighScore: cmp.Or(o.HighScore, d.HighScore), NewScore: cmp.Or(o.NewScore, d.NewScore),
		MinHits: cmp.Or(o.MinHits, d.MinHits), ConfirmAfter: cmp.Or(o.ConfirmAfter, d.ConfirmAfter),
		MaxLost: cmp.Or(o.MaxLost, d.MaxLost), MinMissed: cmp.Or(o.MinMissed, d.MinMissed),
	}
}

// Track is an object that is followed.
type Track struct {
	ID    int // from 1, in the order in which objects were confirmed
	Class int // see Contested
	Box   Box // smoothed; predicted where Seen is false
	Score float64
	Best  float64 // highest score so far
	Seen  bool    // in this frame
	First time.Duration
	Last  time.Duration // when it was last seen
	Hits  int           // frames in which it was seen
	// Contested is true while detections of another class weigh nearly as much as
	// those of Class. Class follows the votes, which are weighted by score.
	Contested bool
	// Into is set on a track that ended because it was the same object as another:
	// the ID of that one.
	Into int
}

// Tracker follows the objects of one camera. It is not safe for concurrent use.
type Tracker struct {
	o       Options
	objects []*object
	ended   []Track
	lastID  int
	now     time.Duration
	started bool
	pace    pace
	assign  assigner
	free    []int // indexes of observations that no object has taken yet
	second  []int // observations of objects that a stronger one shows, too
	same    []int // for each observation the index of that stronger one, or -1
	tracks  []Track
}

type object struct {
	Track
	filter *kalman
	box    Box // predicted for now
	votes  map[int]float64
	missed int
	at     int // index of its observation in this frame, -1

	twin       *object // an older one in the same place
	twinSince  time.Duration
	twinFrom   Box // of the older one then
	twinFrames int
	gone       bool // dropped
}

// New makes a tracker.
func New(o Options) *Tracker { return &Tracker{o: o.withDefaults()} }

// How much boxes must overlap.
const (
	overlapHigh  = 0.25 // with the predicted box
	overlapLow   = 0.45 // of a detection below HighScore
	overlapOther = 0.55 // of another class
	overlapWide  = 0.15 // of boxes grown by wideBy, for what moves fast or is small
	wideBy       = 0.4
	overlapNew   = 0.7 // a new object does not start on top of one of another class
	halfLife     = 700 * time.Millisecond
)

// Update takes the detections of a frame, at being its time, which grows from
// call to call and may start anywhere. It returns all numbered objects, seen or
// lost, by ID; the slice is valid until the next call.
func (t *Tracker) Update(at time.Duration, seen []Observation) []Track {
	t.Lapse(at)
	t.advance(at)
	t.admit(seen)
	high := func(o *Observation) bool { return o.Score >= t.o.HighScore }
	low := func(o *Observation) bool { return o.Score < t.o.HighScore }
	known := func(o *object) bool { return o.ID > 0 }
	recent := func(o *object) bool { return o.ID > 0 && o.missed <= 1 }
	fresh := func(o *object) bool { return o.ID == 0 }
	t.match(seen, known, high, 0, overlapHigh)
	t.match(seen, recent, low, 0, overlapLow)
	t.match(seen, known, high, wideBy, overlapWide)
	t.match(seen, fresh, high, wideBy, overlapWide)
	t.match(seen, fresh, low, 0, overlapLow)
	t.begin(seen)
	t.free = append(t.free[:0], t.second...)
	t.match(seen, known, high, 0, overlapTwin)
	for _, o := range t.objects {
		if o.Seen {
			t.vote(o, seen)
		} else {
			o.Box = o.box
		}
	}
	t.merge()
	t.end()
	return t.report()
}

// Still says that nothing has moved since the last frame: all objects are where
// they were, and those that were seen count as seen.
func (t *Tracker) Still(at time.Duration) []Track {
	t.Lapse(at)
	if !t.started || at < t.now {
		at = t.now
	}
	passed := at - t.now
	t.pace.add(passed)
	t.now = at
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

// Lapse ends the objects that were last seen too long before a time, as when a
// camera sends no frames: whatever comes after an outage is a new object. Update
// and Still begin with it. See [Tracker.Ended].
func (t *Tracker) Lapse(at time.Duration) {
	t.ended = t.ended[:0]
	limit := t.Patience()
	t.drop(func(o *object) bool { return limit > 0 && at-o.Last > limit })
}

// Patience is how long objects outlast the last frame, 0 as long as the pace of
// frames is not known.
func (t *Tracker) Patience() time.Duration {
	usual, ok := t.pace.usual()
	if !ok {
		return 0
	}
	return max(t.o.MaxLost, time.Duration(t.o.MinMissed)*usual)
}

// drop removes objects and notes those that were numbered as ended.
func (t *Tracker) drop(which func(*object) bool) {
	t.objects = slices.DeleteFunc(t.objects, func(o *object) bool {
		if !which(o) {
			return false
		}
		o.gone = true
		if o.ID > 0 {
			t.ended = append(t.ended, o.Track)
		}
		return true
	})
}

// Ended are the numbered objects that the last call of Update, Still, Lapse or
// Flush gave up.
func (t *Tracker) Ended() []Track { return t.ended }

// Flush gives up all objects and returns those that were numbered.
func (t *Tracker) Flush() []Track {
	t.ended = t.ended[:0]
	t.drop(func(*object) bool { return true })
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
	t.pace.add(dt)
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
			t.give(rows[r], seen, cols[c])
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

// give continues an object with an observation.
func (t *Tracker) give(o *object, seen []Observation, at int) {
	s := &seen[at]
	o.filter.update(s.Box)
	o.Box, o.Score, o.Seen, o.Last, o.at, o.missed = o.filter.box(), s.Score, true, t.now, at, 0
	o.Best = max(o.Best, s.Score)
	o.Hits++
	t.same[at] = -1
}

// begin makes objects of what belongs to none, highest score first.
func (t *Tracker) begin(seen []Observation) {
	slices.SortStableFunc(t.free, func(a, b int) int { return cmp.Compare(seen[b].Score, seen[a].Score) })
	for _, i := range t.free {
		s := &seen[i]
		if s.Score < t.o.NewScore || slices.ContainsFunc(t.objects, func(o *object) bool {
			return o.at >= 0 && o.Class != s.Class && IoU(o.Box, s.Box) >= overlapNew
		}) {
			continue
		}
		o := &object{filter: newKalman(s.Box), votes: map[int]float64{}, at: i}
		o.Track = Track{Class: s.Class, Box: s.Box, Score: s.Score, Best: s.Score, Seen: true, First: t.now, Last: t.now, Hits: 1}
		t.objects = append(t.objects, o)
	}
}

// end numbers objects that are confirmed now, and drops those lost for too long.
func (t *Tracker) end() {
	for _, o := range t.objects {
		if o.ID == 0 && o.Seen && !t.waits(o) && o.Hits >= t.o.MinHits && t.now-o.First >= t.o.ConfirmAfter {
			t.lastID++
			o.ID = t.lastID
		}
	}
	t.drop(func(o *object) bool {
		wait, frames := t.o.MaxLost, t.o.MinMissed
		if o.ID == 0 {
			wait, frames = wait/4, 1
		}
		return o.missed >= frames && t.now-o.Last > wait
	})
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
