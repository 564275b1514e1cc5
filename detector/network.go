package detector

import (
	"image"
	"time"

	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// kind is what one kind of detector does in its own way. The header says which
// kind a model is, and nothing else asks for it.
type kind interface {
	// check bounds the fields of the header that are the kind's own.
	check(h *Header) error
	// floor is the score at or below which the kind never reports anything.
	floor(h *Header) float32
	// decodeSize is [photo.Options.Size] for pictures it looks at.
	decodeSize(h *Header) image.Point
	// propose sets the number of proposals, or says that there are none.
	propose(h *Header, n int) error
	// resize sets the side of the input in pixels.
	resize(h *Header, side int)
	// design builds the graphs.
	design(h *Header, w *nn.Weights, o Options, plan nn.Options) (design, cost, error)
}

// kinds are all of them, by the header's name.
var kinds = map[string]kind{
	KindTwoStage:   twoStageKind{},
	KindSSDLite:    ssdKind{},
	KindFasterRCNN: fasterRCNNKind{},
}

// design is a network that is not yet compiled for a size of photos.
type design interface {
	// inputFor is the size in pixels that a photo has in the network's input.
	inputFor(photo image.Point) image.Point
	// compile makes a network for photos of that size. It is not called for a size
	// while a network of that size is known, nor by two goroutines at a time.
	compile(input image.Point) (network, error)
}

// ready is the design of a network that stretches all photos to one size.
type ready struct {
	network
	size image.Point
}

// newReady passes a network's errors on.
func newReady(h *Header, n network, c cost, err error) (design, cost, error) {
	return ready{n, image.Pt(h.Input[1], h.Input[0])}, c, err
}

func (r ready) inputFor(image.Point) image.Point { return r.size }

func (r ready) compile(image.Point) (network, error) { return r.network, nil }

// network is a detector's network, compiled, with memory of its own: it looks at
// one picture at a time.
type network interface {
	// fill samples a picture into the input, fillPart a part of it.
	fill(img image.Image) error
	fillPart(img image.Image, part image.Rectangle) error
	// run computes the network's answers to what the input holds.
	run(t *Timing) error
	// detections adds the answers' pairs of a box, in pixels of the input, and a
	// class whose score is above the threshold.
	detections(pairs *candidates, threshold float32, wanted []bool)
	// profile times the steps of a run that took t, on the calling goroutine.
	profile(t *Timing) []nn.Layer
	// clone makes one with memory of its own that shares the packed weights.
	clone() (network, error)
	// main is the plan that looks at the whole picture.
	main() *nn.Plan
}

// cost is what a network's graphs add up to.
type cost struct {
	macs   int64 // multiply-adds of one picture
	params int64
}

// add compiles a graph for an input of height x width and counts its cost.
func (c *cost) add(g *nn.Graph, w *nn.Weights, height, width int, o nn.Options) (*nn.Plan, error) {
	o.Height, o.Width = height, width
	plan, err := nn.Compile(g, w, o)
	if err != nil {
		return nil, err
	}
	c.macs += plan.MACs()
	c.params += g.ParamCount()
	return plan, nil
}

// eye is the plan that looks at the whole picture, and what fills its input.
type eye struct {
	plan  *nn.Plan
	pre   *photo.Preprocessor
	input [][]float32
}

// newEye makes one for photos of a size in the input.
func newEye(h *Header, plan *nn.Plan, size image.Point) (eye, error) {
	pre, err := photo.NewPreprocessor(size.X, size.Y, [3]float32(h.Mean), [3]float32(h.Std))
	if err != nil {
		return eye{}, err
	}
	pre.UseISA(plan.ISA())
	pre.Parallel(plan.Threads(), plan.ParallelFor)
	return eye{plan, pre, plan.Input(portImage)}, nil
}

func (e *eye) fill(img image.Image) error { return e.pre.Fill(e.input, img) }

func (e *eye) fillPart(img image.Image, part image.Rectangle) error {
	return e.pre.FillPart(e.input, img, part)
}

func (e *eye) main() *nn.Plan { return e.plan }

// worker is a network with what turns its answers into detections.
type worker struct {
	network
	header *Header
	size   image.Point // of photos in the input
	pairs  candidates
	nms    Suppressor
	found  []classBox
	choice choice // of the picture at hand
}

// look finds objects in what the input holds. Boxes are in pixels of the
// network's input, best first; the next call overwrites them.
func (w *worker) look(t *Timing) ([]classBox, error) {
	if err := w.run(t); err != nil {
		return nil, err
	}
	t.stage(&t.Postprocess, func() {
		q := &w.choice
		w.pairs.reset()
		w.detections(&w.pairs, q.threshold, q.wanted)
		w.found = w.pairs.best(w.found[:0], &w.nms, w.header.NMS, q.limit)
	})
	return w.found, nil
}

// Timing is where the time of one detection went.
type Timing struct {
	Wait        time.Duration // for a free worker
	Preprocess  time.Duration // photo to planes
	Network     time.Duration // all layers that look at the whole picture
	Proposals   time.Duration
	SecondStage time.Duration // RoIAlign and the fully connected layers
	Postprocess time.Duration // scores and suppression
}

// add adds the stages of a further look but for the wait.
func (t *Timing) add(o *Timing) {
	t.Preprocess += o.Preprocess
	t.Network += o.Network
	t.Proposals += o.Proposals
	t.SecondStage += o.SecondStage
	t.Postprocess += o.Postprocess
}

// Total is the sum without the wait.
func (t Timing) Total() time.Duration {
	return t.Preprocess + t.Network + t.Proposals + t.SecondStage + t.Postprocess
}

// stage runs f and notes how long it took.
func (t *Timing) stage(into *time.Duration, f func()) {
	start := time.Now()
	f()
	*into = time.Since(start)
}
