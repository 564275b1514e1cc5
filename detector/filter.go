package detector

import (
	"fmt"
	"image"
	"math"
	"slices"

	"example.com/riffle/internal/suggest"
)

// DefaultThreshold is the score that detections must be above if nobody says
// otherwise, in the library as in the programs made of it.
const DefaultThreshold = 0.3

// Everything as a threshold asks for all that a model reports, which is nothing
// whose score of the network's own is 0.01 or less (SSDLite: 0.001).
const Everything = -1

// Above is the Threshold of a [Filter] for a score of 0 to 1 that somebody asked
// for, by which 0 is no default but [Everything].
func Above(score float64) float64 {
	if score <= 0 {
		return Everything
	}
	return score
}

// DefaultMaxDetections is COCO's bound on detections of a picture.
const DefaultMaxDetections = 100

// Filter says which detections are wanted of a picture. The zero value wants the
// best 100 of all classes above [DefaultThreshold].
type Filter struct {
	// Threshold is the score that detections must be above, up to 1; 0 means
	// DefaultThreshold, a negative one is [Everything].
	Threshold float64
	// MaxDetections bounds their number, the best are kept; 0 means 100.
	MaxDetections int
	// Labels are the names of the wanted classes; none means all.
	Labels []string
	// Part of the picture to look at, in its pixels; the zero value is all of it.
	// Boxes are in pixels of the whole picture all the same.
	Part image.Rectangle
	// Tiles are looked at beside the whole picture, or beside Part.
	Tiles Tiles
	// Into is a slice that detections are appended to, say that of an earlier
	// frame cut to length 0; nil makes one.
	Into []Detection
}

func (f *Filter) check(size image.Point) error {
	if !f.Part.Empty() && !f.Part.In(image.Rectangle{Max: size}) {
		return fmt.Errorf("part: %v is not within a picture of %d x %d pixels", f.Part, size.X, size.Y)
	}
	if !(f.Threshold <= 1) {
		return fmt.Errorf("threshold: %v is not from 0 to 1", f.Threshold)
	}
	if f.MaxDetections < 0 || f.MaxDetections > math.MaxInt32 {
		return fmt.Errorf("max detections: %d is not from 0 to %d", f.MaxDetections, math.MaxInt32)
	}
	return f.Tiles.check()
}

// choice is a [Filter] as the rules of a network read it.
type choice struct {
	threshold float32 // of the network's own score
	limit     int
	wanted    []bool // by class; nil for all

	memory []bool // of wanted, kept from picture to picture
}

// choose sets what is wanted of the next picture.
func (w *worker) choose(k kind, f Filter) error {
	h := w.header
	threshold := f.Threshold
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	c := &w.choice
	c.threshold, c.limit, c.wanted = max(h.ScoreCurve.score(float32(threshold)), k.floor(h)), f.MaxDetections, nil
	if c.limit == 0 {
		c.limit = DefaultMaxDetections
	}
	if len(f.Labels) == 0 {
		return nil
	}
	if c.memory == nil {
		c.memory = make([]bool, len(h.Classes))
	}
	clear(c.memory)
	c.wanted = c.memory
	for _, label := range f.Labels {
		i := slices.IndexFunc(h.Classes, func(c Class) bool { return c.Name == label })
		if i < 0 {
			return h.unknownLabel(label)
		}
		c.wanted[i] = true
	}
	return nil
}

func (h *Header) unknownLabel(label string) error {
	names := make([]string, len(h.Classes))
	for i, c := range h.Classes {
		names[i] = c.Name
	}
	return fmt.Errorf("labels: unknown label %q%s", label, suggest.Hint(label, names))
}
