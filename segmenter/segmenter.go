package segmenter

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"

	"example.com/riffle/internal/pool"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// maxSide bounds the longer side of a photo as the network sees it: a longer one
// is made narrower than the header's Resize.
const maxSide = 2048

// Options say how a segmenter runs: as in package detector, but for Size, Proposals
// and FirstStageOnly, which it has no use for.
type Options = modelfile.Options

// Share is how much of a photo shows a class.
type Share struct {
	Label  string
	ID     int     // of the class: its colour's number in the map
	Pixels int     // of the photo
	Share  float64 // of the photo's pixels, 0 to 1
}

// Result is what a photo shows.
type Result struct {
	Width, Height int             // of the upright photo
	Map           *image.Paletted // of the photo's size; a pixel's number is its class's
	Shares        []Share         // of the classes that are there, the largest first
	Timing        Timing
}

// Timing is the time that the stages took.
type Timing struct {
	Wait        time.Duration // for a worker
	Preprocess  time.Duration
	Network     time.Duration
	Postprocess time.Duration // scores to a class for every pixel
}

// Info describes a model.
type Info struct {
	Name         string
	Arch         string
	Licence      string
	Resize       int // shorter side of the photo as the network sees it, pixels
	OutputStride int
	Classes      []modelfile.Class
	MACs         int64 // multiply-adds of a square photo
	Params       int64
}

// Segmenter is safe for concurrent callers, who wait for one of its workers. A
// worker fits one size of photos: those used last are kept.
type Segmenter struct {
	header  Header
	info    Info
	workers *pool.Keyed[image.Point, *worker] // by the photo's size as the network sees it
}

// worker is a plan with the addresses of its planes.
type worker struct {
	plan  *nn.Plan
	size  image.Point // of its input
	input [][]float32
	out   scores
}

// keptPlans is how many sizes of photos stay prepared.
const keptPlans = 4

// New makes a segmenter of a model's safetensors file. The error names the
// header's field or the tensor that is wrong.
func New(weights []byte, o Options) (*Segmenter, error) {
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
	plan, err := o.Plan(weights)
	if err != nil {
		return nil, err
	}
	macs, err := g.MACs(h.Resize, h.Resize)
	if err != nil {
		return nil, err
	}
	s := &Segmenter{
		header: h,
		info: Info{
			Name: h.Name, Arch: h.Arch, Licence: h.Licence, Resize: h.Resize, OutputStride: h.OutputStride,
			Classes: h.Classes, MACs: macs, Params: g.ParamCount(),
		},
	}
	compile := func(size image.Point) (*worker, error) {
		o := plan
		o.Height, o.Width = size.Y, size.X
		p, err := nn.Compile(g, w, o)
		if err != nil {
			return nil, fmt.Errorf("photo as %dx%d pixels for the network: %w", size.X, size.Y, err)
		}
		return newWorker(p, size)
	}
	s.workers = pool.NewKeyed(o.WorkerCount(), keptPlans, compile, func(w *worker) (*worker, error) { return newWorker(w.plan.Clone(), w.size) })
	// The first photo finds a plan if it is of the commonest shape, and wrong
	// weights are found now.
	size := s.inputSize(4, 3)
	first, err := s.workers.Acquire(context.Background(), size)
	if err != nil {
		return nil, err
	}
	s.workers.Release(size, first)
	return s, nil
}

// Info describes the model.
func (s *Segmenter) Info() Info { return s.info }

// Segment tells what every pixel of a photo shows; it is looked at upright. It
// returns ctx's error if ctx ends before a worker is free or before its network
// runs.
func (s *Segmenter) Segment(ctx context.Context, img image.Image) (Result, error) {
	size := img.Bounds().Size()
	if size.X < 1 || size.Y < 1 {
		return Result{}, errors.New("segment: picture without pixels")
	}
	r := Result{Width: size.X, Height: size.Y}
	clock := time.Now()
	lap := func() time.Duration {
		d := time.Since(clock)
		clock = clock.Add(d)
		return d
	}
	input := s.inputSize(size.X, size.Y)
	w, err := s.workers.Acquire(ctx, input)
	if err != nil {
		return Result{}, err
	}
	defer s.workers.Release(input, w)
	r.Timing.Wait = lap()
	s.fill(w, img)
	r.Timing.Preprocess = lap()
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	w.plan.Run()
	r.Timing.Network = lap()
	r.Map = image.NewPaletted(image.Rect(0, 0, size.X, size.Y), Palette(len(s.header.Classes)))
	w.out.classes(r.Map.Pix, size.X, size.Y)
	r.Shares = s.shares(r.Map.Pix)
	r.Timing.Postprocess = lap()
	return r, nil
}

// inputSize is the size of a photo as the network sees it.
func (s *Segmenter) inputSize(width, height int) image.Point {
	w, h := photo.SizeFor(width, height, s.header.Resize)
	if w > maxSide {
		w, h = maxSide, max(32, height*maxSide/width)
	}
	if h > maxSide {
		w, h = max(32, width*maxSide/height), maxSide
	}
	return image.Pt(w, h)
}

// fill prepares the network's input.
func (s *Segmenter) fill(w *worker, img image.Image) {
	rgb := photo.Resize(img, w.size.X, w.size.Y)
	for c, plane := range w.input {
		mean, std := s.header.Mean[c], s.header.Std[c]
		for i := range plane {
			plane[i] = (float32(rgb[3*i+c]) - mean) / std
		}
	}
}

func (s *Segmenter) shares(pixels []uint8) []Share {
	counts := make([]int, maxClasses)
	for _, c := range pixels {
		counts[c]++
	}
	var list []Share
	for i, c := range s.header.Classes {
		if counts[i] > 0 {
			list = append(list, Share{c.Name, c.ID, counts[i], float64(counts[i]) / float64(len(pixels))})
		}
	}
	slices.SortStableFunc(list, func(a, b Share) int { return b.Pixels - a.Pixels })
	return list
}

func newWorker(plan *nn.Plan, size image.Point) (*worker, error) {
	w := &worker{plan: plan, size: size, input: plan.Input(portImage)}
	_, rows, cols, err := plan.OutputShape(portScores)
	w.out = scores{plan.Output(portScores), rows, cols}
	return w, err
}
