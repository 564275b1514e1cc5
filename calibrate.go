package riffle

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"iter"

	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

// Calibrate notes which values a model's layers hold when it looks at photos:
// what Int8 needs of a model of your own. It looks at the files in turn, until ctx
// ends, and reads photos within the limits; skipped, if not nil, is told of those
// that cannot be read. The result's JSON belongs in a file beside the model's, see
// [models.CalibrationPath].
func Calibrate(ctx context.Context, model string, paths iter.Seq[string], limits photo.Limits, skipped func(path string, err error)) (*modelfile.Calibration, error) {
	file, err := models.Open(model)
	if err != nil {
		return nil, err
	}
	seen := nn.NewCalibrator()
	look, size, err := observed(file.Data, seen.Observe)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", cmp.Or(model, file.Name), err)
	}
	looked := 0
	for path := range paths {
		p, err := photo.Open(path, photo.Options{Limits: limits, Size: size})
		if err == nil {
			err = look(ctx, p)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			looked++
		} else if skipped != nil {
			skipped(path, err)
		}
	}
	return modelfile.NewCalibration(file.Data, seen.Ranges(), looked)
}

// observed makes a model of any kind that shows observe what its layers are given
// when it looks at a photo, decoded for the returned size.
func observed(weights []byte, observe func(layer string, input [][]float32)) (look func(context.Context, image.Image) error, size image.Point, err error) {
	w, err := nn.ReadWeights(weights)
	if err != nil {
		return nil, size, err
	}
	o := modelfile.Options{Workers: 1, Observe: observe}
	switch modelfile.TaskOf(modelfile.Kind(w)) {
	case modelfile.Classify:
		c, err := classifier.New(weights, o)
		return func(ctx context.Context, img image.Image) error {
			_, err := c.Classify(ctx, img, 1)
			return err
		}, size, err
	case modelfile.Segment:
		s, err := segmenter.New(weights, o)
		return func(ctx context.Context, img image.Image) error {
			_, err := s.Segment(ctx, img)
			return err
		}, size, err
	}
	d, err := detector.New(weights, o)
	if err != nil {
		return nil, size, err
	}
	return func(ctx context.Context, img image.Image) error {
		_, err := d.Detect(ctx, img, detector.Filter{Threshold: detector.Everything})
		return err
	}, d.DecodeSize(), nil
}
