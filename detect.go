package riffle

import (
	"context"
	"image"

	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

type (
	// Filter says which detections are wanted; the zero value those with a score
	// above 0.3.
	Filter = detector.Filter
	// Result is what a photo shows.
	Result = detector.Result
	// Detection is one object: label, score and box in the photo's own pixels.
	Detection = detector.Detection
	// Box is X1, Y1, X2, Y2 in pixels.
	Box = detector.Box
)

// Everything as a Filter's threshold asks for all that a model reports.
const Everything = detector.Everything

// Detector finds objects. Its Detect takes any [image.Image].
type Detector struct{ *detector.Detector }

// DetectFile finds the objects of the photo in a file, which is looked at upright.
func (d *Detector) DetectFile(ctx context.Context, path string, f Filter) (Result, error) {
	input := d.DecodeSize()
	p, err := photo.Open(path, photo.Options{SizeFor: func(file image.Point) image.Point { return f.Tiles.DecodeSize(file, input) }})
	if err != nil {
		return Result{}, err
	}
	return d.Detect(ctx, p, f)
}

// Draw copies a picture, upright, with boxes and labels.
func Draw(img image.Image, found []Detection) *image.RGBA { return detector.Draw(img, found) }

// Classifier says what pictures show as a whole. Its Classify takes any
// [image.Image].
type Classifier struct{ *classifier.Classifier }

// ClassifyFile returns the top likeliest classes of the photo in a file.
func (c *Classifier) ClassifyFile(ctx context.Context, path string, top int) (classifier.Result, error) {
	p, err := photo.Open(path, photo.Options{})
	if err != nil {
		return classifier.Result{}, err
	}
	return c.Classify(ctx, p, top)
}

// Segmenter says what every pixel shows. Its Segment takes any [image.Image].
type Segmenter struct{ *segmenter.Segmenter }

// SegmentFile returns the class of every pixel of the photo in a file.
func (s *Segmenter) SegmentFile(ctx context.Context, path string) (segmenter.Result, error) {
	p, err := photo.Open(path, photo.Options{})
	if err != nil {
		return segmenter.Result{}, err
	}
	return s.Segment(ctx, p)
}
