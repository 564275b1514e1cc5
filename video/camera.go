package video

import (
	"context"
	"fmt"
	"image"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
	"example.com/riffle/video/scene"
	"example.com/riffle/video/track"
)

// timing is when a camera is given up and tried again.
type timing struct {
	open, stall     time.Duration
	retry, retryMax time.Duration
}

// camera is one source and all that is known of it.
type camera struct {
	name    string
	cfg     *Camera
	source  Source
	every   bool
	backend Backend
	detect  Detector
	log     zerolog.Logger
	metrics *metrics
	stages  *stages
	timing  timing

	frames  *frames
	box     *mailbox
	results chan *result
	fail    func(error) // ends the run
	stuck   atomic.Int32
	readers sync.WaitGroup

	// Of the capturing goroutine.
	lostSince time.Time
	everUp    bool
	expected  time.Duration // of a file
	stamps    stamps
	saidBad   bool // that frames are damaged
	began     time.Time
	number    int
	isUp      atomic.Bool

	// Of the looking goroutine.
	gate          *gate
	tracker       *track.Tracker
	watcher       *scene.Watcher
	wanted        map[string]bool
	labels        []string // by class number of the tracker
	classes       map[string]int
	width, height int
	view          photo.Frame // the frame at hand
	found         []detector.Detection
	seen          []track.Observation
	motion        bool
	at            time.Duration // of the last frame
	wall          time.Time     // of the last frame
	lapsed        bool          // since the last frame objects have been ended

	out *output
}

// Detector is what a camera needs of [detector.Detector]. Callers wait for it in
// the order in which they came; since a camera has one frame in work at most,
// cameras take turns.
type Detector interface {
	Detect(ctx context.Context, img image.Image, f detector.Filter) (detector.Result, error)
}

// result is a frame that was looked at.
type result struct {
	frame   *frame // nil at the end of all
	objects []scene.Object
	events  []scene.Event
	ended   []scene.Ended
	state   State
	motion  int // 1 began, -1 ended
	looked  bool
}

// deliver gives a captured frame its time and leaves it in the mailbox.
func (c *camera) deliver(ctx context.Context, f *frame) {
	c.stages.add(stageCapture, f.took)
	c.metrics.captured.WithLabelValues(c.name).Inc()
	f.number = c.number
	c.number++
	if f.bad {
		c.metrics.damaged.WithLabelValues(c.name).Inc()
		if !c.saidBad {
			c.saidBad = true
			c.log.Warn().Int("frame", f.number).Msg("a frame is damaged and shown as far as it goes; further ones are counted")
		}
	}
	if c.began.IsZero() {
		c.began = f.wall
	}
	f.at = f.wall.Sub(c.began)
	if c.source.Kind == File || c.every {
		f.at = c.stamps.next(f)
	}
	if c.source.Kind == File && !c.every { // played at its own pace, as a camera would send it
		if early := f.at - time.Since(c.began); early > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(early):
			}
		}
		f.wall = time.Now()
	}
	if back := c.box.put(ctx, f); back != nil {
		c.frames.put(back)
		if ctx.Err() != nil {
			return
		}
		c.stages.dropped.Add(1)
		c.metrics.dropped.WithLabelValues(c.name).Inc()
	}
}

func (c *camera) setUp(up bool) {
	c.isUp.Store(up)
	v := 0.0
	if up {
		v = 1
	}
	c.metrics.up.WithLabelValues(c.name).Set(v)
	if err := c.out.cameraUp(up); err != nil {
		c.fail(err)
	}
}

// look takes frames from the mailbox until there are no more, and passes them on
// to the output with what was seen.
func (c *camera) look(ctx context.Context) error {
	defer close(c.results)
	for {
		start := time.Now()
		f, late := c.box.take(ctx, c.patience())
		if late {
			if r := c.lapse(c.at + time.Since(c.wall)); r != nil {
				c.results <- r
			}
			c.lapsed = true
			continue
		}
		if f == nil {
			c.results <- c.last()
			return nil
		}
		c.stages.add(stageIdle, time.Since(start))
		c.lapsed = false
		r, err := c.one(ctx, f)
		if err != nil {
			c.frames.put(f)
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("camera %s: %w", c.name, err)
		}
		start = time.Now()
		c.results <- r
		c.stages.add(stageBlocked, time.Since(start))
	}
}

// patience is how long to wait for a frame before objects are ended: for ever in
// files, whose times are their own, and when it has been done.
func (c *camera) patience() time.Duration {
	if c.source.Kind == File || c.every || c.lapsed {
		return 0
	}
	wait := c.tracker.Patience()
	if wait == 0 {
		return 0
	}
	return max(time.Millisecond, wait-time.Since(c.wall)+time.Millisecond)
}

// one looks at a frame.
func (c *camera) one(ctx context.Context, f *frame) (*result, error) {
	view := f.pic.Frame()
	if err := view.Check(); err != nil {
		return nil, err
	}
	c.resized(view.Width, view.Height)
	c.at, c.wall = f.at, f.wall
	r := &result{frame: f}
	if c.passes(f, r) {
		r.looked = true
		if err := c.detections(ctx, view); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	var tracks []track.Track
	if r.looked {
		tracks = c.tracker.Update(f.at, c.seen)
	} else {
		tracks = c.tracker.Still(f.at)
	}
	r.ended = endedOf(c.tracker.Ended())
	for i := range tracks {
		r.objects = append(r.objects, c.object(&tracks[i]))
	}
	r.events = slices.Clone(c.watcher.Update(f.at, view.Width, view.Height, r.objects, r.ended))
	r.state = c.state()
	c.stages.add(stageTrack, time.Since(start))
	c.stages.looked.Add(1)
	c.metrics.looked.WithLabelValues(c.name).Inc()
	return r, nil
}

// last ends all objects.
func (c *camera) last() *result {
	r := &result{ended: endedOf(c.tracker.Flush())}
	r.events = slices.Clone(c.watcher.Flush(c.at))
	r.state = c.state()
	return r
}

// lapse ends the objects of a camera that has sent nothing for so long that what
// comes next is something new; nil if there are none.
func (c *camera) lapse(at time.Duration) *result {
	c.tracker.Lapse(at)
	r := &result{ended: endedOf(c.tracker.Ended())}
	if len(r.ended) == 0 {
		return nil
	}
	if c.gate != nil {
		c.gate.reset() // whatever is there when frames come again is to be looked at
	}
	r.events = slices.Clone(c.watcher.Update(at, c.width, c.height, nil, r.ended))
	r.state = c.state()
	return r
}

func endedOf(tracks []track.Track) []scene.Ended {
	var ended []scene.Ended
	for _, t := range tracks {
		ended = append(ended, scene.Ended{ID: t.ID, Into: t.Into})
	}
	return ended
}

// passes asks the motion gate and notes when motion begins and ends.
func (c *camera) passes(f *frame, r *result) bool {
	if c.gate == nil {
		return true
	}
	start := time.Now()
	pass := c.gate.pass(f.pic, f.at)
	c.stages.add(stageMotion, time.Since(start))
	if c.gate.open != c.motion {
		c.motion = c.gate.open
		r.motion = -1
		if c.motion {
			r.motion = 1
		}
	}
	if !pass {
		c.stages.still.Add(1)
		c.metrics.still.WithLabelValues(c.name).Inc()
	}
	return pass
}

// detections fills c.seen with what this camera wants of what the detector finds.
func (c *camera) detections(ctx context.Context, view photo.Frame) error {
	c.view = view
	least := LowestScore(c.cfg.Threshold)
	found, err := c.detect.Detect(ctx, &c.view, detector.Filter{Threshold: detector.Above(least), Into: c.found[:0]})
	if err != nil {
		return err
	}
	c.found = found.Detections
	c.stages.add(stageWait, found.Timing.Wait)
	c.stages.add(stageDetect, found.Timing.Total())
	c.metrics.detect.WithLabelValues(c.name).Observe(found.Timing.Total().Seconds())
	c.metrics.wait.WithLabelValues(c.name).Observe(found.Timing.Wait.Seconds())
	c.seen = c.seen[:0]
	for i := range c.found {
		d := &c.found[i]
		if c.wanted != nil && !c.wanted[d.Label] || float64(d.Score) < least {
			continue
		}
		class, ok := c.classes[d.Label]
		if !ok {
			class = len(c.labels)
			c.classes[d.Label] = class
			c.labels = append(c.labels, d.Label)
		}
		c.seen = append(c.seen, track.Observation{Box: toTrack(d.Box), Class: class, Score: float64(d.Score)})
	}
	return nil
}

// What the tracker takes of detections, as shares of the threshold, which is for
// new objects: known ones may be carried on by less, where they are expected by
// much less, as the chance that such a detection is right speaks of any place.
const (
	highShare = 0.5
	lowShare  = 0.05
)

// resized follows a change of resolution.
func (c *camera) resized(width, height int) {
	if c.width == width && c.height == height {
		return
	}
	if c.width > 0 {
		c.log.Warn().Int("width", width).Int("height", height).Msgf("resolution changed from %d x %d", c.width, c.height)
		c.metrics.resized.WithLabelValues(c.name).Inc()
		c.tracker.Rescale(float64(width)/float64(c.width), float64(height)/float64(c.height))
	}
	c.width, c.height = width, height
}

func (c *camera) object(t *track.Track) scene.Object {
	return scene.Object{
		ID: t.ID, Label: c.labels[t.Class], Score: t.Score, Best: t.Best, Seen: t.Seen, First: t.First, Last: t.Last,
		Contested: t.Contested, Box: toScene(t.Box, c.width, c.height),
	}
}

func (c *camera) state() State {
	s := State{Motion: c.gate == nil || c.motion, Objects: map[string]int{}}
	for _, o := range c.watcher.Present() {
		s.Objects[o.Label]++
	}
	for i := range c.cfg.Zones {
		s.Zones = append(s.Zones, c.watcher.Inside(i))
	}
	for _, n := range c.watcher.Counts() {
		s.Lines = append(s.Lines, LineCount(n))
	}
	return s
}

func (s *State) equal(o *State) bool {
	return s.Motion == o.Motion && maps.Equal(s.Objects, o.Objects) && slices.Equal(s.Lines, o.Lines) &&
		slices.EqualFunc(s.Zones, o.Zones, maps.Equal)
}

// LowestScore is the score of the least sure detections that a camera with a
// threshold makes use of.
func LowestScore(threshold float64) float64 { return threshold * lowShare }
