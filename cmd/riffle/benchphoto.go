package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/photo"
)

// photoBench is where the time of a photo goes, from the bytes of its file to
// the JSON of what it shows. These names are a contract.
type photoBench struct {
	File    string             `json:"file"`
	Width   int                `json:"width"`
	Height  int                `json:"height"`
	Bytes   int                `json:"bytes"`
	Found   int                `json:"found"`
	Stages  map[string]float64 `json:"stages_ms"` // medians
	TotalMs float64            `json:"total_ms"`  // the median of whole runs
}

// photoStages are the stages in their order.
var photoStages = []string{"decode", "preprocess", "network", "proposals", "second_stage", "postprocess", "json"}

// photos times whole photos on a model.
func (c *benchCmd) photos(std stdio) error {
	if !slices.Contains(models.List(), c.Arch) && filepath.Ext(c.Arch) != models.Ext {
		return usagef("--photo wants a trained model, see riffle models")
	}
	d, err := riffle.Open(c.Arch, riffle.Options{
		Threads: c.Threads, Workers: 1, ISA: c.CPU, Precision: precisionOf(c.Precision), Proposals: c.Proposals,
	})
	if err != nil {
		return err
	}
	var list []photoBench
	for _, path := range c.Photo {
		r, err := c.photo(d, path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, fileError(err))
		}
		list = append(list, *r)
	}
	cpu := processorName() + " [" + d.Info().ISA + "]"
	if c.JSON {
		return json.NewEncoder(std.out).Encode(map[string]any{
			"arch": c.Arch, "threads": c.Threads, "cpu": cpu, "runs": c.Runs, "photos": list,
		})
	}
	fmt.Fprintf(std.out, "%s, %s, %s, medians of %d runs in ms\n\n", c.Arch, threadCount(c.Threads), cpu, c.Runs)
	t := table{head: append([]string{"photo", "pixels", "kB"}, append(slices.Clone(photoStages), "total")...), right: "123456789:"}
	for _, r := range list {
		row := []string{filepath.Base(r.File), fmt.Sprintf("%dx%d", r.Width, r.Height), fmt.Sprint((r.Bytes + 500) / 1000)}
		for _, stage := range photoStages {
			row = append(row, fmt.Sprintf("%.2f", r.Stages[stage]))
		}
		t.row(append(row, fmt.Sprintf("%.2f", r.TotalMs))...)
	}
	return t.print(std.out)
}

// photo times one photo, once it has warmed up.
func (c *benchCmd) photo(d *riffle.Detector, path string) (*photoBench, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &photoBench{File: path, Bytes: len(data), Stages: map[string]float64{}}
	times := map[string][]time.Duration{}
	look := func(note func(stage string, took time.Duration)) error {
		start := time.Now()
		p, err := photo.Decode(data, photo.Options{Size: d.DecodeSize()})
		if err != nil {
			return err
		}
		note("decode", time.Since(start))
		found, err := d.Detect(context.Background(), p, detector.Filter{Threshold: benchThreshold})
		if err != nil {
			return err
		}
		t := found.Timing
		for i, took := range []time.Duration{t.Preprocess, t.Network, t.Proposals, t.SecondStage, t.Postprocess} {
			note(photoStages[1+i], took)
		}
		encode := time.Now()
		answer := photoResult{
			File: path, Width: found.Width, Height: found.Height, Model: d.Info().Name,
			Detections: objects(found.Detections), Timing: milliseconds(t),
		}
		if err := json.NewEncoder(io.Discard).Encode(answer); err != nil {
			return err
		}
		note("json", time.Since(encode))
		note("total", time.Since(start))
		r.Width, r.Height, r.Found = found.Width, found.Height, len(found.Detections)
		return nil
	}
	for start := time.Now(); time.Since(start) < warmUp; {
		if err := look(func(string, time.Duration) {}); err != nil {
			return nil, err
		}
	}
	for range c.Runs {
		if err := look(func(stage string, took time.Duration) { times[stage] = append(times[stage], took) }); err != nil {
			return nil, err
		}
	}
	for _, stage := range photoStages {
		r.Stages[stage] = ms(median(times[stage]))
	}
	r.TotalMs = ms(median(times["total"]))
	return r, nil
}

// benchThreshold is detect's default.
const benchThreshold = 0.3

func threadCount(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}
