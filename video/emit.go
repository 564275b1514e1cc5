package video

import (
	"time"

	"example.com/riffle/video/scene"
)

// emit passes on what happened, and the state if it changed.
func (o *output) emit(r *result) error {
	if err := o.emitMotion(r.motion); err != nil {
		return err
	}
	for i := range r.events {
		if err := o.emitScene(&r.events[i], r); err != nil {
			return err
		}
	}
	if o.snapshots != nil {
		o.snapshots.forget(r.ended)
	}
	if !o.state.equal(&r.state) {
		o.state = r.state
		for _, s := range o.sinks {
			s.State(o.c.name, &o.state)
		}
	}
	return nil
}

func (o *output) emitMotion(change int) error {
	switch {
	case change > 0:
		return o.send(o.event("motion_start", "something moves"))
	case change < 0:
		return o.send(o.event("motion_end", "nothing moves"))
	}
	return nil
}

// emitScene completes an event of the scene: a crossing has the line's counts, an
// end the object's picture.
func (o *output) emitScene(se *scene.Event, r *result) error {
	e := toEvent(se, &o.meta, o.c.name)
	if r.frame == nil { // it happened because no frame came
		e.Time = o.meta.wall.Add(se.At - o.meta.at)
	}
	switch se.Kind {
	case scene.LineCross:
		for k := range o.c.cfg.Lines {
			if o.c.cfg.Lines[k].Name == e.Line {
				e.Counts = &r.state.Lines[k]
			}
		}
	case scene.ObjectEnd:
		o.snapshot(e)
	}
	return o.send(e)
}

// snapshot gives an object's best picture to the event of its end and to the
// sinks.
func (o *output) snapshot(e *Event) {
	if o.snapshots == nil {
		return
	}
	file, jpeg, err := o.snapshots.save(e.ID, e.Label, e.Time)
	if err != nil {
		o.losses.add(lostSnapshots, err)
	}
	e.Snapshot = file
	if jpeg == nil {
		return
	}
	for _, s := range o.sinks {
		s.Snapshot(o.c.name, e.Label, jpeg)
	}
}

func (o *output) event(kind, text string) *Event {
	return &Event{Event: kind, Camera: o.c.name, Time: o.meta.wall, Position: seconds(o.meta.at), Frame: o.meta.number, Text: text}
}

func (o *output) send(e *Event) error {
	o.c.metrics.events.WithLabelValues(o.c.name, e.Event).Inc()
	for _, s := range o.sinks {
		if err := o.losses.keep(lostEvents, s.Event(e)); err != nil {
			return err
		}
	}
	return nil
}

// cameraUp is called by the capturing goroutine.
func (o *output) cameraUp(up bool) error {
	c := o.c
	e := &Event{Event: "camera_up", Camera: c.name, Time: time.Now(), Frame: c.number, Text: "camera connected"}
	if !c.began.IsZero() {
		e.Position = seconds(time.Since(c.began))
	}
	if !up {
		e.Event, e.Text = "camera_down", "camera disconnected"
	}
	return o.send(e)
}
