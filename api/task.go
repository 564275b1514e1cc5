package api

import (
	"context"
	"io"
	"net/http"
	"time"
)

// task is one thing that models do with pictures, and the route that asks for
// it. A further task is one more of these and an [Opener].
type task struct {
	name     string   // of the route, and of the task in /models
	noun     string   // what its models are
	params   []string // that query, form and JSON may have
	pictures int      // to a request; 0 for as many as the service allows
	draws    bool     // whether an answer may be a picture, too

	// readJSON reads the JSON form of a request, without its defaults.
	readJSON func(r io.Reader) (params, jsonPictures, error)
	// resolve checks what a request asks for against the model.
	resolve func(c *Config, m *openModel, p *params, form answerForm) (*wish, error)
	// answer is what is told of one picture, batch of several.
	answer func(model string, out *seen) any
	batch  func(model string, entries []batchEntry) any
}

// tasks are all of them; the first is what the protocols of others ask for.
var tasks = []*task{detectTask, classifyTask, segmentTask}

// batchEntry is one picture of several: what was seen, or what is wrong with it.
type batchEntry struct {
	name    string
	seen    *seen
	problem *Problem
}

// jsonPictures are the pictures of a JSON request: one, or a list.
type jsonPictures struct {
	one  base64Picture
	list []base64Picture
}

// handleTask is POST /detect and its like: pictures in, in whichever form, and
// out what a model of the task sees.
func (s *Server) handleTask(t *task) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		form := formJSON
		if t.draws {
			var err error
			if form, err = negotiate(r); err != nil {
				return err
			}
			w.Header().Add("Vary", "Accept")
		}
		req, body, err := s.readRequest(w, r, t)
		if err != nil {
			return err
		}
		defer body.free()
		m, err := s.models.find(t, req.params.model)
		if err != nil {
			return err
		}
		model, err := m.open()
		if err != nil {
			return err
		}
		wanted, err := t.resolve(&s.cfg, model, &req.params, form)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
		defer cancel()
		fetched, err := s.fetchPicture(ctx, m, req, body)
		if err != nil {
			return err
		}
		if req.batch {
			return s.answerBatch(ctx, w, r, m, req.pictures, wanted)
		}
		return s.answerOne(ctx, w, r, m, job{data: req.pictures[0].data, wish: wanted, fetched: fetched})
	}
}

// readRequest reads query and body. It refuses as early as it can: a wrong query
// and a full queue before the body is read. The body's memory is held until it
// is freed.
func (s *Server) readRequest(w http.ResponseWriter, r *http.Request, t *task) (*parsedRequest, *bodyReader, error) {
	query := params{names: t.params}
	if err := query.setQuery(r.URL.RawQuery); err != nil {
		return nil, nil, err
	}
	if _, err := s.models.find(t, query.model); err != nil {
		return nil, nil, err
	}
	if err := s.refuseEarly(r, t, query.model); err != nil {
		return nil, nil, err
	}
	body, err := s.newBodyReader(w, r)
	if err != nil {
		return nil, nil, err
	}
	req := &parsedRequest{params: params{names: t.params}}
	if query.url == "" || r.ContentLength != 0 {
		most := s.cfg.MaxBatch
		if t.pictures > 0 {
			most = t.pictures
		}
		if err := req.read(r, body, t, most); err != nil {
			body.free()
			return nil, nil, body.readError(err)
		}
	}
	query.overlay(req.params)
	req.params = query
	return req, body, nil
}

// fetchPicture gets the picture of a request that gives its address, and tells
// how long that took.
func (s *Server) fetchPicture(ctx context.Context, m *served, req *parsedRequest, body *bodyReader) (time.Duration, error) {
	if req.params.url == "" {
		return 0, nil
	}
	if len(req.pictures) > 0 {
		return 0, failf(kindBadParameter, "a picture and a url: want one of them")
	}
	start := time.Now()
	pic, err := s.fetcher.fetch(ctx, req.params.url, body)
	if err != nil {
		if ctx.Err() != nil {
			return 0, s.refusal(ctx, m, ctx.Err())
		}
		return 0, err
	}
	req.pictures = []picture{pic}
	return time.Since(start), nil
}

func (s *Server) answerOne(ctx context.Context, w http.ResponseWriter, r *http.Request, m *served, j job) error {
	out, err := s.look(ctx, m, j)
	if err != nil {
		return err
	}
	logPictures(r, m, 1, len(out.found))
	if contentType := j.wish.form.contentType(); contentType != "" {
		w.Header().Set("Content-Type", contentType)
		writeBytes(w, http.StatusOK, out.drawn)
		return nil
	}
	writeJSON(w, r, http.StatusOK, "application/json", m.task.answer(m.Name, out))
	return nil
}

// answerBatch looks at several pictures, as many at a time as the model has
// workers, and answers in their order.
func (s *Server) answerBatch(ctx context.Context, w http.ResponseWriter, r *http.Request, m *served, pictures []picture, wanted *wish) error {
	if wanted.form != formJSON {
		return failf(kindNotAcceptable, "a request of several pictures is answered as application/json only")
	}
	results, err := s.lookAtAll(ctx, m, pictures, wanted)
	if err != nil {
		return err
	}
	entries := make([]batchEntry, len(pictures))
	detections := 0
	for i, res := range results {
		entries[i] = batchEntry{name: pictures[i].name, seen: res.seen}
		if res.bad != nil {
			entries[i].problem = problemOf(r, res.bad)
			continue
		}
		detections += len(res.seen.found)
	}
	logPictures(r, m, len(pictures), detections)
	writeJSON(w, r, http.StatusOK, "application/json", m.task.batch(m.Name, entries))
	return nil
}
