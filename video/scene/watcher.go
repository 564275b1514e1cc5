package scene

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Object is a numbered object in a frame.
type Object struct {
	ID    int
	Label string
	Score float64
	Best  float64    // highest score so far
	Box   [4]float64 // x_min, y_min, x_max, y_max in pixels
	Seen  bool       // false: Box is where it should be
	First time.Duration
	Last  time.Duration // when it was last seen
	// Contested is true while another label is nearly as likely. Nothing is told
	// of such an object, for labelWait at most: what it did is told then.
	Contested bool
}

// Ended is an object that will not come back. Into is the number of the one that
// it turned out to be, or 0.
type Ended struct{ ID, Into int }

// labelWait is how long an object may wait for its label.
const labelWait = 2 * time.Second

// grace is how long an object may be out of a zone, as far as its box tells,
// before it has left: boxes tremble, and objects stand on borders.
const grace = 500 * time.Millisecond

// margin is how many pixels an object must be off a border to be clear of it.
func margin(o Object, width, height int) float64 {
	return max(0.004*math.Hypot(float64(width), float64(height)), 0.07*(o.Box[3]-o.Box[1]))
}

// Watcher follows what happens in one camera's picture. It is not safe for
// concurrent use.
type Watcher struct {
	cfg    Config
	inward []float64 // of the lines
	state  map[int]*state
	counts []Count // of the lines
	events []Event
	width  int // of the last frame
	height int
}

// Count is how often a line was crossed.
type Count struct{ In, Out int }

// state is what is known of an object.
type state struct {
	settled bool   // its label has been good enough to tell
	told    bool   // its coming was reported
	label   string // as told
	last    Object
	zones   []visit
	lines   []side
}

// visit is an object's stay in a zone, or what may become one.
type visit struct {
	in, entered bool
	since       time.Duration
	out         bool // seen outside since left
	left        time.Duration
}

// side is where an object was, clear of a line.
type side struct {
	known bool
	turn  float64
	at    Point
}

// New makes a watcher; the error names the zone or line that is wrong.
func New(cfg Config) (*Watcher, error) {
	if cfg.After < 0 {
		return nil, fmt.Errorf("the time before an object counts is negative")
	}
	w := &Watcher{cfg: cfg, state: map[int]*state{}, counts: make([]Count, len(cfg.Lines))}
	names := map[string]bool{}
	for i := range cfg.Zones {
		z := &cfg.Zones[i]
		if err := z.Check(); err != nil {
			return nil, err
		}
		if names[z.Name] {
			return nil, fmt.Errorf("two zones or lines are called %s", z.Name)
		}
		names[z.Name] = true
	}
	for i := range cfg.Lines {
		l := &cfg.Lines[i]
		if err := l.Check(); err != nil {
			return nil, err
		}
		if names[l.Name] {
			return nil, fmt.Errorf("two zones or lines are called %s", l.Name)
		}
		names[l.Name] = true
		in, _ := l.inward()
		w.inward = append(w.inward, in)
	}
	return w, nil
}

// Update takes the objects of a frame of width x height pixels and those that have
// ended. It returns what happened; the slice is valid until the next call.
func (w *Watcher) Update(at time.Duration, width, height int, objects []Object, ended []Ended) []Event {
	w.events = w.events[:0]
	w.width, w.height = width, height
	for _, o := range objects {
		s := w.state[o.ID]
		if s == nil {
			s = &state{zones: make([]visit, len(w.cfg.Zones)), lines: make([]side, len(w.cfg.Lines))}
			w.state[o.ID] = s
		}
		if !o.Seen {
			continue // where it should be is no place to be seen at
		}
		s.last = o
		w.look(s, at, width, height)
	}
	for _, e := range ended {
		w.end(e, at, width, height)
	}
	return w.events
}

// look tells what an object does, as soon as its label can be told.
func (w *Watcher) look(s *state, at time.Duration, width, height int) {
	o := s.last
	s.settled = s.settled || !o.Contested || at-o.First >= labelWait
	if s.settled {
		w.coming(s, at)
	}
	for i := range w.cfg.Zones {
		w.zone(i, s, at, width, height)
	}
	for i := range w.cfg.Lines {
		w.line(i, s, at, width, height)
	}
}

// coming tells that an object is there, and if it is something else than was told.
func (w *Watcher) coming(s *state, at time.Duration) {
	o := s.last
	if s.label != "" && s.label != o.Label {
		w.relabel(s, at)
	}
	s.label = o.Label
	if !s.told && at-o.First >= w.cfg.After && wanted(w.cfg.Labels, o.Label) {
		s.told = true
		w.tell(Event{Kind: ObjectNew, At: at, Object: o})
	}
}

// relabel tells that an object is something else, and takes it out of zones that
// are not for that.
func (w *Watcher) relabel(s *state, at time.Duration) {
	for i := range s.zones {
		if v := &s.zones[i]; v.entered && !wanted(w.cfg.Zones[i].Labels, s.last.Label) {
			v.left = at
			w.leave(i, v, at, s.last)
		}
	}
	if s.told {
		w.tell(Event{Kind: ObjectLabel, At: at, Object: s.last, Was: s.label})
	}
}

// Flush ends all objects, as when a video is over.
func (w *Watcher) Flush(at time.Duration) []Event {
	w.events = w.events[:0]
	for _, id := range slices.Sorted(maps.Keys(w.state)) {
		w.end(Ended{ID: id}, at, w.width, w.height)
	}
	return w.events
}

// Counts are the crossings of the lines, in the order of the configuration.
func (w *Watcher) Counts() []Count { return w.counts }

// Inside counts the objects that have entered a zone, by label.
func (w *Watcher) Inside(zone int) map[string]int {
	in := map[string]int{}
	for _, s := range w.state {
		if s.zones[zone].entered {
			in[s.last.Label]++
		}
	}
	return in
}

// Present are the objects whose coming was told, by ID.
func (w *Watcher) Present() []Object {
	var out []Object
	for _, s := range w.state {
		if s.told {
			out = append(out, s.last)
		}
	}
	slices.SortFunc(out, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (w *Watcher) tell(e Event) { w.events = append(w.events, e) }

func (w *Watcher) zone(i int, s *state, at time.Duration, width, height int) {
	z, v, o := &w.cfg.Zones[i], &s.zones[i], s.last
	if s.settled && !wanted(z.Labels, o.Label) && !v.entered {
		v.in = false
		return
	}
	p := z.Anchor.of(o, width, height)
	if inside(p, z.Points) || v.in && offBorder(p, z.Points, width, height) < margin(o, width, height) {
		if !v.in {
			v.in, v.since = true, at
		}
		v.out = false
		if s.settled && !v.entered && at-v.since >= z.After {
			v.entered = true
			w.tell(Event{Kind: ZoneEnter, At: at, Object: o, Place: z.Name})
		}
		return
	}
	if !v.in {
		return
	}
	if !v.out {
		v.out, v.left = true, at
	}
	if at-v.left >= grace {
		w.leave(i, v, at, o)
	}
}

// leave ends a visit at v.left.
func (w *Watcher) leave(i int, v *visit, at time.Duration, o Object) {
	if v.entered {
		w.tell(Event{Kind: ZoneLeave, At: at, Object: o, Place: w.cfg.Zones[i].Name, Stayed: max(0, v.left-v.since)})
	}
	*v = visit{}
}

// line sees a crossing where an object was clear of the line on one side, is
// clear of it on the other, and came between the line's ends.
func (w *Watcher) line(i int, of *state, at time.Duration, width, height int) {
	l, s, o := &w.cfg.Lines[i], &of.lines[i], of.last
	p := l.Anchor.of(o, width, height)
	x, y := float64(width), float64(height)
	pixels := func(p Point) Point { return Point{p.X * x, p.Y * y} }
	a, b, here := pixels(l.From), pixels(l.To), pixels(p)
	t := turn(a, b, here)
	off := math.Abs(t) / math.Hypot(b.X-a.X, b.Y-a.Y)
	if off < margin(o, width, height) {
		return
	}
	if s.known && !of.settled {
		return // if it crosses, that is told when its label is known
	}
	if s.known && s.turn*t < 0 && wanted(l.Labels, o.Label) && reach(a, b, pixels(s.at), here) {
		in := t*w.inward[i] > 0
		if in {
			w.counts[i].In++
		} else {
			w.counts[i].Out++
		}
		w.tell(Event{Kind: LineCross, At: at, Object: o, Place: l.Name, Inward: in})
	}
	*s = side{known: true, turn: t, at: p}
}

// end closes what an object has open.
func (w *Watcher) end(e Ended, at time.Duration, width, height int) {
	s := w.state[e.ID]
	if s == nil {
		return
	}
	if !s.settled && e.Into == 0 && s.last.ID != 0 { // it had no time for it
		s.last.Contested = false
		w.look(s, s.last.Last, width, height)
	}
	delete(w.state, e.ID)
	for i := range s.zones {
		v := &s.zones[i]
		if !v.out {
			v.left = s.last.Last
		}
		if v.in {
			w.leave(i, v, at, s.last)
		}
	}
	if s.told {
		w.tell(Event{Kind: ObjectEnd, At: at, Object: s.last, Stayed: s.last.Last - s.last.First, Into: e.Into})
	}
}

// of is an object's point in parts of the picture.
func (a Anchor) of(o Object, width, height int) Point {
	p := Point{(o.Box[0] + o.Box[2]) / 2 / float64(width), o.Box[3] / float64(height)}
	if a == Center {
		p.Y = (o.Box[1] + o.Box[3]) / 2 / float64(height)
	}
	return p
}
