package video

import (
	"context"
	"time"
)

// frame is a picture on its way from capture to output.
type frame struct {
	pic    Picture
	number int           // of the source, from 0, dropped ones counted
	at     time.Duration // in the source's time: position in a file, else since the start
	wall   time.Time     // when it was captured
	took   time.Duration // to capture
	fps    float64       // of the source, 0 if it does not say
	stamp  time.Duration // as the container says
	timed  bool          // the container says
	bad    bool          // it came damaged
}

// mailbox holds at most one frame between who captures and who looks.
type mailbox struct {
	slot  chan *frame
	every bool // wait rather than replace
	timer *time.Timer
}

func newMailbox(every bool) *mailbox {
	m := &mailbox{slot: make(chan *frame, 1), every: every, timer: time.NewTimer(time.Hour)}
	m.timer.Stop()
	return m
}

// put leaves a frame for take. It returns a frame that nobody has taken and that
// it replaced, or, with every, f itself if ctx ended first.
func (m *mailbox) put(ctx context.Context, f *frame) (back *frame) {
	if m.every {
		select {
		case m.slot <- f:
			return nil
		case <-ctx.Done():
			return f
		}
	}
	for {
		select {
		case m.slot <- f:
			return back
		default:
		}
		select {
		case back = <-m.slot: // one producer: the slot stays free now
		default:
		}
	}
}

// take waits for a frame, nil at the end. With a limit it waits no longer than
// that, and says if the frame is late.
func (m *mailbox) take(ctx context.Context, limit time.Duration) (f *frame, late bool) {
	select {
	case <-ctx.Done():
		return nil, false
	default:
	}
	var timeout <-chan time.Time
	if limit > 0 {
		m.timer.Reset(limit)
		defer m.timer.Stop()
		timeout = m.timer.C
	}
	select {
	case f := <-m.slot:
		return f, false
	case <-timeout:
		return nil, true
	case <-ctx.Done():
		return nil, false
	}
}

// close ends take once what is left is taken; put must not follow.
func (m *mailbox) close() { close(m.slot) }
