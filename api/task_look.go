package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"net/http"
	"sync"
	"time"

	"example.com/riffle/api/internal/admission"
	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

// busyPause is what a refused client is told to wait when there is no better
// estimate.
const busyPause = time.Second

// job is one picture to look at.
type job struct {
	data    []byte
	wish    *wish
	fetched time.Duration // how long it took to get the picture, if it was an address
	// admitted tells that this request was let into the queue before.
	admitted bool
}

// wish is what a request wants of each of its pictures; each task reads its own
// fields.
type wish struct {
	form answerForm // formJPEG and formPNG want a drawn picture

	// keep chooses among a detector's detections.
	keep func(all []detector.Detection, width, height int) []found
	// top is how many classes a classifier tells.
	top int
	// show is what the picture of a segmenter shows, classMap asks for its class
	// map beside JSON.
	show     string
	classMap bool
}

// seen is what a model saw in one picture.
type seen struct {
	width, height int                // of the upright picture
	found         []found            // of a detector
	classes       []classifier.Score // of a classifier
	shares        []segmenter.Share  // of a segmenter
	stages        []stage
	warnings      []string // of a damaged picture
	drawn         []byte   // the encoded picture with boxes or classes, if one was wanted
}

// found is a detection, with the request's regions that it is in.
type found struct {
	detector.Detection
	regions []string
}

// stage is the time that one step took.
type stage struct {
	name string
	took time.Duration
}

// time adds a stage that began at start.
func (out *seen) time(name string, start time.Time) {
	out.stages = append(out.stages, stage{name, time.Since(start)})
}

// look waits for its turn, then decodes, runs the model and draws. All heavy work
// of the service happens in here.
//
// A large picture waits for its turn, and is decoded, before it takes a worker,
// so that pictures of ordinary size do not wait for it.
func (s *Server) look(ctx context.Context, m *served, j job) (_ *seen, err error) {
	start := time.Now()
	out := &seen{}
	defer func() {
		if err != nil {
			m.statistics.fail(time.Since(start))
		}
	}()
	if j.fetched > 0 {
		out.stages = append(out.stages, stage{"fetch", j.fetched})
	}
	leave, pic, err := s.admit(ctx, m, j, out)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := s.work(ctx, m, pic, j, out); err != nil {
		return nil, err
	}
	out.stages = append(out.stages, stage{"total", j.fetched + time.Since(start)})
	s.metrics.looked(m, out)
	requestLogOf(ctx).warn(out.warnings)
	m.statistics.looked(out)
	if n := requestLogOf(ctx); !n.stream { // a WebSocket's pictures have no end
		n.trace.looked(m.Name, start.Add(-j.fetched), out)
	}
	return out, nil
}

// largeLine is how many large pictures may wait for each other.
const largeLine = 16

// admit waits for a worker of the model. Of a large picture it returns the
// decoded one, too.
func (s *Server) admit(ctx context.Context, m *served, j job, out *seen) (leave func(), pic *photo.Photo, err error) {
	start := time.Now()
	enter := m.gate.Enter
	if j.admitted {
		enter = m.gate.EnterAgain
	}
	options, err := s.decodeOptions(m)
	if err != nil {
		return nil, nil, err
	}
	leaveLarge := func() {}
	if options := j.wish.whole(options); s.large.Is(photo.Memory(j.data, options)) {
		if !j.admitted && m.gate.Full() {
			return nil, nil, s.refusal(ctx, m, admission.ErrFull)
		}
		enter = m.gate.EnterAgain // having waited once
		if leaveLarge, err = s.large.Enter(ctx); err != nil {
			return nil, nil, s.refusal(ctx, m, err)
		}
		out.time("queue", start)
		if pic, err = s.decode(m, j.data, out); err != nil {
			leaveLarge()
			return nil, nil, err
		}
		start = time.Now()
	}
	leaveWorker, err := enter(ctx)
	if err != nil {
		leaveLarge()
		return nil, nil, s.refusal(ctx, m, err)
	}
	out.time("queue", start)
	return func() { leaveWorker(); leaveLarge() }, pic, nil
}

// whole is how a picture is decoded in the end: to draw into it takes all of its
// pixels.
func (w *wish) whole(o photo.Options) photo.Options {
	if w.form != formJSON || w.classMap {
		o.Size = image.Point{}
	}
	return o
}

// decodeOptions are those for pictures that a model looks at.
func (s *Server) decodeOptions(m *served) (photo.Options, error) {
	model, err := m.open()
	if err != nil {
		return photo.Options{}, err
	}
	limits := photo.Limits{MaxPixels: s.cfg.MaxPixels, MaxMemory: s.cfg.MaxPictureMemory, MaxBytes: s.cfg.MaxBody}
	return photo.Options{Limits: limits, Size: model.decodeSize}, nil
}

// decode reads the picture, reduced if the model allows.
func (s *Server) decode(m *served, data []byte, out *seen) (*photo.Photo, error) {
	options, err := s.decodeOptions(m)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	defer s.giveWay()()
	pic, err := photo.Decode(data, options)
	if err != nil {
		return nil, decodeFailure(err)
	}
	out.warnings = pic.Warnings
	out.time("decode", start)
	return pic, nil
}

// work is look without the waiting; pic is the picture if it is decoded already.
// It does not outlive it.
func (s *Server) work(ctx context.Context, m *served, pic *photo.Photo, j job, out *seen) error {
	if pic == nil {
		var err error
		if pic, err = s.decode(m, j.data, out); err != nil {
			return err
		}
	}
	defer s.giveWay()()
	if err := ctx.Err(); err != nil {
		return s.refusal(ctx, m, err)
	}
	model, err := m.open()
	if err != nil {
		return err
	}
	size := pic.Size()
	out.width, out.height = size.X, size.Y
	var f *failure
	switch err := model.look(ctx, pic, j.wish, out); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return s.refusal(ctx, m, ctx.Err())
	case errors.As(err, &f):
		return err
	default:
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
}

// lookResult is one picture's part of lookAtAll: what was seen, or what is
// wrong with the picture.
type lookResult struct {
	seen *seen
	bad  *failure
}

// lookAtAll looks at pictures side by side. A picture that cannot be read spoils
// only its own result; anything else, such as a full queue, is the error of all.
func (s *Server) lookAtAll(ctx context.Context, m *served, pictures []picture, wanted *wish) ([]lookResult, error) {
	results := make([]lookResult, len(pictures))
	errs := make([]error, len(pictures))
	lookAt := func(i int) {
		results[i].seen, errs[i] = s.look(ctx, m, job{data: pictures[i].data, wish: wanted, admitted: i > 0})
	}
	// The first picture alone decides whether the queue lets the request in.
	lookAt(0)
	if errs[0] == nil || pictureFault(errs[0]) != nil {
		next := make(chan int)
		var workers sync.WaitGroup
		for range min(m.Workers, len(pictures)-1) {
			workers.Go(func() {
				for i := range next {
					errs[i] = guarded(func() error { lookAt(i); return errs[i] })
				}
			})
		}
		for i := 1; i < len(pictures); i++ {
			next <- i
		}
		close(next)
		workers.Wait()
	}
	for i, err := range errs {
		if err == nil {
			continue
		}
		if results[i].bad = pictureFault(err); results[i].bad == nil {
			return nil, err
		}
	}
	return results, nil
}

// pictureFault is the failure if it is the picture's own.
func pictureFault(err error) *failure {
	var f *failure
	if errors.As(err, &f) && f.kind.status < 500 {
		return f
	}
	return nil
}

// refuseEarly refuses a request that cannot be let in, before its body is read.
// The name is that of the model that it must be for, "" if the body may say so.
func (s *Server) refuseEarly(r *http.Request, t *task, model string) error {
	if m := s.models.refusing(t, model); m != nil {
		return s.refusal(r.Context(), m, admission.ErrFull)
	}
	return nil
}

// refusal says why a request got no worker, or lost it.
func (s *Server) refusal(ctx context.Context, m *served, err error) error {
	switch {
	case errors.Is(err, admission.ErrFull):
		return &failure{kind: kindBusy, detail: fmt.Sprintf("queue of model %q is full", m.Name), retryAfter: m.gate.RetryAfter()}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{kind: kindTimeout, detail: fmt.Sprintf("not done within %v", s.cfg.RequestTimeout), retryAfter: m.gate.RetryAfter()}
	case errors.Is(context.Cause(ctx), errStopping):
		return &failure{kind: kindStopping, detail: "the service is shutting down", retryAfter: busyPause}
	}
	return errClientGone
}

var (
	// errClientGone ends a request that nobody waits for any more.
	errClientGone = errors.New("client went away")
	// errStopping is the cause of contexts that the end of the grace time cancels.
	errStopping = errors.New("service is shutting down")
)

// decodeFailure files what package photo says of a picture.
func decodeFailure(err error) error {
	for _, c := range []struct {
		err  error
		kind *problemKind
	}{
		{photo.ErrNotImage, kindNotImage},
		{photo.ErrTooLarge, kindTooManyPixels},
		{photo.ErrTruncated, kindTruncated},
		{photo.ErrCorrupt, kindDamaged},
		{photo.ErrUnsupported, kindUnsupported},
	} {
		if errors.Is(err, c.err) {
			return failf(c.kind, "%v", err)
		}
	}
	return err
}

func encode(img image.Image, form answerForm) ([]byte, error) {
	var buf bytes.Buffer
	var err error
	if form == formPNG {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&buf, img)
	} else {
		err = jpeg.Encode(&buf, img, &jpeg.Options{Quality: 90})
	}
	return buf.Bytes(), err
}

// timings are stages as they stand in answers.
func timings(stages []stage) map[string]float64 {
	ms := make(map[string]float64, len(stages))
	for _, st := range stages {
		ms[st.name] += milliseconds(st.took)
	}
	return ms
}
