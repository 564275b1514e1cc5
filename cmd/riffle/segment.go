package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"time"

	"example.com/riffle"
	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

type segmentCmd struct {
	Photos []string `arg:"" name:"photo" help:"Photos (JPEG, PNG, GIF, WebP, BMP, TIFF), folders of photos, patterns such as '*.jpg', or - for standard input."`

	Model string `short:"m" aliases:"weights" required:"" env:"RIFFLE_SEGMENTER" placeholder:"FILE" help:"Segmenter, a safetensors file that riffle models import made."`
	Out   string `short:"o" placeholder:"DIR" help:"Write two pictures of each photo into this folder: PHOTO-classes.png, whose pixels are the numbers of classes, and PHOTO-overlay, the photo under their colors."`
	JSON  bool   `name:"json" short:"j" help:"Print one JSON object a photo and line."`
	photoFlags
	precisionFlag
	Threads int `default:"0" env:"RIFFLE_THREADS" help:"Threads that work on one photo; 0 for as many as there are processors, at most ${maxThreads}."`
}

// Help is shown below the flags.
func (*segmentCmd) Help() string {
	return `Tells for every pixel what it shows, and how much of the photo each class takes. Both pictures have the photo's size, as it is looked at; the colours are Pascal VOC's. riffle has no segmenter of its own; torchvision's can be imported. A photo that cannot be read is reported on standard error, the others are looked at all the same, and the exit code is 1.

    riffle models import lraspp_mobilenet_v3_large-d234d4ea.pth --out lraspp.safetensors
    riffle segment street.jpg --model lraspp.safetensors --out segmented/
    riffle segment photos/ --model lraspp.safetensors --json | jq -r '[.file, .classes[0].label] | @tsv'`
}

// Validate is called by kong after parsing.
func (c *segmentCmd) Validate() error {
	if err := checkThreads(c.Threads); err != nil {
		return err
	}
	return checkStdin(c.Photos)
}

// segmented is what --json prints of a photo. These names are a contract.
type segmented struct {
	File     string             `json:"file"`
	Width    int                `json:"width"`
	Height   int                `json:"height"`
	Model    string             `json:"model"`
	Warnings []string           `json:"warnings,omitempty"` // what is wrong with the picture
	Classes  []classShare       `json:"classes"`            // the largest first
	Map      string             `json:"map,omitempty"`
	Overlay  string             `json:"overlay,omitempty"`
	Timing   map[string]float64 `json:"timing_ms"`
}

// classShare is one class. These names are a contract.
type classShare struct {
	Label  string  `json:"label"`
	ID     int     `json:"id"` // of its pixels in the map
	Pixels int     `json:"pixels"`
	Share  float64 `json:"share"`
}

// Run is called by kong.
func (c *segmentCmd) Run(std stdio) error {
	inputs := findInputs(c.Photos, c.Recursive)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	photos := decodeAhead(ctx, inputs, std.in, photo.Options{Limits: c.limits()}) // the first while the model is opened
	s, err := riffle.OpenSegmenter(c.Model, riffle.Options{Threads: c.Threads, Workers: 1, Precision: c.precision()})
	if err != nil {
		return err
	}
	var out *outDir
	if c.Out != "" {
		if out, err = newOutDir(c.Out, inputs); err != nil {
			return err
		}
	}
	return eachPhoto(std, photos, func(in decoded) error {
		return c.look(ctx, s, in, out, std.out)
	})
}

// look segments a photo, writes the pictures if asked to and prints the shares.
func (c *segmentCmd) look(ctx context.Context, s *riffle.Segmenter, in decoded, out *outDir, w io.Writer) error {
	found, err := s.Segment(ctx, in.photo)
	if err != nil {
		return err
	}
	r := segmented{
		File: in.path, Width: found.Width, Height: found.Height, Model: s.Info().Name, Warnings: in.photo.Warnings, Classes: []classShare{},
		Timing: map[string]float64{
			"decode": ms(in.took), "preprocess": ms(found.Timing.Preprocess),
			"network": ms(found.Timing.Network), "postprocess": ms(found.Timing.Postprocess),
		},
	}
	for _, f := range found.Shares {
		r.Classes = append(r.Classes, classShare{f.Label, f.ID, f.Pixels, f.Share})
	}
	if out != nil {
		start := time.Now()
		r.Map, r.Overlay = out.path(in.path, "-classes.png"), out.path(in.path, "-overlay"+drawnEnding(in.photo))
		if err := writeSegmented(in, &found, r.Map, r.Overlay); err != nil {
			return err
		}
		r.Timing["draw"] = ms(time.Since(start))
	}
	total := 0.0
	for _, v := range r.Timing {
		total += v
	}
	r.Timing["total"] = total
	if c.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	return r.print(w)
}

func writeSegmented(in decoded, found *segmenter.Result, classes, overlay string) error {
	var b bytes.Buffer
	if err := png.Encode(&b, found.Map); err != nil {
		return err
	}
	if err := writeFile(classes, b.Bytes()); err != nil {
		return err
	}
	return writePicture(segmenter.Overlay(in.photo, found.Map), overlay)
}

func (r *segmented) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: %dx%d, %s, %.0f ms\n", printable(r.File), r.Width, r.Height, countClasses(len(r.Classes)), r.Timing["total"])
	t := table{right: "1"}
	for _, c := range r.Classes {
		t.row(c.Label, fmt.Sprintf("%.1f %%", 100*c.Share))
	}
	return t.print(w)
}
