package classifier

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"
	"time"

	"example.com/riffle/backbone"
	"example.com/riffle/internal/pillow"
	"example.com/riffle/modelfile"
	"example.com/riffle/nn"
)

// Options say how a classifier runs. The zero value serves as many pictures at a
// time as there are processors, each on one thread.
type Options struct {
	Threads int    // threads of one picture; 0 means 1
	Workers int    // pictures at a time; 0 means GOMAXPROCS / Threads
	CPU     string // forces an instruction set, see nn.Options
	// Precision is that of the 1x1 convolutions. Int8 needs Calibration.
	Precision   nn.Precision
	Calibration *modelfile.Calibration
	Observe     func(layer string, input [][]float32) // see nn.Options
}

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
	CPU           string // the instruction set it runs on
}

// Classifier is safe for concurrent callers, who wait for one of its workers;
// workers share the model's weights, and all but one are made when first needed.
type Classifier struct {
	header  Header
	info    Info
	sampler pillow.Sampler
	first   *nn.Plan
	free    chan *worker
	unmade  chan struct{} // one for each worker that may still be made
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
	p := nn.Options{
		Height: height, Width: width, Threads: o.Threads, ISA: o.CPU,
		Precision: o.Precision, Observe: o.Observe,
	}
	if o.Precision == nn.Int8 {
		if p.Ranges, err = o.Calibration.For(weights); err != nil {
			return nil, err
		}
	}
	plan, err := nn.Compile(g, w, p)
	if err != nil {
		return nil, err
	}
	if o.Workers <= 0 {
		o.Workers = max(1, runtime.GOMAXPROCS(0)/max(1, o.Threads))
	}
	c := &Classifier{
		header: h, sampler: pillow.Sampler{Resize: h.Resize, Width: width, Height: height}, first: plan,
		free: make(chan *worker, o.Workers), unmade: make(chan struct{}, o.Workers),
		info: Info{
			Name: h.Name, Arch: h.Arch, Licence: h.Licence, Width: width, Height: height, Resize: h.Resize,
			Classes: h.Classes, MACs: plan.MACs(), Params: g.ParamCount(), CPU: plan.ISA(),
		},
	}
	c.free <- newWorker(plan)
	for range o.Workers - 1 {
		c.unmade <- struct{}{}
	}
	return c, nil
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
	w, err := c.acquire(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { c.free <- w }()
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
	rgb := c.sampler.Sample(img)
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

// acquire waits for a worker, which must go back to c.free. One is made only if
// all that there are are busy.
func (c *Classifier) acquire(ctx context.Context) (*worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case w := <-c.free:
		return w, nil
	default:
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case w := <-c.free:
		return w, nil
	case <-c.unmade:
	}
	return newWorker(c.first.Clone()), nil
}
