package api

import (
	"context"
	"io"
	"time"

	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

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
	Warnings []string           `json:"warnings,omitempty" doc:"what is wrong with a damaged picture that could be read all the same"`
}

// SegmentRequest is the JSON form of a request to /segment.
type SegmentRequest struct {
	Image base64Picture `json:"image,omitempty" doc:"the picture as base64, with or without data:image/...;base64, in front"`
	Map   bool          `json:"map,omitempty" doc:"whether the JSON answer holds the class map"`
	Show  string        `json:"show,omitempty" doc:"what an answer that is a picture shows: classes or overlay"`
	Model string        `json:"model,omitempty" doc:"which segmenter, the first one if not given"`
	URL   string        `json:"url,omitempty" doc:"the picture's address instead of the picture, if the service allows it"`
}

// What an answer of /segment that is a picture shows.
const (
	showClasses = "classes"
	showOverlay = "overlay"
)

var segmentTask = &task{
	name: "segment", noun: "segmenter", draws: true, pictures: 1,
	params:   []string{"map", "show", "model", "url"},
	readJSON: readSegmentJSON,
	resolve: func(_ *Config, _ *openModel, p *params, form answerForm) (*wish, error) {
		w := &wish{form: form, show: p.show, classMap: p.classMap}
		if w.show == "" && form == formPNG {
			w.show = showClasses
		}
		if w.show == showClasses && form == formJPEG {
			return nil, failf(kindNotAcceptable, "the class map is answered as image/png, which changes no pixel; as image/jpeg comes the overlay")
		}
		return w, nil
	},
	answer: func(model string, out *seen) any { return out.segmentation(model) },
}

func (OpenSegmenter) task() *task { return segmentTask }

func (load OpenSegmenter) open() (*openModel, error) {
	s, err := load()
	if err != nil {
		return nil, err
	}
	info := s.Info()
	return &openModel{
		weights: info.Name, width: info.Resize, height: info.Resize, classes: classesOf(info.Classes),
		look: lookWithSegmenter(s),
	}, nil
}

func lookWithSegmenter(s Segmenter) func(context.Context, *photo.Photo, *wish, *seen) error {
	return func(ctx context.Context, pic *photo.Photo, w *wish, out *seen) error {
		r, err := s.Segment(ctx, pic)
		if err != nil {
			return err
		}
		out.shares = r.Shares
		t := r.Timing
		out.stages = append(out.stages, stage{"preprocess", t.Preprocess}, stage{"network", t.Network}, stage{"postprocess", t.Postprocess})
		start := time.Now()
		switch {
		case w.form == formJSON && !w.classMap:
			return nil
		case w.form == formJSON || w.show == showClasses:
			out.drawn, err = encode(r.Map, formPNG)
		default:
			out.drawn, err = encode(segmenter.Overlay(pic, r.Map), w.form)
		}
		out.time("draw", start)
		return err
	}
}

// segmentation is what was seen, for JSON.
func (out *seen) segmentation(model string) *Segmentation {
	list := make([]ClassShare, len(out.shares))
	for i, c := range out.shares {
		list[i] = ClassShare(c)
	}
	return &Segmentation{out.width, out.height, model, list, out.drawn, timings(out.stages), out.warnings}
}

func readSegmentJSON(r io.Reader) (params, jsonPictures, error) {
	var req SegmentRequest
	if err := decodeStrict(r, &req); err != nil {
		return params{}, jsonPictures{}, err
	}
	p := params{model: req.Model, show: req.Show, classMap: req.Map, url: req.URL}
	return p, jsonPictures{one: req.Image}, p.check()
}
