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
	"time"

	"example.com/riffle/photo"
)

// busyPause is what a refused client is told to wait when there is no better
// estimate.
const busyPause = time.Second

// seen is what a model saw in one picture.
type seen struct {
	width, height int // of the upright picture
	found         []Detection
	classes       []ClassScore // of a classifier
	shares        []ClassShare // of a segmenter
	stages        []Stage
	drawn         []byte // the encoded picture with boxes or classes, if one was wanted
}

// task is one picture to look at.
type task struct {
	data   []byte
	form   answerForm // formJPEG or formPNG want the drawn picture
	filter func(found []Detection, width, height int) []Detection
	top    int    // how many classes a classifier tells
	show   string // what the picture of a segmenter shows
	// classMap asks for a segmenter's class map beside JSON.
	classMap bool
	fetched  time.Duration // how long it took to get the picture, if it was an address
	// admitted tells that this request was let into the queue before.
	admitted bool
}

// look waits for a worker of the model, then decodes, detects, filters and
// draws. All heavy work of the service happens in here, between enter and leave.
func (s *Server) look(ctx context.Context, m *served, t task) (*seen, error) {
	start := time.Now()
	enter := m.gate.enter
	if t.admitted {
		enter = m.gate.enterAgain
	}
	leave, err := enter(ctx)
	if err != nil {
		return nil, s.refusal(ctx, m, err)
	}
	defer leave()
	leaveLarge, err := s.large.enter(ctx, t.data)
	if err != nil {
		return nil, s.refusal(ctx, m, err)
	}
	defer leaveLarge()
	defer longSlice()()
	out := &seen{}
	if t.fetched > 0 {
		out.stages = append(out.stages, Stage{"fetch", t.fetched})
	}
	clock := stopwatch{last: start, stages: &out.stages}
	clock.lap("queue")
	if err := s.work(ctx, m, t, out, &clock); err != nil {
		return nil, err
	}
	out.stages = append(out.stages, Stage{"total", t.fetched + time.Since(start)})
	s.metrics.looked(m, out)
	if n := notesOf(ctx); !n.stream { // a WebSocket's pictures have no end
		n.trace.looked(m.Name, start.Add(-t.fetched), out)
	}
	return out, nil
}

// work is look without the waiting. The decoded picture does not outlive it.
func (s *Server) work(ctx context.Context, m *served, t task, out *seen, clock *stopwatch) error {
	var wanted image.Point
	if m, ok := m.detector.(reducer); ok {
		wanted = m.DecodeSize()
	}
	pic, err := photo.Decode(t.data, photo.Options{Limits: photo.Limits{MaxPixels: s.cfg.MaxPixels, MaxBytes: s.cfg.MaxBody}, Size: wanted})
	if err != nil {
		return decodeFailure(err)
	}
	clock.lap("decode")
	if err := ctx.Err(); err != nil {
		return s.refusal(ctx, m, err)
	}
	size := pic.Size()
	out.width, out.height = size.X, size.Y
	var found []Detection
	var stages []Stage
	switch {
	case m.classifier != nil:
		out.classes, stages, err = m.classifier.Classify(ctx, pic, t.top)
	case m.segmenter != nil:
		err = s.segment(ctx, m, pic, t, out, clock)
	default:
		found, stages, err = m.detector.Detect(ctx, pic)
	}
	if err != nil {
		if ctx.Err() != nil {
			return s.refusal(ctx, m, ctx.Err())
		}
		return fmt.Errorf("model %q: %w", m.Name, err)
	}
	out.stages = append(out.stages, stages...)
	if m.detector == nil {
		return nil
	}
	clock.skip()
	out.found = t.filter(found, size.X, size.Y)
	if t.form != formJSON {
		if pic, err = pic.Full(); err != nil {
			return decodeFailure(err)
		}
		if out.drawn, err = encode(s.draw(pic, out.found), t.form); err != nil {
			return err
		}
		clock.lap("draw")
	}
	return nil
}

// reducer is a [Detector] to which photos may come reduced, see
// [photo.Options].
type reducer interface{ DecodeSize() image.Point }

// stopwatch adds the time since its last lap as a stage.
type stopwatch struct {
	last   time.Time
	stages *[]Stage
}

func (c *stopwatch) lap(name string) {
	now := time.Now()
	*c.stages = append(*c.stages, Stage{name, now.Sub(c.last)})
	c.last = now
}

func (c *stopwatch) skip() { c.last = time.Now() }

// refuseEarly refuses a request that cannot be let in, before its body is read.
// The name is that of the model that it must be for, "" if the body may say so.
func (s *Server) refuseEarly(r *http.Request, model string) error {
	if m := s.models.refusing(model); m != nil {
		return s.refusal(r.Context(), m, errGateFull)
	}
	return nil
}

// refusal says why a request got no worker, or lost it.
func (s *Server) refusal(ctx context.Context, m *served, err error) error {
	switch {
	case errors.Is(err, errGateFull):
		return &failure{kind: kindBusy, detail: fmt.Sprintf("queue of model %q is full", m.Name), retryAfter: m.gate.retryAfter()}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{kind: kindTimeout, detail: fmt.Sprintf("not done within %v", s.cfg.RequestTimeout), retryAfter: m.gate.retryAfter()}
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

// decodeFailure files what package detector says of a picture.
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
func timings(stages []Stage) map[string]float64 {
	ms := make(map[string]float64, len(stages))
	for _, st := range stages {
		ms[st.Name] += milliseconds(st.Took)
	}
	return ms
}
