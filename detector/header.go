package detector

import (
	"encoding/json"
	"errors"
	"fmt"

	"riffle/nn"
)

// Class is one kind of object that a model knows.
type Class struct {
	ID   int    `json:"id"` // COCO's category id, 1 to 90
	Name string `json:"name"`
}

// Header is what a model's file says about the model, as JSON under the key
// "riffle" of its safetensors metadata.
type Header struct {
	Format       int       `json:"format"` // 1
	Name         string    `json:"name"`
	Arch         string    `json:"arch"`  // of the backbone, as package backbone names it
	Kind         string    `json:"kind"`  // KindTwoStage
	Input        []int     `json:"input"` // height and width in pixels
	Mean         []float32 `json:"mean"`  // of red, green and blue, on a scale of 0 to 255
	Std          []float32 `json:"std"`
	Classes      []Class   `json:"classes"`
	Licence      string    `json:"licence"`
	NeckChannels int       `json:"neck_channels"`
	RoI          RoIHeader `json:"roi"`
	NMS          float64   `json:"nms"` // IoU above which detections of a class suppress each other
	AP           Measured  `json:"ap"`
}

// RoIHeader describes the second stage.
type RoIHeader struct {
	Channels          int     `json:"channels"`  // of the features it pools
	Size              int     `json:"size"`      // bins along a side of a region
	Sampling          int     `json:"sampling"`  // samples along a side of a bin
	Hidden            int     `json:"hidden"`    // width of its fully connected layers
	PreNMS            int     `json:"pre_nms"`   // pairs of a point and a class looked at
	Proposals         int     `json:"proposals"` // regions pooled
	NMS               float64 `json:"nms"`       // IoU above which proposals suppress each other
	SecondStageWeight float64 `json:"second_stage_weight"`
}

// Measured is a figure of quality and what it was measured on.
type Measured struct {
	Data string  `json:"data"`
	AP   float64 `json:"AP"` // COCO's, a fraction; 0 if unknown
}

// KindTwoStage is the kind of the trained detector: a dense first stage whose
// class scores are a prior for a RoIAlign second stage.
const KindTwoStage = "two_stage"

// headerKey is the header's name in the file's metadata.
const headerKey = "riffle"

// maxPooled bounds the features pooled from a picture: 256 MiB.
const maxPooled = 64 << 20

// ReadHeader reads and checks the header of a model's weights. The error names
// the field that is wrong.
func ReadHeader(w *nn.Weights) (Header, error) {
	var h Header
	text, ok := w.Metadata[headerKey]
	if !ok {
		return h, fmt.Errorf("model: the file's metadata has no %q: not a riffle detector", headerKey)
	}
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return h, fmt.Errorf("model header: %s: cannot be a %s", wrong.Field, wrong.Value)
		}
		return h, fmt.Errorf("model header: %w", err)
	}
	if err := h.check(); err != nil {
		return h, fmt.Errorf("model header: %w", err)
	}
	return h, nil
}

// check bounds every field, so that a wrong file is refused before memory is
// asked for.
func (h *Header) check() error {
	switch {
	case h.Format != 1:
		return fmt.Errorf("format: %d is not known, this program reads format 1", h.Format)
	case h.Kind != KindTwoStage:
		return fmt.Errorf("kind: %q is not known, this program runs %q", h.Kind, KindTwoStage)
	case len(h.Input) != 2:
		return fmt.Errorf("input: want height and width, got %d numbers", len(h.Input))
	case len(h.Mean) != 3:
		return fmt.Errorf("mean: want 3 numbers, got %d", len(h.Mean))
	case len(h.Std) != 3:
		return fmt.Errorf("std: want 3 numbers, got %d", len(h.Std))
	case h.NeckChannels%2 != 0:
		return fmt.Errorf("neck_channels: %d is odd", h.NeckChannels)
	}
	for _, s := range h.Std {
		if !(s > 0) {
			return fmt.Errorf("std: %v is not positive", s)
		}
	}
	if err := h.checkClasses(); err != nil {
		return err
	}
	whole := []struct {
		name      string
		v, lo, hi int
	}{
		{"input", h.Input[0], 32, 2048},
		{"input", h.Input[1], 32, 2048},
		{"neck_channels", h.NeckChannels, 2, 2048},
		{"roi.channels", h.RoI.Channels, 1, 1024},
		{"roi.size", h.RoI.Size, 1, 32},
		{"roi.sampling", h.RoI.Sampling, 1, 16},
		{"roi.hidden", h.RoI.Hidden, 1, 8192},
		{"roi.pre_nms", h.RoI.PreNMS, 1, 100_000},
		{"roi.proposals", h.RoI.Proposals, 1, 5000},
	}
	for _, f := range whole {
		if f.v < f.lo || f.v > f.hi {
			return fmt.Errorf("%s: %d is not from %d to %d", f.name, f.v, f.lo, f.hi)
		}
	}
	if n := h.RoI.Channels * h.RoI.Size * h.RoI.Size * h.RoI.Proposals; n > maxPooled {
		return fmt.Errorf("roi: channels x size x size x proposals is %d, at most %d allowed", n, maxPooled)
	}
	fractions := []struct {
		name string
		v    float64
	}{{"nms", h.NMS}, {"roi.nms", h.RoI.NMS}, {"roi.second_stage_weight", h.RoI.SecondStageWeight}, {"ap.AP", h.AP.AP}}
	for _, f := range fractions {
		if !(f.v >= 0 && f.v <= 1) {
			return fmt.Errorf("%s: %v is not from 0 to 1", f.name, f.v)
		}
	}
	return nil
}

func (h *Header) checkClasses() error {
	if n := len(h.Classes); n < 1 || n > 10_000 {
		return fmt.Errorf("classes: %d are not from 1 to 10000", n)
	}
	ids, names := map[int]bool{}, map[string]bool{}
	for i, c := range h.Classes {
		switch {
		case c.Name == "":
			return fmt.Errorf("classes: number %d has no name", i)
		case names[c.Name]:
			return fmt.Errorf("classes: two are called %q", c.Name)
		case ids[c.ID]:
			return fmt.Errorf("classes: two have id %d", c.ID)
		}
		ids[c.ID], names[c.Name] = true, true
	}
	return nil
}
