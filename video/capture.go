package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// failReason is why a camera has no frames. These are values of a metric's label.
type failReason string

const (
	cannotOpen failReason = "open"
	stalled    failReason = "stall"
	ended      failReason = "ended"
	unplugged  failReason = "unplugged"
	unreadable failReason = "read"
	frozen     failReason = "frozen"
)

// ErrFrozen is the error of a [Capture] whose frames come and do not change in a
// single bit. Opened anew it may do better; if not, that is what it shows.
var ErrFrozen = errors.New("frozen picture")

// failure is the end of a connection.
type failure struct {
	reason failReason
	err    error
	frames int           // read before
	lasted time.Duration // from the first frame
}

// Error completes "camera ...".
func (f *failure) Error() string {
	switch f.reason {
	case cannotOpen:
		return fmt.Sprintf("cannot be opened: %v", f.err)
	case stalled:
		return fmt.Sprintf("sends nothing: %v", f.err)
	case ended:
		return "disconnected: the stream ended"
	case unplugged:
		return "is unplugged"
	}
	return fmt.Sprintf("cannot be read: %v", f.err)
}

// maxStuck is how many readers may hang in the library before no further one is
// started.
const maxStuck = 3

// capture reads the source until ctx ends or, if it is a file, until its end. A
// source that fails is opened again, and again, with growing pauses.
func (c *camera) capture(ctx context.Context) error {
	defer c.box.close()
	retry := backoff{shortest: c.timing.retry, longest: c.timing.retryMax}
	for {
		f := c.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if c.source.Kind == File {
			return c.fileEnd(f)
		}
		c.down(f)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry.wait(f.lasted)):
		}
		for c.stuck.Load() >= maxStuck {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(c.timing.retryMax):
			}
		}
	}
}

// fileEnd tells a file's end from its failure.
func (c *camera) fileEnd(f *failure) error {
	switch {
	case f.reason == cannotOpen:
		if _, err := os.Stat(c.source.Target); err != nil {
			return fmt.Errorf("%s: %w", c.source, plain(err))
		}
		return fmt.Errorf("%s: not a video that can be read (%w)", c.source, f.err)
	case f.frames == 0:
		return fmt.Errorf("%s: no frame can be read", c.source)
	case f.reason != ended:
		return fmt.Errorf("%s: after %d frames it %w", c.source, f.frames, f)
	case c.stamps.last+c.stamps.step < c.expected*9/10:
		c.log.Warn().Int("frames", f.frames).Stringer("duration", c.expected).Stringer("read", (c.stamps.last + c.stamps.step).Round(time.Millisecond)).
			Msg("the file ends early: it may be damaged")
	}
	return nil
}

func plain(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// down says once that a camera is lost, and counts every failure. A picture that is
// frozen is no loss as long as the next connection has frames.
func (c *camera) down(f *failure) {
	c.metrics.failures.WithLabelValues(c.name, string(f.reason)).Inc()
	if f.reason == frozen {
		c.log.Debug().Err(f.err).Msg("opening the camera anew")
		return
	}
	if c.lostSince.IsZero() {
		c.lostSince = time.Now()
		c.setUp(false)
		c.log.Warn().Str("source", c.source.String()).Str("reason", string(f.reason)).
			Msgf("camera %s; trying again until it is back", f.Error())
		return
	}
	c.log.Debug().Str("reason", string(f.reason)).Msgf("camera still %s", f.Error())
}

// up says once that frames come, or come again.
func (c *camera) up(fps float64, width, height int) {
	e := c.log.Info().Int("width", width).Int("height", height).Float64("fps", fps)
	switch {
	case !c.lostSince.IsZero():
		e.Dur("after", time.Since(c.lostSince).Round(time.Millisecond)).Msg("camera is back")
		c.metrics.reconnects.WithLabelValues(c.name).Inc()
	case c.everUp:
		return
	default:
		e.Str("source", c.source.String()).Msg("camera connected")
	}
	c.lostSince, c.everUp = time.Time{}, true
	c.setUp(true)
}

// connection is one reading of the source, on a goroutine that may hang in the
// video library for good.
type connection struct {
	messages chan captureMsg
	quit     chan struct{} // closed when nobody listens any more
}

// captureMsg is a frame, or that the source is open, or why there is nothing.
type captureMsg struct {
	frame    *frame
	open     bool
	fps      float64
	duration time.Duration
	err      error
}

// send tells whether anybody took the message.
func (l *connection) send(m captureMsg) bool {
	select {
	case l.messages <- m:
		return true
	case <-l.quit:
		return false
	}
}

// connect opens the source and passes its frames on until something fails.
func (c *camera) connect(ctx context.Context) *failure {
	l := &connection{make(chan captureMsg), make(chan struct{})}
	defer close(l.quit)
	c.stuck.Add(1) // until it returns
	c.readers.Add(1)
	go func() {
		defer c.readers.Done()
		defer c.stuck.Add(-1)
		c.read(l)
	}()
	f := &failure{reason: cannotOpen}
	var first time.Time
	limit := time.NewTimer(c.timing.open)
	defer limit.Stop()
	var fps float64
	for {
		select {
		case <-ctx.Done():
			return f
		case <-limit.C:
			if f.reason == cannotOpen {
				f.err = fmt.Errorf("no answer within %v", c.timing.open)
				return f
			}
			f.reason, f.err = stalled, fmt.Errorf("no frame for %v", c.timing.stall)
			return f
		case m := <-l.messages:
			switch {
			case m.err != nil:
				f.err = m.err
				if f.reason != cannotOpen {
					f.reason = c.why(m.err)
				}
				return f
			case m.open:
				f.reason, fps, c.expected = unreadable, m.fps, m.duration
			default:
				if f.frames == 0 {
					view := m.frame.pic.Frame()
					first = time.Now()
					c.up(fps, view.Width, view.Height)
				}
				f.frames++
				f.lasted = time.Since(first)
				m.frame.fps = fps
				c.deliver(ctx, m.frame)
			}
		}
		limit.Reset(c.timing.stall)
	}
}

func (c *camera) why(err error) failReason {
	if c.source.Kind == Device {
		if _, gone := os.Stat(c.source.Target); gone != nil {
			return unplugged
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return ended
	case errors.Is(err, ErrFrozen):
		return frozen
	}
	return unreadable
}

// read is the connection's own goroutine, which holds one frame all the time.
func (c *camera) read(l *connection) {
	f := c.frames.get()
	defer func() { c.frames.put(f) }()
	if f == nil {
		return
	}
	src, err := c.backend.Open(c.source)
	if err != nil {
		l.send(captureMsg{err: err})
		return
	}
	defer src.Close()
	if !l.send(captureMsg{open: true, fps: src.FPS(), duration: src.Duration()}) {
		return
	}
	for {
		start := time.Now()
		if err := src.Read(f.pic); err != nil {
			l.send(captureMsg{err: err})
			return
		}
		f.wall = time.Now()
		f.took = f.wall.Sub(start)
		f.stamp, f.timed = src.Stamp()
		f.bad = src.Damaged()
		if !l.send(captureMsg{frame: f}) {
			return
		}
		if f = c.frames.get(); f == nil {
			return
		}
	}
}
