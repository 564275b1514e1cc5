package api

import (
	"context"
	"image"
	"time"
)

// Class is one kind of object that a model knows.
type Class struct {
	ID   int    `json:"id" doc:"COCO's category id, 1 to 90"`
	Name string `json:"name" doc:"the label"`
}

// Info describes a loaded model.
type Info struct {
	Name          string  // as its weights name it
	Width, Height int     // of the network's input, pixels
	Classes       []Class // all of them, in the order of the network's outputs
	MACs          int64   // multiply-adds of one run, 0 if unknown
	AP            float64 // COCO AP of its weights, 0 if unknown
}

// Detection is one object found in a picture.
type Detection struct {
	Label      string     `json:"label" doc:"what it is"`
	CategoryID int        `json:"category_id" doc:"COCO's category id, 1 to 90"`
	Score      float32    `json:"score" doc:"confidence, 0 to 1"`
	Box        [4]float32 `json:"box" doc:"x_min, y_min, x_max, y_max in pixels of the picture as given, after EXIF orientation"`
	Regions    []string   `json:"regions,omitempty" doc:"names of the request's regions that it is in, if the request has regions"`
}

// Stage is the time one step of a detection took.
type Stage struct {
	Name string
	Took time.Duration
}

// Detector finds objects in pictures. It is what a server needs of a model;
// [FromDetector] makes one of package detector's. It must be safe for concurrent
// callers: a server calls Detect from as many goroutines as the [Model] has
// workers.
type Detector interface {
	// Info describes the model; it does not change.
	Info() Info
	// Detect returns what the picture shows, best first, with boxes in the
	// pixels of the upright picture, and the stages' times. It should return
	// soon after ctx ends.
	Detect(ctx context.Context, photo image.Image) ([]Detection, []Stage, error)
}

// Model is one model that a server offers.
type Model struct {
	// Name is what requests choose it by, in the query "model" or in the path
	// of a compatible route. Models of all kinds share no names.
	Name string
	// Open loads it. It is called once, on the first request that needs it,
	// and again on the next one after it failed.
	Open func() (Detector, error)
	// OpenClassifier loads it instead, if it is one of Config.Classifiers.
	OpenClassifier func() (Classifier, error)
	// OpenSegmenter loads it instead, if it is one of Config.Segmenters.
	OpenSegmenter func() (Segmenter, error)
	// Workers is how many pictures are worked on at a time, default
	// GOMAXPROCS divided by Threads.
	Workers int
	// Threads is how many threads one picture takes, default 1. It only sets
	// the default of Workers: Open decides what the detector really uses.
	Threads int
	// Queue is how many more may wait in a burst; a request that finds it full
	// is answered 503 at once. When the queue does not empty for long, one may
	// wait for every two workers, so that those who get in are answered soon.
	// Default 16 for each worker; -1 for none.
	Queue int
	// MaxWait lets more wait in such a flood, at most Queue, as long as none of
	// them waits longer than this: for clients who bear waiting better than 503.
	MaxWait time.Duration
}
