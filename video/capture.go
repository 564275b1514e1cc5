package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// trouble is why a camera has no frames. These are values of a metric's label.
type trouble string

const (
	cannotOpen trouble = "open"
	stalled    trouble = "stall"
	ended      trouble = "ended"
	unplugged  trouble = "unplugged"
	unreadable trouble = "read"
)

// failure is the end of a connection.
type failure struct {
	trouble trouble
	err     error
	frames  int           // read before
	lasted  time.Duration // from the first frame
}

func (f *failure) Error() string {
	switch f.trouble {
	case cannotOpen:
		return fmt.Sprintf("cannot be opened (%v)", f.err)
	case stalled:
		return fmt.Sprintf("sends nothing (%v)", f.err)
	case ended:
		return "has ended"
	case unplugged:
		return "is unplugged"
	}
	return fmt.Sprintf("cannot be read (%v)", f.err)
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
		f := c.connection(ctx)
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
	case f.trouble == cannotOpen:
		if _, err := os.Stat(c.source.Target); err != nil {
			return fmt.Errorf("%s: %w", c.source, plain(err))
		}
		return fmt.Errorf("%s: is no video that can be read", c.source)
	case f.frames == 0:
		return fmt.Errorf("%s: no frame can be read", c.source)
	case f.trouble != ended:
		return fmt.Errorf("%s: after %d frames it %w", c.source, f.frames, f)
	case c.expected > 0 && f.frames < c.expected*9/10:
		c.log.Warn().Int("frames", f.frames).Int("expected", c.expected).Msg("the file ends early: it may be damaged")
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

// down says once that a camera is lost, and counts every failure.
func (c *camera) down(f *failure) {
	c.metrics.failures.WithLabelValues(c.name, string(f.trouble)).Inc()
	if c.lostSince.IsZero() {
		c.lostSince = time.Now()
		c.setUp(false)
		c.log.Warn().Str("source", c.source.String()).Str("reason", string(f.trouble)).
			Msgf("camera %s; trying again until it is back", f.Error())
		return
	}
	c.log.Debug().Str("reason", string(f.trouble)).Msgf("camera still %s", f.Error())
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
		e.Str("source", c.source.String()).Msg("camera is read")
	}
	c.lostSince, c.everUp = time.Time{}, true
	c.setUp(true)
}

// link is one connection: a goroutine that may hang in the library for good.
type link struct {
	news chan news
	quit chan struct{} // closed when nobody listens any more
}

// news is a frame, or that the source is open, or why there is nothing.
type news struct {
	frame  *frame
	open   bool
	fps    float64
	frames int
	err    error
}

// connection opens the source and passes its frames on until something fails.
func (c *camera) connection(ctx context.Context) *failure {
	l := &link{make(chan news), make(chan struct{})}
	defer close(l.quit)
	c.stuck.Add(1) // until it returns
	c.readers.Add(1)
	go func() {
		defer c.readers.Done()
		defer c.stuck.Add(-1)
		c.read(l)
	}()
	f := &failure{trouble: cannotOpen}
	var first time.Time
	limit := time.NewTimer(c.timing.open)
	defer limit.Stop()
	var fps float64
	for {
		select {
		case <-ctx.Done():
			return f
		case <-limit.C:
			if f.trouble == cannotOpen {
				f.err = fmt.Errorf("no answer within %v", c.timing.open)
				return f
			}
			f.trouble, f.err = stalled, fmt.Errorf("no frame for %v", c.timing.stall)
			return f
		case n := <-l.news:
			switch {
			case n.err != nil:
				f.err = n.err
				if f.trouble != cannotOpen {
					f.trouble = c.why(n.err)
				}
				return f
			case n.open:
				f.trouble, fps, c.expected = unreadable, n.fps, n.frames
			default:
				if f.frames == 0 {
					view := n.frame.pic.Frame()
					first = time.Now()
					c.up(fps, view.Width, view.Height)
				}
				f.frames++
				f.lasted = time.Since(first)
				n.frame.fps = fps
				c.deliver(ctx, n.frame, f.frames-1)
			}
		}
		limit.Reset(c.timing.stall)
	}
}

func (c *camera) why(err error) trouble {
	if c.source.Kind == Device {
		if _, gone := os.Stat(c.source.Target); gone != nil {
			return unplugged
		}
	}
	if errors.Is(err, io.EOF) {
		return ended
	}
	return unreadable
}

// read is the link's own goroutine, which holds one frame all the time.
func (c *camera) read(l *link) {
	f := c.frames.get()
	defer func() { c.frames.put(f) }()
	if f == nil {
		return
	}
	tell := func(n news) bool {
		select {
		case l.news <- n:
			return true
		case <-l.quit:
			return false
		}
	}
	src, err := c.lib.Open(c.source)
	if err != nil {
		tell(news{err: err})
		return
	}
	defer src.Close()
	if !tell(news{open: true, fps: src.FPS(), frames: src.Frames()}) {
		return
	}
	for {
		start := time.Now()
		if err := src.Read(f.pic); err != nil {
			tell(news{err: err})
			return
		}
		f.wall = time.Now()
		f.took = f.wall.Sub(start)
		if !tell(news{frame: f}) {
			return
		}
		if f = c.frames.get(); f == nil {
			return
		}
	}
}
