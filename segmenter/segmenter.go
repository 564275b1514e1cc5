package segmenter

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"sync"
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
// plan fits one size of photos: those used last are kept.
type Segmenter struct {
	header  Header
	graph   *nn.Graph
	weights *nn.Weights
	options nn.Options // but for the size
	info    Info
	workers int
	tickets *pool.Pool[struct{}] // one for each photo that may be worked on; workers go by size

	mu    sync.Mutex
	idle  []*worker // the one used last at the end
	plans []sized   // of the sizes made last; workers clone them
}

// sized is a plan for photos of a size.
type sized struct {
	plan          *nn.Plan
	width, height int
}

// worker is a plan with the addresses of its planes.
type worker struct {
	plan          *nn.Plan
	width, height int
	input         [][]float32
	out           scores
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
	workers := o.WorkerCount()
	macs, err := g.MACs(h.Resize, h.Resize)
	if err != nil {
		return nil, err
	}
	s := &Segmenter{
		header: h, graph: g, weights: w, options: plan, workers: workers,
		tickets: pool.New(struct{}{}, workers, func() (struct{}, error) { return struct{}{}, nil }),
		info: Info{
			Name: h.Name, Arch: h.Arch, Licence: h.Licence, Resize: h.Resize, OutputStride: h.OutputStride,
			Classes: h.Classes, MACs: macs, Params: g.ParamCount(),
		},
	}
	// The first photo finds a plan if it is of the commonest shape, and wrong
	// weights are found now.
	first, err := s.newWorker(photo.SizeFor(4, 3, h.Resize))
	if err != nil {
		return nil, err
	}
	s.idle = append(s.idle, first)
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
	ticket, err := s.tickets.Acquire(ctx)
	if err != nil {
		return Result{}, err
	}
	defer s.tickets.Release(ticket)
	w, err := s.acquire(s.inputSize(size.X, size.Y))
	if err != nil {
		return Result{}, err
	}
	defer s.release(w)
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
func (s *Segmenter) inputSize(width, height int) (int, int) {
	w, h := photo.SizeFor(width, height, s.header.Resize)
	if w > maxSide {
		return maxSide, max(32, height*maxSide/width)
	}
	if h > maxSide {
		return max(32, width*maxSide/height), maxSide
	}
	return w, h
}

// fill prepares the network's input.
func (s *Segmenter) fill(w *worker, img image.Image) {
	rgb := photo.Resize(img, w.width, w.height)
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

// acquire takes an idle worker of a size, or makes one.
func (s *Segmenter) acquire(width, height int) (*worker, error) {
	s.mu.Lock()
	for i := len(s.idle) - 1; i >= 0; i-- {
		if w := s.idle[i]; w.width == width && w.height == height {
			s.idle = slices.Delete(s.idle, i, i+1)
			s.mu.Unlock()
			return w, nil
		}
	}
	s.mu.Unlock()
	return s.newWorker(width, height)
}

// release keeps a worker for the next photo of its size, in place of the one
// that was idle longest if there are too many.
func (s *Segmenter) release(w *worker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) >= s.workers {
		s.idle = slices.Delete(s.idle, 0, 1)
	}
	s.idle = append(s.idle, w)
}

func (s *Segmenter) newWorker(width, height int) (*worker, error) {
	plan, err := s.plan(width, height)
	if err != nil {
		return nil, err
	}
	w := &worker{plan: plan, width: width, height: height, input: plan.Input(portImage)}
	_, rows, cols, err := plan.OutputShape(portScores)
	w.out = scores{plan.Output(portScores), rows, cols}
	return w, err
}

// plan clones the plan of a size, which shares its packed weights, or compiles
// one.
func (s *Segmenter) plan(width, height int) (*nn.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.plans {
		if p.width == width && p.height == height {
			return p.plan.Clone(), nil
		}
	}
	o := s.options
	o.Height, o.Width = height, width
	plan, err := nn.Compile(s.graph, s.weights, o)
	if err != nil {
		return nil, fmt.Errorf("photo as %dx%d pixels for the network: %w", width, height, err)
	}
	if len(s.plans) == keptPlans {
		s.plans = slices.Delete(s.plans, 0, 1)
	}
	s.plans = append(s.plans, sized{plan, width, height})
	return plan, nil
}
