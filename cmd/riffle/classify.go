package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"example.com/riffle"
	"example.com/riffle/photo"
)

type classifyCmd struct {
	Photos []string `arg:"" name:"photo" help:"Photos (JPEG, PNG, GIF, WebP, BMP, TIFF), folders of photos, patterns such as '*.jpg', or - for standard input."`

	Model string `short:"m" aliases:"weights" required:"" env:"RIFFLE_CLASSIFIER" placeholder:"FILE" help:"Classifier, a safetensors file that riffle models import made."`
	Top   int    `short:"n" default:"5" help:"How many classes to show of a photo, the likeliest (${default})."`
	JSON  bool   `name:"json" short:"j" help:"Print one JSON object a photo and line."`
	photoFlags
	precisionFlag
	Threads int `default:"0" env:"RIFFLE_THREADS" help:"Threads that work on one photo; 0 for as many as there are processors, at most ${maxThreads}."`
}

// Help is shown below the flags.
func (*classifyCmd) Help() string {
	return `A photo is prepared as torchvision does it for ImageNet: its shorter side is resized, the middle is cut out. riffle has no ImageNet weights of its own; those of torchvision can be imported. A photo that cannot be read is reported on standard error, the others are looked at all the same, and the exit code is 1.

    riffle models import mobilenet_v3_large-5c1a4163.pth --resize 232 --out mobilenet.safetensors
    riffle classify cat.jpg --model mobilenet.safetensors
    riffle classify photos/ --model mobilenet.safetensors --top 1 --json | jq -r '[.file, .classes[0].label] | @tsv'`
}

// Validate is called by kong after parsing.
func (c *classifyCmd) Validate() error {
	if c.Top < 1 {
		return errors.New("--top must be positive")
	}
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	return checkStdin(c.Photos)
}

// classified is what --json prints of a photo. These names are a contract.
type classified struct {
	File     string             `json:"file"`
	Width    int                `json:"width"`
	Height   int                `json:"height"`
	Model    string             `json:"model"`
	Warnings []string           `json:"warnings,omitempty"` // what is wrong with the picture
	Classes  []classScore       `json:"classes"`
	Timing   map[string]float64 `json:"timing_ms"`
}

// classScore is one class. These names are a contract.
type classScore struct {
	Label string  `json:"label"`
	ID    int     `json:"id"`
	Score float64 `json:"score"`
}

// Run is called by kong.
func (c *classifyCmd) Run(std stdio) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	photos := decodeAhead(ctx, findInputs(c.Photos, c.Recursive), std.in, photo.Options{Limits: c.limits()}) // the first while the model is opened
	k, err := riffle.OpenClassifier(c.Model, riffle.Options{Threads: c.Threads, Workers: 1, Precision: c.precision()})
	if err != nil {
		return err
	}
	return eachPhoto(std, photos, func(in decoded) error {
		return c.look(ctx, k, in, std.out)
	})
}

func (c *classifyCmd) look(ctx context.Context, k *riffle.Classifier, in decoded, w io.Writer) error {
	found, err := k.Classify(ctx, in.photo, c.Top)
	if err != nil {
		return err
	}
	t := found.Timing
	r := classified{
		File: in.path, Width: found.Width, Height: found.Height, Model: k.Info().Name, Warnings: in.photo.Warnings,
		Timing: map[string]float64{
			"decode": ms(in.took), "preprocess": ms(t.Preprocess), "network": ms(t.Network),
			"total": ms(in.took + t.Wait + t.Preprocess + t.Network),
		},
	}
	for _, s := range found.Classes {
		r.Classes = append(r.Classes, classScore{s.Label, s.ID, s.Score})
	}
	if c.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	return r.print(w)
}

func (r *classified) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %dx%d, %.0f ms\n", printable(r.File), r.Width, r.Height, r.Timing["total"])
	t := table{right: "1"}
	for _, s := range r.Classes {
		t.row(s.Label, fmt.Sprintf("%.1f%%", 100*s.Score))
	}
	return t.print(w)
}
