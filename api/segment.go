package api

import (
	"context"
	"image"
	"net/http"

	"example.com/riffle/segmenter"
)

// Segmenter tells for every pixel of a picture what it shows. [FromSegmenter]
// makes one of package segmenter's. It must be safe for concurrent callers, as
// [Detector] must.
type Segmenter interface {
	// Info describes the model; it does not change.
	Info() Info
	// Segment returns the class of every pixel of the upright picture, how much
	// of it each class takes, the largest first, and the stages' times. It should
	// return soon after ctx ends.
	Segment(ctx context.Context, photo image.Image) (*image.Paletted, []ClassShare, []Stage, error)
}

// ClassShare is one class with the part of a picture that it takes.
type ClassShare struct {
	Label  string  `json:"label" doc:"the class"`
	ID     int     `json:"id" doc:"number of the class: the value of its pixels in the class map"`
	Pixels int     `json:"pixels" doc:"how many pixels show it"`
	Share  float64 `json:"share" doc:"part of the picture that shows it, 0 to 1"`
}

// Segmentation is what /segment answers for one picture.
type Segmentation struct {
	Width    int                `json:"width" doc:"of the picture, pixels, after EXIF orientation"`
	Height   int                `json:"height" doc:"of the picture, pixels, after EXIF orientation"`
	Model    string             `json:"model" doc:"the model that looked"`
	Classes  []ClassShare       `json:"classes" doc:"what it shows, the largest part first"`
	Map      base64Picture      `json:"map,omitempty" doc:"the class map as a PNG in base64, if it was asked for: of the picture's size, a pixel's value is its class's number"`
	TimingMS map[string]float64 `json:"timing_ms" doc:"milliseconds by stage: fetch, queue, decode, the model's own, draw, total"`
}

// SegmentRequest is the JSON form of a request to /segment.
type SegmentRequest struct {
	Image base64Picture `json:"image,omitempty" doc:"the picture as base64, with or without data:image/...;base64, in front"`
	Map   bool          `json:"map,omitempty" doc:"whether the JSON answer holds the class map"`
	Show  string        `json:"show,omitempty" doc:"what an answer that is a picture shows: classes or overlay"`
	Model string        `json:"model,omitempty" doc:"which segmenter, the first one if not given"`
	URL   string        `json:"url,omitempty" doc:"the picture's address instead of the picture, if the service allows it"`
}

// segmentParams are the names that query and form fields of /segment may have.
var segmentParams = []string{"map", "show", "model", "url"}

// What an answer of /segment that is a picture shows.
const (
	showClasses = "classes"
	showOverlay = "overlay"
)

// handleSegment is POST /segment.
func (s *Server) handleSegment(w http.ResponseWriter, r *http.Request) error {
	form, err := negotiate(r)
	if err != nil {
		return err
	}
	p := params{names: segmentParams}
	if err := p.setQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if _, err := s.segmenters.find(p.model); err != nil {
		return err
	}
	if m := s.segmenters.refusing(p.model); m != nil {
		return s.refusal(r.Context(), m, errGateFull) // before the body is read
	}
	in, err := s.newIntake(w, r)
	if err != nil {
		return err
	}
	defer in.free()
	in.fetches = true
	sub := &submission{params: params{names: segmentParams}}
	if p.url == "" || r.ContentLength != 0 {
		if err := sub.read(r, in, 1); err != nil {
			return in.readError(err)
		}
	}
	p.overlay(sub.params)
	m, err := s.segmenters.find(p.model)
	if err != nil {
		return err
	}
	t := task{form: form, show: p.show, classMap: p.classMap}
	if t.show == "" && form == formPNG {
		t.show = showClasses
	}
	if t.show == showClasses && form == formJPEG {
		return failf(kindNotAcceptable, "the class map is answered as image/png, which changes no pixel; as image/jpeg comes the overlay")
	}
	if err := m.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	if t.fetched, err = s.fetchPicture(ctx, m, p.url, in, sub); err != nil {
		return err
	}
	t.data = sub.pictures[0].data
	out, err := s.look(ctx, m, t)
	if err != nil {
		return err
	}
	note(r, m, 1, 0)
	w.Header().Add("Vary", "Accept")
	switch form {
	case formJPEG:
		w.Header().Set("Content-Type", "image/jpeg")
		writeBytes(w, http.StatusOK, out.drawn)
	case formPNG:
		w.Header().Set("Content-Type", "image/png")
		writeBytes(w, http.StatusOK, out.drawn)
	default:
		writeJSON(w, r, http.StatusOK, "application/json",
			&Segmentation{out.width, out.height, m.Name, out.shares, out.drawn, timings(out.stages)})
	}
	return nil
}

// segment looks at a picture with a segmenter and draws what is asked for.
func (s *Server) segment(ctx context.Context, m *served, photo image.Image, t task, out *seen, clock *stopwatch) error {
	classes, shares, stages, err := m.segmenter.Segment(ctx, photo)
	if err != nil {
		return err
	}
	out.shares = shares
	out.stages = append(out.stages, stages...)
	clock.skip()
	switch {
	case t.form == formJSON && !t.classMap:
		return nil
	case t.form == formJSON || t.show == showClasses:
		out.drawn, err = encode(classes, formPNG)
	default:
		out.drawn, err = encode(segmenter.Overlay(photo, classes), t.form)
	}
	clock.lap("draw")
	return err
}

// FromSegmenter makes a [Segmenter] of package segmenter's.
func FromSegmenter(s *segmenter.Segmenter) Segmenter {
	in := s.Info()
	info := Info{Name: in.Name, Width: in.Resize, Height: in.Resize, MACs: in.MACs}
	for _, k := range in.Classes {
		info.Classes = append(info.Classes, Class{ID: k.ID, Name: k.Name})
	}
	return &segmenterAdapter{s, info}
}

type segmenterAdapter struct {
	segmenter *segmenter.Segmenter
	info      Info
}

func (a *segmenterAdapter) Info() Info { return a.info }

func (a *segmenterAdapter) Segment(ctx context.Context, photo image.Image) (*image.Paletted, []ClassShare, []Stage, error) {
	r, err := a.segmenter.Segment(ctx, photo)
	if err != nil {
		return nil, nil, nil, err
	}
	list := make([]ClassShare, len(r.Shares))
	for i, c := range r.Shares {
		list[i] = ClassShare{c.Label, c.ID, c.Pixels, c.Share}
	}
	return r.Map, list, []Stage{{"preprocess", r.Timing.Preprocess}, {"network", r.Timing.Network}, {"postprocess", r.Timing.Postprocess}}, nil
}
