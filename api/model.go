package api

import (
	"context"
	"image"
	"time"

	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

// Detector finds objects in pictures. It is what a server needs of a
// [detector.Detector]; whatever else finds boxes in an image.Image will do. Like
// [Classifier] and [Segmenter] it must be safe for concurrent callers: a server
// calls it from as many goroutines as the [Model] has workers.
type Detector interface {
	// Info describes the model; it does not change.
	Info() detector.Info
	// Detect returns what the picture shows, best first, with boxes in the pixels
	// of the upright picture. It should return soon after ctx ends.
	Detect(ctx context.Context, photo image.Image, f detector.Filter) (detector.Result, error)
}

// Classifier tells what pictures show as a whole, as [classifier.Classifier] does.
type Classifier interface {
	Info() classifier.Info
	// Classify returns the top likeliest classes, the likeliest first.
	Classify(ctx context.Context, photo image.Image, top int) (classifier.Result, error)
}

// Segmenter tells for every pixel of a picture what it shows, as
// [segmenter.Segmenter] does.
type Segmenter interface {
	Info() segmenter.Info
	Segment(ctx context.Context, photo image.Image) (segmenter.Result, error)
}

// Model is one model that a server offers.
type Model struct {
	// Name is what requests choose it by, in the query "model" or in the path
	// of a compatible route.
	Name string
	// Open loads it: an [OpenDetector], [OpenClassifier] or [OpenSegmenter], which
	// says what the model does. It is called once, on the first request that needs
	// the model, and again on the next one after it failed.
	Open Opener
	// Workers is how many pictures are worked on at a time, default
	// GOMAXPROCS divided by Threads.
	Workers int
	// Threads is how many threads one picture takes, default 1. It only sets
	// the default of Workers: Open decides what the detector really uses.
	Threads int
	// Queue is how many more may wait in a burst; a request that finds it full
	// is answered 503 at once. Default 16 for each worker; -1 for none.
	Queue int
	// MaxWait is how long one may wait while more requests come than can be
	// answered: as many are let in, at most Queue, as are answered within it.
	// Default [DefaultMaxWait]. A negative one lets one wait for every two workers,
	// so that those who are let in are answered soonest and most are refused.
	MaxWait time.Duration
}

// DefaultMaxWait suits recorders, whose cameras wait for an answer before they
// send the next picture and take a refusal for a fault.
const DefaultMaxWait = 500 * time.Millisecond

// Opener loads a model. The type of the function decides what the model does.
type Opener interface {
	task() *task
	open() (*openModel, error)
}

// OpenDetector loads a model that answers /detect and the routes of the other
// protocols.
type OpenDetector func() (Detector, error)

// OpenClassifier loads a model that answers /classify.
type OpenClassifier func() (Classifier, error)

// OpenSegmenter loads a model that answers /segment.
type OpenSegmenter func() (Segmenter, error)

// openModel is a loaded model of any kind.
type openModel struct {
	weights       string // what its file calls it
	width, height int    // of the network's input, pixels
	classes       []Class
	labels        *labelIndex
	ap            float64     // COCO AP, 0 if unknown
	decodeSize    image.Point // that photos may be reduced to, see [photo.Options]
	// look adds what the model sees in a picture.
	look func(ctx context.Context, pic *photo.Photo, w *wish, out *seen) error
}

// Class is one kind of object that a model knows.
type Class struct {
	ID   int    `json:"id" doc:"COCO's category id, 1 to 90, or the number of the class"`
	Name string `json:"name" doc:"the label"`
	// Color is set for detectors.
	Color string `json:"color,omitempty" doc:"of its boxes in drawn pictures, as #rrggbb"`
}

func classesOf(in []detector.Class) []Class {
	out := make([]Class, len(in))
	for i, c := range in {
		out[i] = Class{ID: c.ID, Name: c.Name}
	}
	return out
}
