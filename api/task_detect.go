package api

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"time"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

// Detection is one object found in a picture, as answers tell it.
type Detection struct {
	Label      string     `json:"label" doc:"what it is"`
	CategoryID int        `json:"category_id" doc:"COCO's category id, 1 to 90"`
	Score      float32    `json:"score" doc:"confidence, 0 to 1"`
	Box        [4]float32 `json:"box" doc:"x_min, y_min, x_max, y_max in pixels of the picture as given, after EXIF orientation"`
	Regions    []string   `json:"regions,omitempty" doc:"names of the request's regions that it is in, if the request has regions"`
}

// Result is what /detect answers for one picture.
type Result struct {
	Width      int                `json:"width" doc:"of the picture, pixels, after EXIF orientation"`
	Height     int                `json:"height" doc:"of the picture, pixels, after EXIF orientation"`
	Model      string             `json:"model" doc:"the model that looked"`
	Detections []Detection        `json:"detections" doc:"what it shows, best first"`
	TimingMS   map[string]float64 `json:"timing_ms" doc:"milliseconds by stage: fetch, queue, decode, the model's own, draw, total"`
	Warnings   []string           `json:"warnings,omitempty" doc:"what is wrong with a damaged picture that could be read all the same"`
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

// DetectRequest is the JSON form of a request to /detect.
type DetectRequest struct {
	Image         base64Picture   `json:"image,omitempty" doc:"the picture as base64, with or without data:image/...;base64, in front"`
	Images        []base64Picture `json:"images,omitempty" doc:"several pictures instead of one"`
	Threshold     *float64        `json:"threshold,omitempty" doc:"lowest score, 0 to 1"`
	MaxDetections *int            `json:"max_detections,omitempty" doc:"most detections a picture"`
	Labels        labelRules      `json:"labels,omitempty" doc:"wanted labels: text as in the query, a list, or an object of thresholds"`
	Regions       []Region        `json:"regions,omitempty" doc:"parts of the picture in which objects count"`
	Model         string          `json:"model,omitempty" doc:"which model, the default one if not given"`
	URL           string          `json:"url,omitempty" doc:"the picture's address instead of the picture, if the service allows it"`
}

var detectTask = &task{
	name: "detect", noun: "detector", draws: true,
	params:   []string{"threshold", "max_detections", "labels", "regions", "model", "url"},
	readJSON: readDetectJSON,
	resolve: func(c *Config, m *openModel, p *params, form answerForm) (*wish, error) {
		f, err := p.resolve(m.labels, defaults{c.Threshold, c.MaxDetections})
		if err != nil {
			return nil, err
		}
		return &wish{form: form, keep: f.apply}, nil
	},
	answer: func(model string, out *seen) any { return out.result(model) },
	batch: func(model string, entries []batchEntry) any {
		b := Batch{Model: model, Results: make([]BatchEntry, len(entries))}
		for i, e := range entries {
			b.Results[i] = BatchEntry{Name: e.name, Error: e.problem}
			if e.seen != nil {
				b.Results[i].Result = e.seen.result(model)
			}
		}
		return b
	},
}

func (OpenDetector) task() *task { return detectTask }

func (load OpenDetector) open() (*openModel, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	info := d.Info()
	m := &openModel{
		weights: info.Name, width: info.Width, height: info.Height, ap: info.AP.AP,
		classes: classesOf(info.Classes), look: lookWithDetector(d),
	}
	for i := range m.classes {
		c := detector.ClassColor(m.classes[i].ID)
		m.classes[i].Color = fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
	}
	if r, ok := d.(reducer); ok {
		m.decodeSize = r.DecodeSize()
	}
	return m, nil
}

// reducer is a [Detector] to which photos may come reduced, see
// [photo.Options].
type reducer interface{ DecodeSize() image.Point }

// lookWithDetector asks for everything the model reports: requests choose.
func lookWithDetector(d Detector) func(context.Context, *photo.Photo, *wish, *seen) error {
	return func(ctx context.Context, pic *photo.Photo, w *wish, out *seen) error {
		r, err := d.Detect(ctx, pic, detector.Filter{Threshold: detector.Everything, MaxDetections: math.MaxInt32})
		if err != nil {
			return err
		}
		t := r.Timing
		out.stages = append(out.stages, stage{"preprocess", t.Preprocess}, stage{"network", t.Network},
			stage{"proposals", t.Proposals}, stage{"second_stage", t.SecondStage}, stage{"postprocess", t.Postprocess})
		out.found = w.keep(r.Detections, out.width, out.height)
		if w.form == formJSON {
			return nil
		}
		start := time.Now()
		defer func() { out.time("draw", start) }()
		if pic, err = pic.Full(); err != nil {
			return decodeFailure(err)
		}
		out.drawn, err = encode(drawFound(pic, out.found), w.form)
		return err
	}
}

func drawFound(pic image.Image, list []found) image.Image {
	boxes := make([]detector.Detection, len(list))
	for i, f := range list {
		boxes[i] = f.Detection
	}
	return detector.Draw(pic, boxes)
}

// result is what was seen, for JSON.
func (out *seen) result(model string) *Result {
	list := make([]Detection, len(out.found))
	for i, f := range out.found {
		b := f.Box
		list[i] = Detection{f.Label, f.CategoryID, f.Score, [4]float32{b.X1, b.Y1, b.X2, b.Y2}, f.regions}
	}
	return &Result{out.width, out.height, model, list, timings(out.stages), out.warnings}
}

func readDetectJSON(r io.Reader) (params, jsonPictures, error) {
	var req DetectRequest
	if err := decodeStrict(r, &req); err != nil {
		return params{}, jsonPictures{}, err
	}
	p := params{
		model: req.Model, threshold: req.Threshold, maxDetections: req.MaxDetections,
		labels: req.Labels, regions: req.Regions, url: req.URL,
	}
	return p, jsonPictures{req.Image, req.Images}, p.check()
}
