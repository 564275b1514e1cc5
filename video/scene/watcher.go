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
	Box   [4]float64 // x_min, y_min, x_max, y_max in pixels
	Seen  bool       // or else where it should be
	First time.Duration
	Last  time.Duration // when it was seen last
}

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
}

// Count is how often a line was crossed.
type Count struct{ In, Out int }

// state is what is known of an object.
type state struct {
	told  bool // its coming
	last  Object
	zones []visit
	lines []side
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

// Update takes the objects of a frame of width x height pixels and the IDs of
// those that will not come back. It returns what happened; the slice is valid
// until the next call.
func (w *Watcher) Update(at time.Duration, width, height int, objects []Object, ended []int) []Event {
	w.events = w.events[:0]
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
		if !s.told && at-o.First >= w.cfg.After && wanted(w.cfg.Labels, o.Label) {
			s.told = true
			w.tell(Event{Kind: ObjectNew, At: at, Object: o})
		}
		for i := range w.cfg.Zones {
			w.zone(i, &s.zones[i], at, width, height, o)
		}
		for i := range w.cfg.Lines {
			w.line(i, &s.lines[i], at, width, height, o)
		}
	}
	for _, id := range ended {
		w.end(id, at)
	}
	return w.events
}

// Flush ends all objects, as when a video is over.
func (w *Watcher) Flush(at time.Duration) []Event {
	w.events = w.events[:0]
	for _, id := range slices.Sorted(maps.Keys(w.state)) {
		w.end(id, at)
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

func (w *Watcher) zone(i int, v *visit, at time.Duration, width, height int, o Object) {
	z := &w.cfg.Zones[i]
	if !wanted(z.Labels, o.Label) && !v.entered {
		return
	}
	p := z.Anchor.of(o, width, height)
	if inside(p, z.Points) || v.in && offBorder(p, z.Points, width, height) < margin(o, width, height) {
		if !v.in {
			v.in, v.since = true, at
		}
		v.out = false
		if !v.entered && at-v.since >= z.After {
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
func (w *Watcher) line(i int, s *side, at time.Duration, width, height int, o Object) {
	l := &w.cfg.Lines[i]
	p := l.Anchor.of(o, width, height)
	x, y := float64(width), float64(height)
	pixels := func(p Point) Point { return Point{p.X * x, p.Y * y} }
	a, b, here := pixels(l.From), pixels(l.To), pixels(p)
	t := turn(a, b, here)
	off := math.Abs(t) / math.Hypot(b.X-a.X, b.Y-a.Y)
	if off < margin(o, width, height) {
		return
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
func (w *Watcher) end(id int, at time.Duration) {
	s := w.state[id]
	if s == nil {
		return
	}
	delete(w.state, id)
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
		w.tell(Event{Kind: ObjectEnd, At: at, Object: s.last, Stayed: s.last.Last - s.last.First})
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
