package video

import (
	"fmt"
	"image"
	"time"

	"example.com/riffle/detector"
	"example.com/riffle/video/scene"
)

// output draws, writes and tells, on a goroutine of its own.
type output struct {
	c         *camera
	sinks     []Sink
	hub       *hub       // of live viewers, nil without a page
	snapshots *snapshots // nil if nobody wants them
	shapes    []shape    // zones and lines, in parts of the picture
	overlay   Overlay
	writer    Writer
	clock     clock
	state     State
	meta      frame // of the last frame: number and times
}

type shape struct {
	points []scene.Point
	text   string
	colour int
	closed bool
}

// run works until results end. After the first error, which it tells at once, it
// only gives frames back.
func (o *output) run(fail func(error)) {
	ok := true
	for r := range o.c.results {
		if ok {
			if err := o.one(r); err != nil {
				ok = false
				fail(err)
			}
		}
		o.c.frames.put(r.frame)
	}
	if o.writer == nil {
		return
	}
	if err := o.writer.Close(); err != nil && ok {
		fail(fmt.Errorf("%s: %w", o.c.cfg.Out, err))
	}
}

func (o *output) one(r *result) error {
	c := o.c
	if r.frame != nil {
		o.meta = *r.frame
		start := time.Now()
		if o.snapshots != nil && r.looked {
			if err := o.snapshots.look(r.frame.pic, r.objects); err != nil {
				return err
			}
			c.stages.add(stageSnapshot, time.Since(start))
		}
		if err := o.picture(r); err != nil {
			return err
		}
	}
	start := time.Now()
	if r.frame != nil {
		for _, s := range o.sinks {
			if f, ok := s.(FrameSink); ok {
				if err := f.Frame(framed(r, c.name)); err != nil {
					return err
				}
			}
		}
	}
	if err := o.tell(r); err != nil {
		return err
	}
	c.stages.add(stageTell, time.Since(start))
	return nil
}

// picture draws into the frame, if anybody looks at it.
func (o *output) picture(r *result) error {
	c := o.c
	viewers := o.hub != nil && o.hub.watched()
	if c.cfg.Out == "" && !viewers {
		return nil
	}
	start := time.Now()
	view := r.frame.pic.Frame()
	o.compose(r, view.Width, view.Height)
	r.frame.pic.Draw(&o.overlay)
	c.stages.add(stageDraw, time.Since(start))
	if c.cfg.Out != "" {
		start = time.Now()
		if err := o.write(r.frame, view.Width, view.Height); err != nil {
			return err
		}
		c.stages.add(stageWrite, time.Since(start))
	}
	if viewers {
		start = time.Now()
		jpeg, err := r.frame.pic.JPEG(liveQuality)
		if err != nil {
			return fmt.Errorf("camera %s: live picture: %w", c.name, err)
		}
		o.hub.show(jpeg)
		c.stages.add(stageLive, time.Since(start))
	}
	return nil
}

// write opens the file for the first frame, and gives the frame as often as the
// file's clock asks for it.
func (o *output) write(f *frame, width, height int) error {
	c := o.c
	if o.writer == nil {
		o.clock = newClock(f.fps, c.every)
		w, err := c.lib.NewWriter(c.cfg.Out, c.cfg.Codec, o.clock.fps, width, height)
		if err != nil {
			return fmt.Errorf("%s: %w", c.cfg.Out, err)
		}
		o.writer = w
	}
	for range o.clock.times(f.at) {
		if err := o.writer.Write(f.pic); err != nil {
			return fmt.Errorf("%s: %w", c.cfg.Out, err)
		}
	}
	return nil
}

// clock turns frames that come when they come into a file of constant pace.
type clock struct {
	fps     float64
	every   bool // one to one
	written int
	begun   bool
	first   time.Duration
}

func newClock(fps float64, every bool) clock {
	switch {
	case fps >= 1 && fps <= 120:
	case every:
		fps = assumedFPS
	default:
		fps = 15
	}
	return clock{fps: fps, every: every}
}

// times is how often a frame of a time is written: more than once if the ones
// before it are missing, not at all if the file has enough of its moment. A gap
// of more than a minute is cut out.
func (k *clock) times(at time.Duration) int {
	if k.every {
		return 1
	}
	if !k.begun {
		k.begun, k.first = true, at
	}
	due := int((at-k.first).Seconds()*k.fps) + 1
	n := due - k.written
	if n > int(60*k.fps) {
		k.first = at - time.Duration(float64(k.written)/k.fps*float64(time.Second))
		n = 1
	}
	n = max(0, n)
	k.written += n
	return n
}

// compose fills the overlay with a frame's objects and the camera's shapes.
func (o *output) compose(r *result, width, height int) {
	v := &o.overlay
	v.Marks, v.Shapes = v.Marks[:0], v.Shapes[:0]
	for _, s := range o.shapes {
		sh := Shape{Text: s.text, Colour: detector.ClassColor(s.colour), Closed: s.closed}
		for _, p := range s.points {
			sh.Points = append(sh.Points, image.Pt(int(p.X*float64(width-1)), int(p.Y*float64(height-1))))
		}
		v.Shapes = append(v.Shapes, sh)
	}
	for i := range r.state.Lines { // lines come after the zones
		s := &v.Shapes[len(o.c.cfg.Zones)+i]
		s.Text = fmt.Sprintf("%s: %d in, %d out", s.Text, r.state.Lines[i].In, r.state.Lines[i].Out)
	}
	for i := range r.objects {
		b := &r.objects[i]
		if r.frame.at-b.Last > drawLost {
			continue
		}
		text := fmt.Sprintf("%s %d  %.2f", b.Label, b.ID, b.Score)
		if !b.Seen {
			text = fmt.Sprintf("%s %d", b.Label, b.ID)
		}
		v.Marks = append(v.Marks, Mark{Box: rectangle(b), Text: text, Colour: detector.ClassColor(colourOf(b.ID)), Faint: !b.Seen})
	}
	v.Caption = o.caption(r)
}

// drawLost is how long an object is drawn where it should be.
const drawLost = 600 * time.Millisecond

// colourOf gives each number a colour far from those of the numbers near it.
func colourOf(id int) int { return id }

func (o *output) caption(r *result) string {
	when := r.frame.wall.Format(time.DateTime)
	if o.c.source.Kind == File {
		at := r.frame.at
		when = fmt.Sprintf("%02d:%02d.%d", int(at.Minutes()), int(at.Seconds())%60, int(at.Milliseconds()/100)%10)
	}
	if !r.looked {
		when += "  still"
	}
	return o.c.name + "  " + when
}

// tell passes on what happened, and the state if it changed.
func (o *output) tell(r *result) error {
	c := o.c
	if r.motion != 0 {
		e := o.event("motion_start", "something moves")
		if r.motion < 0 {
			e = o.event("motion_end", "nothing moves")
		}
		if err := o.send(e); err != nil {
			return err
		}
	}
	for i := range r.events {
		e := told(&r.events[i], &o.meta, c.name)
		if r.events[i].Kind == scene.LineCross {
			for k := range c.cfg.Lines {
				if c.cfg.Lines[k].Name == e.Line {
					e.Counts = &r.state.Lines[k]
				}
			}
		}
		if r.events[i].Kind == scene.ObjectEnd && o.snapshots != nil {
			file, jpeg, err := o.snapshots.save(e.ID, e.Label, e.Time)
			if err != nil {
				return err
			}
			e.Snapshot = file
			if jpeg != nil {
				for _, s := range o.sinks {
					s.Snapshot(c.name, e.Label, jpeg)
				}
			}
		}
		if err := o.send(e); err != nil {
			return err
		}
	}
	if o.snapshots != nil {
		o.snapshots.forget(r.ended)
	}
	if !o.state.equal(&r.state) {
		o.state = r.state
		for _, s := range o.sinks {
			s.State(c.name, &o.state)
		}
	}
	return nil
}

func (o *output) event(kind, text string) *Event {
	return &Event{Event: kind, Camera: o.c.name, Time: o.meta.wall, Position: seconds(o.meta.at), Frame: o.meta.number, Text: text}
}

func (o *output) send(e *Event) error {
	o.c.metrics.events.WithLabelValues(o.c.name, e.Event).Inc()
	for _, s := range o.sinks {
		if err := s.Event(e); err != nil {
			return err
		}
	}
	return nil
}

// cameraUp is called by the capturing goroutine.
func (o *output) cameraUp(up bool) error {
	c := o.c
	e := &Event{Event: "camera_up", Camera: c.name, Time: time.Now(), Frame: c.number, Text: "camera is read"}
	if !c.began.IsZero() {
		e.Position = seconds(time.Since(c.began))
	}
	if !up {
		e.Event, e.Text = "camera_down", "camera is lost"
	}
	return o.send(e)
}
