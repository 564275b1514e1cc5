// Package modelfile says what all models' files have in common: safetensors
// with a header, JSON under the key "riffle" of the metadata. It is the one
// place that knows which kinds of models there are and which command runs each.
package modelfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/riffle/nn"
)

// Key is the header's name in the file's metadata.
const Key = "riffle"

// Format is the version of the header that this program reads and writes.
const Format = 1

// The kinds of models.
const (
	TwoStage   = "two_stage"   // dense first stage, RoIAlign second stage
	SSDLite    = "ssdlite"     // one stage over six maps
	FasterRCNN = "faster_rcnn" // region proposals over anchors, RoIAlign box head
	Classifier = "classifier"  // what a picture shows, as a whole
	Segmenter  = "segmenter"   // what every pixel shows
)

// Task is what a model does, by the name of the command and of the route that
// run it: "riffle detect", POST /detect.
type Task string

// The tasks.
const (
	Detect   Task = "detect"
	Classify Task = "classify"
	Segment  Task = "segment"
)

// kinds are all of them, with what a user calls them.
var kinds = []struct {
	kind, noun string
	task       Task
}{
	{TwoStage, "a detector", Detect},
	{SSDLite, "a detector", Detect},
	{FasterRCNN, "a detector", Detect},
	{Classifier, "a classifier", Classify},
	{Segmenter, "a segmenter", Segment},
}

// TaskOf is what models of a kind do, "" if the kind is unknown.
func TaskOf(kind string) Task {
	for _, k := range kinds {
		if k.kind == kind {
			return k.task
		}
	}
	return ""
}

// ErrWrongKind is what errors wrap that were met with a model of another kind
// than was asked for.
var ErrWrongKind = errors.New("a model of another kind")

// wrongKind says what a model is, and is ErrWrongKind.
type wrongKind struct{ text string }

func (e *wrongKind) Error() string        { return e.text }
func (e *wrongKind) Is(target error) bool { return target == ErrWrongKind }

// Class is one of the things that a model tells apart.
type Class struct {
	ID   int    `json:"id"` // of COCO's categories, 1 to 90, or else the number of the network's output
	Name string `json:"name"`
}

// Header is what every model's header says.
type Header struct {
	Format  int       `json:"format"` // 1
	Name    string    `json:"name"`
	Arch    string    `json:"arch"`  // of the backbone, as package backbone names it
	Kind    string    `json:"kind"`  // what the model does
	Input   []int     `json:"input"` // height and width in pixels
	Mean    []float32 `json:"mean"`  // of red, green and blue, on a scale of 0 to 255
	Std     []float32 `json:"std"`
	Classes []Class   `json:"classes"`
	Licence string    `json:"licence"`
}

// Read reads a model's header into a struct that embeds [Header]. The error
// names the field that is wrong.
func Read(w *nn.Weights, into any) error {
	text, ok := w.Metadata[Key]
	if !ok {
		return fmt.Errorf("model: the file's metadata has no %q: not a model of riffle (riffle models import makes one of a checkpoint)", Key)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return fmt.Errorf("model header: %s: cannot be a %s", strings.TrimPrefix(wrong.Field, "Header."), wrong.Value)
		}
		return fmt.Errorf("model header: %w", err)
	}
	return nil
}

// Kind reads the kind alone, empty if the file does not say.
func Kind(w *nn.Weights) string {
	var h struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal([]byte(w.Metadata[Key]), &h) != nil {
		return ""
	}
	return h.Kind
}

// Write makes a model's file of tensors and a header, a struct that embeds
// [Header]. half says which tensors are stored as float16.
func Write(tensors map[string]nn.Tensor, header any, half func(name string, t nn.Tensor) bool) ([]byte, error) {
	text, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("model header: %w", err)
	}
	return nn.EncodeWeights(&nn.Weights{Tensors: tensors, Metadata: map[string]string{Key: string(text)}}, half)
}

// Expect is an error unless the model is of one of the wanted kinds; it says
// what the model is and which command runs it.
func (h *Header) Expect(wanted ...string) error {
	if slices.Contains(wanted, h.Kind) {
		return nil
	}
	for _, k := range kinds {
		if k.kind == h.Kind {
			return &wrongKind{fmt.Sprintf("%q is %s: use riffle %s or POST /%s", h.Name, k.noun, k.task, k.task)}
		}
	}
	return fmt.Errorf("model header: kind: %q is not known, this program runs %s", h.Kind, knownKinds())
}

func knownKinds() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.kind
	}
	return strings.Join(names, ", ")
}

// Check bounds every field, so that a wrong file is refused before memory is
// asked for.
func (h *Header) Check() error {
	switch {
	case h.Format != Format:
		return fmt.Errorf("format: %d is not known, this program reads format %d", h.Format, Format)
	case len(h.Input) != 2:
		return fmt.Errorf("input: want height and width, got %d numbers", len(h.Input))
	case len(h.Mean) != 3:
		return fmt.Errorf("mean: want 3 numbers, got %d", len(h.Mean))
	case len(h.Std) != 3:
		return fmt.Errorf("std: want 3 numbers, got %d", len(h.Std))
	}
	for _, s := range h.Std {
		if !(s > 0) {
			return fmt.Errorf("std: %v is not positive", s)
		}
	}
	for _, n := range h.Input {
		if n < 32 || n > 2048 {
			return fmt.Errorf("input: %d is not from 32 to 2048", n)
		}
	}
	return h.checkClasses()
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
