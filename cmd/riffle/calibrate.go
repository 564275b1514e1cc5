package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"example.com/riffle"
	"example.com/riffle/models"
)

type calibrateCmd struct {
	Model string `arg:"" optional:"" default:"${defaultModel}" placeholder:"NAME|FILE" help:"Embedded model or safetensors file (${default})."`

	Images string `required:"" placeholder:"DIR" help:"Folder of photos to look at: such as the model was trained on, never those it is scored on."`
	Photos int    `default:"256" help:"How many of them, spread over the folder in the order of their names (${default})."`
	photoFlags
	Out string `short:"o" placeholder:"FILE" help:"Where to write; MODEL${calibrationExt} beside the model, or here for an embedded one, by default."`
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
	file, err := models.Find(c.Model)
	if err != nil {
		return err
	}
	photos, note, err := folder(c.Images, c.Recursive)
	if err != nil {
		return fmt.Errorf("--images %s: %w", c.Images, err)
	}
	if note != "" {
		sayer{std}.one("%s: %s", c.Images, note)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	calibration, err := riffle.Calibrate(ctx, c.Model, slices.Values(spread(photos, c.Photos)), c.limits(), func(path string, err error) {
		sayer{std}.one("%s: %s", path, oneLine(fileError(err).Error()))
	})
	if ctx.Err() != nil {
		return errors.New("interrupted, nothing is written")
	}
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
