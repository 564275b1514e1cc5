package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Result is what /detect answers for one picture.
type Result struct {
	Width      int                `json:"width" doc:"of the picture, pixels, after EXIF orientation"`
	Height     int                `json:"height" doc:"of the picture, pixels, after EXIF orientation"`
	Model      string             `json:"model" doc:"the model that looked"`
	Detections []Detection        `json:"detections" doc:"what it shows, best first"`
	TimingMS   map[string]float64 `json:"timing_ms" doc:"milliseconds by stage: fetch, queue, decode, the model's own, draw, total"`
}

// Batch is what /detect answers for several pictures, in their order.
type Batch struct {
	Model   string       `json:"model" doc:"the model that looked"`
	Results []BatchEntry `json:"results" doc:"one for each picture, in the order of the request"`
}

// BatchEntry is one picture of a batch: a result, or an error of its own.
type BatchEntry struct {
	Name string `json:"name,omitempty" doc:"the file name given with the picture"`
	*Result
	Error *Problem `json:"error,omitempty" doc:"what is wrong with this picture; the others are answered all the same"`
}

// handleDetect is POST /detect.
func (s *Server) handleDetect(w http.ResponseWriter, r *http.Request) error {
	form, err := negotiate(r)
	if err != nil {
		return err
	}
	var p params
	if err := p.setQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if _, err := s.models.find(p.model); err != nil {
		return err
	}
	if err := s.refuseEarly(r, p.model); err != nil {
		return err
	}
	in, err := s.newIntake(w, r)
	if err != nil {
		return err
	}
	defer in.free()
	in.fetches = true
	sub := &submission{}
	if p.url == "" || r.ContentLength != 0 {
		if sub, err = readSubmission(r, in, s.cfg.MaxBatch); err != nil {
			return in.readError(err)
		}
	}
	p.overlay(sub.params)
	m, err := s.models.find(p.model)
	if err != nil {
		return err
	}
	if err := m.open(); err != nil {
		return err
	}
	f, err := p.resolve(m.labels, defaults{s.cfg.Threshold, s.cfg.MaxDetections})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	fetched, err := s.fetchPicture(ctx, m, p.url, in, sub)
	if err != nil {
		return err
	}
	if sub.batch {
		return s.answerBatch(ctx, w, r, m, sub.pictures, f, form)
	}
	out, err := s.look(ctx, m, task{data: sub.pictures[0].data, form: form, filter: f.apply, fetched: fetched})
	if err != nil {
		return err
	}
	note(r, m, 1, len(out.found))
	w.Header().Add("Vary", "Accept")
	switch form {
	case formJPEG:
		w.Header().Set("Content-Type", "image/jpeg")
		writeBytes(w, http.StatusOK, out.drawn)
	case formPNG:
		w.Header().Set("Content-Type", "image/png")
		writeBytes(w, http.StatusOK, out.drawn)
	default:
		writeJSON(w, r, http.StatusOK, "application/json", out.result(m))
	}
	return nil
}

// fetchPicture gets the picture of a request that gives its address, and tells
// how long that took.
func (s *Server) fetchPicture(ctx context.Context, m *served, address string, in *intake, sub *submission) (time.Duration, error) {
	if address == "" {
		return 0, nil
	}
	if len(sub.pictures) > 0 {
		return 0, failf(kindBadParameter, "a picture and a url: want one of them")
	}
	start := time.Now()
	pic, err := s.fetcher.fetch(ctx, address, in)
	if err != nil {
		if ctx.Err() != nil {
			return 0, s.refusal(ctx, m, ctx.Err())
		}
		return 0, err
	}
	sub.pictures = []picture{pic}
	return time.Since(start), nil
}

func (out *seen) result(m *served) *Result {
	return &Result{out.width, out.height, m.Name, out.found, timings(out.stages)}
}

// answerBatch looks at several pictures, as many at a time as the model has
// workers, and answers in their order.
func (s *Server) answerBatch(ctx context.Context, w http.ResponseWriter, r *http.Request,
	m *served, pictures []picture, f *filter, form answerForm,
) error {
	if form != formJSON {
		return failf(kindNotAcceptable, "a request of several pictures is answered as application/json only")
	}
	results, err := s.lookAtAll(ctx, m, pictures, task{filter: f.apply})
	if err != nil {
		return err
	}
	answer := Batch{Model: m.Name, Results: make([]BatchEntry, len(pictures))}
	detections := 0
	for i, res := range results {
		entry := &answer.Results[i]
		entry.Name = pictures[i].name
		if res.bad != nil {
			entry.Error = problemOf(r, res.bad)
			continue
		}
		entry.Result = res.seen.result(m)
		detections += len(res.seen.found)
	}
	note(r, m, len(pictures), detections)
	writeJSON(w, r, http.StatusOK, "application/json", answer)
	return nil
}

// lookResult is one picture's part of lookAtAll: what was seen, or what is
// wrong with the picture.
type lookResult struct {
	seen *seen
	bad  *failure
}

// lookAtAll looks at pictures side by side. A picture that cannot be read spoils
// only its own result; anything else, such as a full queue, is the error of all.
func (s *Server) lookAtAll(ctx context.Context, m *served, pictures []picture, t task) ([]lookResult, error) {
	results := make([]lookResult, len(pictures))
	errs := make([]error, len(pictures))
	lookAt := func(i int) {
		one := t
		one.data, one.admitted = pictures[i].data, i > 0
		results[i].seen, errs[i] = s.look(ctx, m, one)
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

// note tells the access log what a request was about.
func note(r *http.Request, m *served, pictures, detections int) {
	n := notesOf(r.Context())
	n.model, n.pictures, n.detections = m.Name, pictures, detections
}
