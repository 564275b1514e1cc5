package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"example.com/riffle/video/scene"
	"example.com/riffle/video/track"
)

// Config is what a [Runner] works with.
type Config struct {
	Cameras  []Camera
	Detector Detector // shared by all cameras
	Backend  Backend
	Log      zerolog.Logger
	Sinks    []Sink
	// Snapshots is the folder of objects' best frames, "" for none. With
	// KeepSnapshots sinks get them even without a folder.
	Snapshots     string
	KeepSnapshots bool
	// SnapshotWidth is the width of wider snapshots, 0 to leave them as they are.
	SnapshotWidth uint
	// HTTP is the address of the live page, "" for none.
	HTTP string
	// Benchmark takes a report of where time went when Run ends.
	Benchmark io.Writer

	Open     time.Duration // for a source to be opened, default 20 s
	Stall    time.Duration // between two frames, default 10 s
	Retry    time.Duration // first pause before a lost source is tried again, default 1 s
	RetryMax time.Duration // longest, default 30 s
}

// Runner runs cameras.
type Runner struct {
	cfg     Config
	cameras []*camera
	metrics *metrics
	recent  *recent
	stopped chan struct{} // closed when no more frames come
	server  net.Listener
}

// New checks the configuration and binds the page's address.
func New(cfg Config) (*Runner, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.Open, 20*time.Second)
	def(&cfg.Stall, 10*time.Second)
	def(&cfg.Retry, time.Second)
	def(&cfg.RetryMax, 30*time.Second)
	if len(cfg.Cameras) == 0 {
		return nil, errors.New("no camera")
	}
	r := &Runner{cfg: cfg, metrics: newMetrics(), recent: &recent{}, stopped: make(chan struct{})}
	files := map[string]string{}
	for i := range cfg.Cameras {
		spec := &cfg.Cameras[i]
		c, err := r.camera(spec)
		if err != nil {
			return nil, fmt.Errorf("camera %s: %w", spec.Name, err)
		}
		for _, other := range r.cameras {
			if other.name == c.name {
				return nil, fmt.Errorf("two cameras are called %s", c.name)
			}
		}
		if spec.Out != "" {
			if other, ok := files[spec.Out]; ok {
				return nil, fmt.Errorf("cameras %s and %s both write %s", other, c.name, spec.Out)
			}
			files[spec.Out] = c.name
		}
		r.cameras = append(r.cameras, c)
	}
	if cfg.HTTP != "" {
		var err error
		if r.server, err = net.Listen("tcp", cfg.HTTP); err != nil {
			return nil, fmt.Errorf("live page: %w", err)
		}
	}
	return r, nil
}

func (r *Runner) camera(spec *Camera) (*camera, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	source, err := ParseSource(spec.Source)
	if err != nil {
		return nil, err
	}
	if spec.EveryFrame && !source.Patient() {
		return nil, fmt.Errorf("%s does not wait: every frame can be had of files and http addresses only", source)
	}
	if err := apart(source, spec.Out); err != nil {
		return nil, err
	}
	watcher, err := scene.New(spec.scene())
	if err != nil {
		return nil, err
	}
	c := &camera{
		name: spec.Name, cfg: spec, source: source, every: spec.EveryFrame, backend: r.cfg.Backend, detect: r.cfg.Detector,
		log: r.cfg.Log.With().Str("camera", spec.Name).Logger(), metrics: r.metrics, stages: &stages{},
		timing: timing{r.cfg.Open, r.cfg.Stall, r.cfg.Retry, r.cfg.RetryMax},
		frames: newFrames(r.cfg.Backend.NewPicture), box: newMailbox(spec.EveryFrame), results: make(chan *result, 1),
		tracker: track.New(track.Options{HighScore: highShare * spec.Threshold, NewScore: spec.Threshold}),
		watcher: watcher, classes: map[string]int{},
	}
	if len(spec.Labels) > 0 {
		c.wanted = map[string]bool{}
		for _, l := range spec.Labels {
			c.wanted[l] = true
		}
	}
	if m := spec.Motion.withDefaults(); m.On {
		c.gate = &gate{share: m.Share, hold: m.Hold, refresh: m.Refresh}
	}
	c.out = &output{c: c, sinks: append([]Sink{r.recent}, r.cfg.Sinks...)}
	c.out.losses = &losses{log: c.log, metric: r.metrics.losses, camera: c.name}
	if spec.Out != "" {
		c.out.recording = &recording{c: c, losses: c.out.losses}
	}
	if r.cfg.HTTP != "" {
		c.out.hub = newHub()
	}
	if r.cfg.Snapshots != "" || r.cfg.KeepSnapshots {
		if c.out.snapshots, err = newSnapshots(r.cfg.Snapshots, spec.Name, r.cfg.SnapshotWidth); err != nil {
			return nil, err
		}
	}
	for i, z := range spec.Zones {
		c.out.shapes = append(c.out.shapes, shape{z.Points, z.Name, 100 + i, true})
	}
	for i, l := range spec.Lines {
		c.out.shapes = append(c.out.shapes, shape{[]scene.Point{l.From, l.To}, l.Name, 150 + i, false})
	}
	r.metrics.up.WithLabelValues(spec.Name).Set(0)
	return c, nil
}

// apart refuses to write over what is read.
func apart(s Source, out string) error {
	if s.Kind != File || out == "" {
		return nil
	}
	a, errA := os.Stat(s.Target)
	b, errB := os.Stat(out)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return fmt.Errorf("%s would be written over while it is read", out)
	}
	return nil
}

// Addr is where the live page is, "" for nowhere.
func (r *Runner) Addr() string {
	if r.server == nil {
		return ""
	}
	return r.server.Addr().String()
}

// Run reads all cameras until files end, something fails for good, or ctx ends,
// which is no error. What is written is complete when it returns.
func (r *Runner) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := r.serve(cancel)
	defer stop()
	start := time.Now()
	var all sync.WaitGroup
	for _, c := range r.cameras {
		all.Go(func() { c.run(ctx, cancel) })
	}
	all.Wait()
	took := time.Since(start)
	for _, c := range r.cameras {
		if c.everUp {
			c.log.Info().Int64("frames", c.stages.looked.Load()).Int64("dropped", c.stages.dropped.Load()).
				Int64("still", c.stages.still.Load()).Msg("camera is done")
		}
		if r.cfg.Benchmark != nil {
			c.stages.report(r.cfg.Benchmark, c.name, took)
		}
	}
	var errs []error
	var fatal *fatalError
	if errors.As(context.Cause(ctx), &fatal) {
		errs = append(errs, fatal.error)
	}
	for _, c := range r.cameras {
		errs = append(errs, c.out.losses.err())
	}
	return errors.Join(errs...)
}

// fatalError ends everything, unlike the end of the caller's context.
type fatalError struct{ error }

// hangLimit is how long the end waits for readers that hang in the library.
const hangLimit = 2 * time.Second

// run is one camera from beginning to end.
func (c *camera) run(ctx context.Context, fail func(error)) {
	if c.gate != nil {
		c.gate.motion = c.backend.NewMotion()
		defer c.gate.motion.Close()
	}
	note := func(err error) {
		if err != nil {
			fail(&fatalError{err})
		}
	}
	c.fail = note
	var parts sync.WaitGroup
	parts.Go(func() { note(c.capture(ctx)) })
	parts.Go(func() { note(c.look(ctx)) })
	parts.Go(func() { c.out.run(note) })
	parts.Wait()
	for f := range c.box.slot { // closed by capture; nobody took the last
		c.frames.put(f)
	}
	c.frames.close()
	gone := make(chan struct{})
	go func() { c.readers.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(hangLimit):
	}
}

// serve answers on the page's address until the returned function is called.
func (r *Runner) serve(fail func(error)) (stop func()) {
	if r.server == nil {
		return func() {}
	}
	s := &http.Server{Handler: r.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	go func() {
		if err := s.Serve(r.server); !errors.Is(err, http.ErrServerClosed) {
			fail(&fatalError{fmt.Errorf("live page: %w", err)})
		}
	}()
	return func() {
		close(r.stopped)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			s.Close()
		}
	}
}
