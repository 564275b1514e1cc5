package video

import (
	"fmt"
	"time"

	"example.com/riffle/video/scene"
)

// output draws, writes and emits events, on a goroutine of its own.
type output struct {
	c         *camera
	sinks     []Sink
	hub       *hub       // of live viewers, nil without a page
	snapshots *snapshots // nil if nobody wants them
	shapes    []shape    // zones and lines, in parts of the picture
	overlay   Overlay
	recording *recording // nil if nobody wants one
	losses    *losses
	state     State
	meta      frame // of the last frame: number and times
}

type shape struct {
	points []scene.Point
	text   string
	color  int
	closed bool
}

// run works until results end. After an error that is no loss it only gives frames
// back.
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
	if o.recording != nil {
		o.recording.close()
	}
}

func (o *output) one(r *result) error {
	c := o.c
	if r.frame != nil {
		o.meta = *r.frame
		start := time.Now()
		if o.snapshots != nil && r.looked {
			if err := o.snapshots.look(r.frame.pic, r.objects); err != nil {
				o.losses.add(lostSnapshots, err)
			}
			c.stages.add(stageSnapshot, time.Since(start))
		}
		if err := o.picture(r); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := o.frame(r); err != nil {
		return err
	}
	if err := o.emit(r); err != nil {
		return err
	}
	c.stages.add(stageEvents, time.Since(start))
	return nil
}

// frame gives all objects of a frame to the sinks that want them.
func (o *output) frame(r *result) error {
	if r.frame == nil {
		return nil
	}
	for _, s := range o.sinks {
		if f, ok := s.(FrameSink); ok {
			if err := o.losses.keep(lostTracks, f.Frame(toFrame(r, o.c.name))); err != nil {
				return err
			}
		}
	}
	return nil
}

// picture draws into the frame, if anybody looks at it.
func (o *output) picture(r *result) error {
	c := o.c
	viewers := o.hub != nil && o.hub.watched()
	if o.recording == nil && !viewers {
		return nil
	}
	start := time.Now()
	view := r.frame.pic.Frame()
	o.compose(r, view.Width, view.Height)
	r.frame.pic.Draw(&o.overlay)
	c.stages.add(stageDraw, time.Since(start))
	if o.recording != nil {
		start = time.Now()
		if err := o.recording.write(r.frame, view.Width, view.Height); err != nil {
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
