package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

type detectCmd struct {
	Photos []string `arg:"" name:"photo" help:"Photos (JPEG, PNG, GIF, WebP, BMP, TIFF), folders of photos, patterns such as '*.jpg', or - for standard input."`

	JSON          bool     `name:"json" short:"j" help:"Print one JSON object a photo and line."`
	Out           string   `short:"o" placeholder:"DIR" help:"Also draw the boxes into copies of the photos in this folder."`
	OutWidth      int      `placeholder:"PIXELS" help:"Make drawn pictures no wider than this."`
	Threshold     float64  `short:"t" default:"0.3" env:"RIFFLE_THRESHOLD" help:"Lowest score to show, from 0 to 1 (${default})."`
	Labels        []string `sep:"none" short:"l" placeholder:"NAME,..." help:"Show only these kinds of objects; name:0.5 sets a threshold for one of them."`
	MaxDetections int      `default:"100" env:"RIFFLE_MAX_DETECTIONS" help:"Most objects to show of a photo, the best ones (${default})."`
	Model         string   `short:"m" env:"RIFFLE_MODEL" placeholder:"NAME|FILE" help:"Embedded model or safetensors file, at the size it was trained for; what --quality chooses if not given."`
	tilesFlag
	photoFlags
	qualityFlags
	precisionFlag
	stageFlag
	Threads int `default:"0" env:"RIFFLE_THREADS" help:"Threads that work on one photo; 0 for as many as there are processors, at most ${maxThreads}."`
}

// Help is shown below the flags.
func (*detectCmd) Help() string {
	return `Boxes are x_min y_min x_max y_max in pixels of the photo as it is looked at, that is after its EXIF orientation. A photo that cannot be read is reported on standard error, the others are looked at all the same, and the exit code is 1.

    riffle detect street.jpg
    riffle detect photos/ --out drawn/ --labels person,dog:0.5
    riffle detect '*.jpg' --json | jq -r 'select(.detections[].label == "cat").file'
    curl -s https://example.org/street.jpg | riffle detect -`
}

// Validate is called by kong after parsing.
func (c *detectCmd) Validate() error {
	switch {
	case !(c.Threshold >= 0 && c.Threshold <= 1):
		return errThreshold(c.Threshold)
	case c.OutWidth < 0:
		return errors.New("--out-width must not be negative")
	case c.MaxDetections < 1:
		return errors.New("--max-detections must be positive")
	}
	if err := cmp.Or(c.checkSize(), checkThreads(c.Threads)); err != nil {
		return err
	}
	return checkStdin(c.Photos)
}

func checkStdin(photos []string) error {
	stdins := 0
	for _, p := range photos {
		if p == stdinName {
			stdins++
		}
	}
	if stdins > 1 {
		return errors.New("standard input can be read only once")
	}
	return nil
}

func errThreshold(t float64) error {
	return fmt.Errorf("--threshold must be from 0 to 1, not %g", t)
}

// photoResult is what --json prints of a photo. These names are a contract.
type photoResult struct {
	File       string             `json:"file"`
	Width      int                `json:"width"`
	Height     int                `json:"height"`
	Model      string             `json:"model"`
	Warnings   []string           `json:"warnings,omitempty"` // what is wrong with the picture
	Detections []object           `json:"detections"`
	Drawn      string             `json:"drawn,omitempty"` // the picture with boxes, with --out
	Timing     map[string]float64 `json:"timing_ms"`
}

// object is one detection. These names are a contract.
type object struct {
	Label      string     `json:"label"`
	CategoryID int        `json:"category_id"`
	Score      float32    `json:"score"`
	Box        [4]float32 `json:"box"` // x_min, y_min, x_max, y_max
}

// Run is called by kong.
func (c *detectCmd) Run(std stdio) error {
	inputs := findInputs(c.Photos, c.Recursive)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := riffle.Options{Threads: c.Threads, Workers: 1, Quality: c.quality(), Size: c.Size, Precision: c.precision(), FirstStageOnly: c.FirstStageOnly}
	size, err := riffle.DecodeSize(c.Model, o)
	if err != nil {
		return err
	}
	photos := decodeAhead(ctx, inputs, std.in, c.decode(c.limits(), size)) // the first while the model is opened
	d, err := riffle.Open(c.Model, o)
	if err != nil {
		return err
	}
	wanted, err := parseLabels(strings.Join(c.Labels, ","), d.Info().Classes)
	if err != nil {
		return usageError{err}
	}
	var out *outDir
	if c.Out != "" {
		if out, err = newOutDir(c.Out, inputs); err != nil {
			return err
		}
	}
	return eachPhoto(std, photos, func(in decoded) error {
		return c.look(ctx, d, in, wanted, out, std.out)
	})
}

// decoded is a photo ready to be looked at.
type decoded struct {
	input
	photo *photo.Photo
	took  time.Duration
}

// filter is what the detector is asked for.
func (c *detectCmd) filter(wanted labelFilter) detector.Filter {
	f := wanted.query(c.Threshold)
	f.Tiles = c.Tiles
	return f
}

// warn says what was left out before a photo, and what is wrong with it.
func (d *decoded) warn(w io.Writer) {
	if d.note != "" {
		fmt.Fprintf(w, "riffle: %s\n", printable(d.note))
	}
	if d.photo == nil {
		return
	}
	for _, warning := range d.photo.Warnings {
		fmt.Fprintf(w, "riffle: warning: %s: %s\n", printable(d.path), printable(warning))
	}
}

// decodeAhead reads and decodes the photos in order, the next one while the
// last is looked at, until ctx ends.
func decodeAhead(ctx context.Context, inputs []input, stdin io.Reader, o photo.Options) <-chan decoded {
	ch := make(chan decoded)
	go func() {
		defer close(ch)
		for _, in := range inputs {
			d := decoded{input: in}
			if d.err == nil {
				start := time.Now()
				d.photo, d.err = readPhoto(in.path, stdin, o)
				d.took = time.Since(start)
			}
			select {
			case ch <- d:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch
}

// readPhoto reads a photo from a file or from standard input.
func readPhoto(path string, stdin io.Reader, o photo.Options) (*photo.Photo, error) {
	if path == stdinName {
		return photo.Read(stdin, o)
	}
	p, err := photo.Open(path, o)
	return p, fileError(err)
}

// look finds the objects of a photo, draws it if asked to and prints them.
func (c *detectCmd) look(ctx context.Context, d *riffle.Detector, in decoded, wanted labelFilter, out *outDir, w io.Writer) error {
	found, err := d.Detect(ctx, in.photo, c.filter(wanted))
	if err != nil {
		return err
	}
	found.Detections = wanted.keep(found.Detections, float32(c.Threshold), c.MaxDetections)
	r := photoResult{
		File: in.path, Width: found.Width, Height: found.Height, Model: d.Info().Name, Warnings: in.photo.Warnings,
		Detections: objects(found.Detections), Timing: milliseconds(found.Timing),
	}
	r.Timing["decode"] = ms(in.took)
	total := in.took + found.Timing.Total()
	if out != nil {
		start := time.Now()
		full, err := in.photo.Full()
		if err != nil {
			return err
		}
		r.Drawn = out.path(in.path, drawnEnding(in.photo))
		if err := writeDrawn(full, found.Detections, c.OutWidth, r.Drawn); err != nil {
			return err
		}
		r.Timing["draw"] = ms(time.Since(start))
		total += time.Since(start)
	}
	r.Timing["total"] = ms(total)
	if c.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	return r.print(w)
}

func objects(found []detector.Detection) []object {
	list := make([]object, len(found)) // never null in JSON
	for i, f := range found {
		list[i] = object{f.Label, f.CategoryID, f.Score, [4]float32{f.Box.X1, f.Box.Y1, f.Box.X2, f.Box.Y2}}
	}
	return list
}

// milliseconds is the time of the stages as --json names them.
func milliseconds(t detector.Timing) map[string]float64 {
	return map[string]float64{
		"preprocess": ms(t.Preprocess), "network": ms(t.Network), "proposals": ms(t.Proposals),
		"second_stage": ms(t.SecondStage), "postprocess": ms(t.Postprocess),
	}
}

func (r *photoResult) print(w io.Writer) error {
	count := "nothing found"
	switch n := len(r.Detections); {
	case n == 1:
		count = "1 object"
	case n > 1:
		count = fmt.Sprintf("%d objects", n)
	}
	fmt.Fprintf(w, "%s: %dx%d, %s, %.0f ms\n", printable(r.File), r.Width, r.Height, count, r.Timing["total"])
	t := table{right: "12345"}
	for _, o := range r.Detections {
		t.row(o.Label, fmt.Sprintf("%.2f", o.Score),
			fmt.Sprintf("%.0f", o.Box[0]), fmt.Sprintf("%.0f", o.Box[1]), fmt.Sprintf("%.0f", o.Box[2]), fmt.Sprintf("%.0f", o.Box[3]))
	}
	return t.print(w)
}
