package api

import (
	"context"
	"image"
	"net/http"

	"example.com/riffle/classifier"
)

// Classifier tells what pictures show as a whole. [FromClassifier] makes one of
// package classifier's. It must be safe for concurrent callers, as [Detector]
// must.
type Classifier interface {
	// Info describes the model; it does not change.
	Info() Info
	// Classify returns the top likeliest classes, the likeliest first, and the
	// stages' times. It should return soon after ctx ends.
	Classify(ctx context.Context, photo image.Image, top int) ([]ClassScore, []Stage, error)
}

// ClassScore is one class with its probability.
type ClassScore struct {
	Label string  `json:"label" doc:"the class"`
	ID    int     `json:"id" doc:"number of the class, for ImageNet 0 to 999"`
	Score float64 `json:"score" doc:"probability, 0 to 1"`
}

// Classification is what /classify answers for one picture.
type Classification struct {
	Width    int                `json:"width" doc:"of the picture, pixels, after EXIF orientation"`
	Height   int                `json:"height" doc:"of the picture, pixels, after EXIF orientation"`
	Model    string             `json:"model" doc:"the model that looked"`
	Classes  []ClassScore       `json:"classes" doc:"what it shows, the likeliest first"`
	TimingMS map[string]float64 `json:"timing_ms" doc:"milliseconds by stage: fetch, queue, decode, the model's own, total"`
}

// ClassificationBatch is what /classify answers for several pictures, in their
// order.
type ClassificationBatch struct {
	Model   string                `json:"model" doc:"the model that looked"`
	Results []ClassificationEntry `json:"results" doc:"one for each picture, in the order of the request"`
}

// ClassificationEntry is one picture of a batch: a result, or an error of its
// own.
type ClassificationEntry struct {
	Name string `json:"name,omitempty" doc:"the file name given with the picture"`
	*Classification
	Error *Problem `json:"error,omitempty" doc:"what is wrong with this picture; the others are answered all the same"`
}

// ClassifyRequest is the JSON form of a request to /classify.
type ClassifyRequest struct {
	Image  base64Picture   `json:"image,omitempty" doc:"the picture as base64, with or without data:image/...;base64, in front"`
	Images []base64Picture `json:"images,omitempty" doc:"several pictures instead of one"`
	Top    *int            `json:"top,omitempty" doc:"how many classes, 5 if not given"`
	Model  string          `json:"model,omitempty" doc:"which classifier, the first one if not given"`
	URL    string          `json:"url,omitempty" doc:"the picture's address instead of the picture, if the service allows it"`
}

// defaultTop is how many classes are answered if nobody says.
const defaultTop = 5

// classifyParams are the names that query and form fields of /classify may have.
var classifyParams = []string{"top", "model", "url"}

// handleClassify is POST /classify.
func (s *Server) handleClassify(w http.ResponseWriter, r *http.Request) error {
	p := params{names: classifyParams}
	if err := p.setQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if _, err := s.classifiers.find(p.model); err != nil {
		return err
	}
	if m := s.classifiers.refusing(p.model); m != nil {
		return s.refusal(r.Context(), m, errGateFull) // before the body is read
	}
	in, err := s.newIntake(w, r)
	if err != nil {
		return err
	}
	defer in.free()
	in.fetches = true
	sub := &submission{params: params{names: classifyParams}}
	if p.url == "" || r.ContentLength != 0 {
		if err := sub.read(r, in, s.cfg.MaxBatch); err != nil {
			return in.readError(err)
		}
	}
	p.overlay(sub.params)
	m, err := s.classifiers.find(p.model)
	if err != nil {
		return err
	}
	if err := m.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	fetched, err := s.fetchPicture(ctx, m, p.url, in, sub)
	if err != nil {
		return err
	}
	t := task{top: defaultTop, fetched: fetched}
	if p.top != nil {
		t.top = *p.top
	}
	if sub.batch {
		return s.classifyBatch(ctx, w, r, m, sub.pictures, t)
	}
	t.data = sub.pictures[0].data
	out, err := s.look(ctx, m, t)
	if err != nil {
		return err
	}
	note(r, m, 1, 0)
	writeJSON(w, r, http.StatusOK, "application/json", out.classification(m))
	return nil
}

func (s *Server) classifyBatch(ctx context.Context, w http.ResponseWriter, r *http.Request, m *served, pictures []picture, t task) error {
	results, err := s.lookAtAll(ctx, m, pictures, t)
	if err != nil {
		return err
	}
	answer := ClassificationBatch{Model: m.Name, Results: make([]ClassificationEntry, len(pictures))}
	for i, res := range results {
		entry := &answer.Results[i]
		entry.Name = pictures[i].name
		if res.bad != nil {
			entry.Error = problemOf(r, res.bad)
			continue
		}
		entry.Classification = res.seen.classification(m)
	}
	note(r, m, len(pictures), 0)
	writeJSON(w, r, http.StatusOK, "application/json", answer)
	return nil
}

func (out *seen) classification(m *served) *Classification {
	return &Classification{out.width, out.height, m.Name, out.classes, timings(out.stages)}
}

// FromClassifier makes a [Classifier] of package classifier's.
func FromClassifier(c *classifier.Classifier) Classifier {
	in := c.Info()
	info := Info{Name: in.Name, Width: in.Width, Height: in.Height, MACs: in.MACs}
	for _, k := range in.Classes {
		info.Classes = append(info.Classes, Class{ID: k.ID, Name: k.Name})
	}
	return &classifierAdapter{c, info}
}

type classifierAdapter struct {
	classifier *classifier.Classifier
	info       Info
}

func (a *classifierAdapter) Info() Info { return a.info }

func (a *classifierAdapter) Classify(ctx context.Context, photo image.Image, top int) ([]ClassScore, []Stage, error) {
	r, err := a.classifier.Classify(ctx, photo, top)
	if err != nil {
		return nil, nil, err
	}
	list := make([]ClassScore, len(r.Classes))
	for i, c := range r.Classes {
		list[i] = ClassScore{c.Label, c.ID, c.Score}
	}
	return list, []Stage{{"preprocess", r.Timing.Preprocess}, {"network", r.Timing.Network}}, nil
}
