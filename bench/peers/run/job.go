//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/riffle/backbone"
	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

func newJob(network, dir, photo string, threads int) (job, error) {
	input, err := readFloats(filepath.Join(dir, "input.bin"))
	if err != nil {
		return nil, err
	}
	if slices.Contains(models.List(), network) {
		return newDetection(dir, photo, input, threads)
	}
	size := 0
	for 3*size*size < len(input) {
		size++
	}
	g, err := backbone.Build(network, backbone.Options{})
	if err != nil {
		return nil, err
	}
	w, err := nn.ReadWeightsFile(filepath.Join(filepath.Dir(dir), "weights.safetensors"))
	if err != nil {
		return nil, err
	}
	plan, err := nn.Compile(g, w, nn.Options{Height: size, Width: size, Threads: threads})
	if err != nil {
		return nil, err
	}
	c := &classifier{plan: plan, input: input, in: plan.Input(backbone.InputName), out: plan.Output(backbone.LogitName)}
	c.logits = make([]float32, len(c.out))
	return c, nil
}

// classifier is a backbone with its head.
type classifier struct {
	plan    *nn.Plan
	input   []float32
	in, out [][]float32
	logits  []float32
}

func (c *classifier) infer() (time.Duration, error) {
	start := time.Now()
	rest := c.input
	for _, plane := range c.in {
		rest = rest[copy(plane, rest):]
	}
	c.plan.Run()
	for i, plane := range c.out {
		c.logits[i] = plane[0]
	}
	return time.Since(start), nil
}

func (c *classifier) result() []float32 { return c.logits }

func (c *classifier) kernels() string { return c.plan.ISA() }

// detection is a whole detector. It makes its own input of the photo, which is
// not what is compared here: the time that took is taken off, and the time of
// copying the finished tensor, as the classifiers do, is in.
type detection struct {
	d           *detector.Detector
	photo       *photo.Photo
	input, copy []float32
	found       detector.Result
}

func newDetection(dir, file string, input []float32, threads int) (job, error) {
	weights, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "weights.safetensors"))
	if err != nil {
		return nil, err
	}
	d, err := detector.New(weights, detector.Options{Threads: threads, Workers: 1})
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	picture, err := photo.Decode(data, photo.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &detection{d: d, photo: picture, input: input, copy: make([]float32, len(input))}, nil
}

func (d *detection) infer() (time.Duration, error) {
	start := time.Now()
	copy(d.copy, d.input)
	r, err := d.d.Detect(context.Background(), d.photo, detector.Filter{Threshold: detector.Everything})
	if err != nil {
		return 0, err
	}
	took := time.Since(start) - r.Timing.Preprocess
	d.found = r
	return took, nil
}

// result has six numbers a detection, best first: the box in pixels of the
// network's input, the score and the category.
func (d *detection) result() []float32 {
	info := d.d.Info()
	sx := float32(info.Width) / float32(d.found.Width)
	sy := float32(info.Height) / float32(d.found.Height)
	var out []float32
	for _, f := range d.found.Detections {
		b := f.Box.Scale(sx, sy)
		out = append(out, b.X1, b.Y1, b.X2, b.Y2, f.Score, float32(f.CategoryID))
	}
	return out
}

func (d *detection) kernels() string { return d.d.Info().ISA }
