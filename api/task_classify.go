package api

import (
	"context"
	"io"

	"example.com/riffle/photo"
)

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
	Warnings []string           `json:"warnings,omitempty" doc:"what is wrong with a damaged picture that could be read all the same"`
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

var classifyTask = &task{
	name: "classify", noun: "classifier",
	params:   []string{"top", "model", "url"},
	readJSON: readClassifyJSON,
	resolve: func(_ *Config, _ *openModel, p *params, _ answerForm) (*wish, error) {
		w := &wish{top: defaultTop}
		if p.top != nil {
			w.top = *p.top
		}
		return w, nil
	},
	answer: func(model string, out *seen) any { return out.classification(model) },
	batch: func(model string, entries []batchEntry) any {
		b := ClassificationBatch{Model: model, Results: make([]ClassificationEntry, len(entries))}
		for i, e := range entries {
			b.Results[i] = ClassificationEntry{Name: e.name, Error: e.problem}
			if e.seen != nil {
				b.Results[i].Classification = e.seen.classification(model)
			}
		}
		return b
	},
}

func (OpenClassifier) task() *task { return classifyTask }

func (load OpenClassifier) open() (*openModel, error) {
	c, err := load()
	if err != nil {
		return nil, err
	}
	info := c.Info()
	return &openModel{
		weights: info.Name, width: info.Width, height: info.Height, classes: classesOf(info.Classes),
		look: func(ctx context.Context, pic *photo.Photo, w *wish, out *seen) error {
			r, err := c.Classify(ctx, pic, w.top)
			out.classes = r.Classes
			out.stages = append(out.stages, stage{"preprocess", r.Timing.Preprocess}, stage{"network", r.Timing.Network})
			return err
		},
	}, nil
}

// classification is what was seen, for JSON.
func (out *seen) classification(model string) *Classification {
	list := make([]ClassScore, len(out.classes))
	for i, c := range out.classes {
		list[i] = ClassScore(c)
	}
	return &Classification{out.width, out.height, model, list, timings(out.stages), out.warnings}
}

func readClassifyJSON(r io.Reader) (params, jsonPictures, error) {
	var req ClassifyRequest
	if err := decodeStrict(r, &req); err != nil {
		return params{}, jsonPictures{}, err
	}
	p := params{model: req.Model, top: req.Top, url: req.URL}
	return p, jsonPictures{req.Image, req.Images}, p.check()
}
