package classifier

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"time"

	"example.com/riffle/backbone"
	"example.com/riffle/internal/pool"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// Options say how a classifier runs: as in package detector, but for Size, Proposals
// and FirstStageOnly, which it has no use for.
type Options = modelfile.Options

// Score is one class with what the network thinks of it.
type Score struct {
	Label string
	ID    int     // of the class in the model's header; for ImageNet the output's number
	Score float64 // softmax probability, 0 to 1
}

// Result is what a picture shows.
type Result struct {
	Width, Height int     // of the upright photo
	Classes       []Score // the likeliest first
	Timing        Timing
}

// Timing is the time that the stages took.
type Timing struct {
	Wait       time.Duration // for a worker
	Preprocess time.Duration
	Network    time.Duration
}

// Info describes a model.
type Info struct {
	Name          string
	Arch          string
	Licence       string
	Width, Height int // of the network's input, pixels
	Resize        int // shorter side of the picture that the input is cut out of
	Classes       []modelfile.Class
	MACs          int64 // multiply-adds of one picture
	Params        int64
	ISA           string // the instruction set it runs on
}

// Classifier is safe for concurrent callers, who wait for one of its workers;
// workers share the model's weights, and all but one are made when first needed.
type Classifier struct {
	header  Header
	info    Info
	crop    photo.Crop
	workers *pool.Pool[*worker]
}

// worker is a plan with the addresses of its planes.
type worker struct {
	plan   *nn.Plan
	input  [][]float32
	logits [][]float32
}

// New makes a classifier of a model's safetensors file. The error names the
// header's field or the tensor that is wrong.
func New(weights []byte, o Options) (*Classifier, error) {
	if err := o.OnlyGeneral(); err != nil {
		return nil, err
	}
	w, err := nn.ReadWeights(weights)
	if err != nil {
		return nil, err
	}
	h, err := ReadHeader(w)
	if err != nil {
		return nil, err
	}
	g, err := Graph(&h)
	if err != nil {
		return nil, err
	}
	height, width := h.Input[0], h.Input[1]
	p, err := o.Plan(weights)
	if err != nil {
		return nil, err
	}
	p.Height, p.Width = height, width
	plan, err := nn.Compile(g, w, p)
	if err != nil {
		return nil, err
	}
	return &Classifier{
		header: h, crop: photo.Crop{Resize: h.Resize, Width: width, Height: height},
		workers: pool.New(newWorker(plan), o.WorkerCount(), func() (*worker, error) { return newWorker(plan.Clone()), nil }),
		info: Info{
			Name: h.Name, Arch: h.Arch, Licence: h.Licence, Width: width, Height: height, Resize: h.Resize,
			Classes: h.Classes, MACs: plan.MACs(), Params: g.ParamCount(), ISA: plan.ISA(),
		},
	}, nil
}

func newWorker(p *nn.Plan) *worker {
	return &worker{p, p.Input(backbone.InputName), p.Output(backbone.LogitName)}
}

// Info describes the model.
func (c *Classifier) Info() Info { return c.info }

// Classify returns the top likeliest classes of a picture, or all if there are
// not so many; a photo is looked at upright. It returns ctx's error if ctx ends
// before a worker is free or before its network runs.
func (c *Classifier) Classify(ctx context.Context, img image.Image, top int) (Result, error) {
	size := img.Bounds().Size()
	switch {
	case size.X < 1 || size.Y < 1:
		return Result{}, errors.New("classify: picture without pixels")
	case top < 1:
		return Result{}, fmt.Errorf("classify: top: %d is not positive", top)
	}
	r := Result{Width: size.X, Height: size.Y}
	clock := time.Now()
	lap := func() time.Duration {
		d := time.Since(clock)
		clock = clock.Add(d)
		return d
	}
	w, err := c.workers.Acquire(ctx)
	if err != nil {
		return Result{}, err
	}
	defer c.workers.Release(w)
	r.Timing.Wait = lap()
	c.fill(w.input, img)
	r.Timing.Preprocess = lap()
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	w.plan.Run()
	r.Classes = c.best(w.logits, top)
	r.Timing.Network = lap()
	return r, nil
}

// fill prepares the network's input.
func (c *Classifier) fill(planes [][]float32, img image.Image) {
	rgb := c.crop.Sample(img)
	for ch, plane := range planes {
		mean, std := c.header.Mean[ch], c.header.Std[ch]
		for i := range plane {
			plane[i] = (float32(rgb[3*i+ch]) - mean) / std
		}
	}
}

// best turns logits into probabilities and picks the highest; of equal ones the
// class that comes first.
func (c *Classifier) best(logits [][]float32, top int) []Score {
	most := math.Inf(-1)
	for _, l := range logits {
		most = max(most, float64(l[0]))
	}
	sum := 0.0
	scores := make([]Score, len(logits))
	for i, l := range logits {
		e := math.Exp(float64(l[0]) - most)
		sum += e
		scores[i] = Score{c.header.Classes[i].Name, c.header.Classes[i].ID, e}
	}
	slices.SortStableFunc(scores, func(a, b Score) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	scores = slices.Clone(scores[:min(top, len(scores))])
	for i := range scores {
		scores[i].Score /= sum
	}
	return scores
}
