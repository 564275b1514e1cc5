package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"os/signal"
	"syscall"

	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/segmenter"
)

type calibrateCmd struct {
	Model string `arg:"" optional:"" default:"${defaultModel}" placeholder:"NAME|FILE" help:"Embedded model or safetensors file (${default})."`

	Images    string `required:"" placeholder:"DIR" help:"Folder of photos to look at: such as the model was trained on, never those it is scored on."`
	Photos    int    `default:"256" help:"How many of them, spread over the folder in the order of their names (${default})."`
	Recursive bool   `short:"r" help:"Also look into the folders of the folder."`
	Out       string `short:"o" placeholder:"FILE" help:"Where to write; MODEL${calibrationExt} beside the model, or here for an embedded one, by default."`
}

// Help is shown below the flags.
func (*calibrateCmd) Help() string {
	return `Notes which values the network's layers see when the model looks at photos. That is what --precision int8 needs to know; it is read from the file of this ending beside the model's.

    riffle models calibrate my.safetensors --images train/images
    riffle detect --model my.safetensors --precision int8 street.jpg`
}

// Validate is called by kong after parsing.
func (c *calibrateCmd) Validate() error {
	if c.Photos < 1 {
		return errors.New("--photos must be positive")
	}
	return nil
}

// Run is called by kong.
func (c *calibrateCmd) Run(std stdio) error {
	file, err := models.Open(c.Model)
	if err != nil {
		return err
	}
	seen := nn.NewCalibrator()
	look, size, err := observed(file.Data, seen.Observe)
	if err != nil {
		return fmt.Errorf("model %s: %w", c.Model, err)
	}
	photos, err := folder(c.Images, c.Recursive)
	if err != nil {
		return fmt.Errorf("--images %s: %w", c.Images, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	looked := 0
	for _, path := range spread(photos, c.Photos) {
		photo, err := readPhotoFor(path, nil, size)
		if err == nil {
			err = look(ctx, photo)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted, nothing is written")
		}
		if err != nil {
			sayer{std}.one("%s: %s", path, oneLine(err.Error()))
			continue
		}
		looked++
	}
	calibration, err := modelfile.NewCalibration(file.Data, seen.Ranges(), looked)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = models.CalibrationPath(file)
	}
	if err := writeFile(out, calibration.JSON()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s: %d layers, %d photos\n", out, len(calibration.Ranges), calibration.Photos)
	return err
}

// observed makes a model of any kind of which see is shown what its layers are
// given when it looks at a photo, decoded for the returned size.
func observed(weights []byte, see func(layer string, input [][]float32)) (look func(context.Context, image.Image) error, size image.Point, err error) {
	w, err := nn.ReadWeights(weights)
	if err != nil {
		return nil, size, err
	}
	switch modelfile.Kind(w) {
	case modelfile.Classifier:
		k, err := classifier.New(weights, classifier.Options{Workers: 1, Observe: see})
		return func(ctx context.Context, photo image.Image) error {
			_, err := k.Classify(ctx, photo, 1)
			return err
		}, size, err
	case modelfile.Segmenter:
		s, err := segmenter.New(weights, segmenter.Options{Workers: 1, Observe: see})
		return func(ctx context.Context, photo image.Image) error {
			_, err := s.Segment(ctx, photo)
			return err
		}, size, err
	}
	d, err := detector.New(weights, detector.Options{Workers: 1, Observe: see})
	if err != nil {
		return nil, size, err
	}
	size, err = detector.ModelDecodeSize(weights)
	return func(ctx context.Context, photo image.Image) error {
		_, err := d.Detect(ctx, photo, detector.Filter{Threshold: detector.Everything})
		return err
	}, size, err
}

// spread picks n of the names at equal distances.
func spread(names []string, n int) []string {
	if n >= len(names) {
		return names
	}
	var picked []string
	for i := range n {
		picked = append(picked, names[i*len(names)/n])
	}
	return picked
}
