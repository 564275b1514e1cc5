package detector

import (
	"fmt"
	"time"

	"example.com/riffle/internal/vec"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// scoreFloor is the score at or below which a two-stage detector never reports
// anything.
const scoreFloor = 0.01

// floor is the score at or below which the detector never reports anything.
func (h *Header) floor() float32 {
	if h.Kind == KindSSDLite {
		return float32(h.SSD.MinScore)
	}
	return scoreFloor
}

// model is a trained detector, compiled: what all workers share. Its plans' own
// memory belongs to the first worker.
type model struct {
	header     Header
	first      *nn.Plan
	second     *nn.Plan // nil if there is only a first stage, or only that runs
	priorScale []float32
	macs       int64
	params     int64
}

// compile builds the graphs from the header and checks the weights against them.
func compile(w *nn.Weights, o Options, plan nn.Options) (*model, error) {
	h, err := ReadHeader(w)
	if err != nil {
		return nil, err
	}
	if err := h.override(o.Size, o.Proposals); err != nil {
		return nil, err
	}
	m := &model{header: h}
	if h.Kind == KindSSDLite {
		if o.FirstStageOnly {
			return nil, fmt.Errorf("model %q has one stage: there is no second one to leave out", h.Name)
		}
		g, err := ssdGraph(&m.header)
		if err != nil {
			return nil, err
		}
		m.first, err = m.add(g, w, h.Input[0], h.Input[1], plan)
		return m, err
	}
	g, err := firstGraph(&m.header, !o.FirstStageOnly)
	if err != nil {
		return nil, err
	}
	if m.first, err = m.add(g, w, h.Input[0], h.Input[1], plan); err != nil {
		return nil, fmt.Errorf("first stage: %w", err)
	}
	if o.FirstStageOnly {
		return m, nil
	}
	scale, ok := w.Tensors["roi.prior_scale"]
	if !ok || len(scale.Data) != len(h.Classes) {
		return nil, fmt.Errorf("second stage: weights: tensor %q must have %d elements", "roi.prior_scale", len(h.Classes))
	}
	m.priorScale = scale.Data
	m.params += int64(len(scale.Data))
	if g, err = secondGraph(&m.header); err != nil {
		return nil, err
	}
	if m.second, err = m.add(g, w, 1, h.RoI.Proposals, plan); err != nil {
		return nil, fmt.Errorf("second stage: %w", err)
	}
	return m, nil
}

// add compiles a graph and adds its cost up.
func (m *model) add(g *nn.Graph, w *nn.Weights, height, width int, o nn.Options) (*nn.Plan, error) {
	o.Height, o.Width = height, width
	plan, err := nn.Compile(g, w, o)
	if err != nil {
		return nil, err
	}
	m.macs += plan.MACs()
	m.params += g.ParamCount()
	return plan, nil
}

// worker is a model with memory of its own, for one picture at a time.
type worker struct {
	pre      *photo.Preprocessor
	first    *nn.Plan
	input    [][]float32
	dense    dense
	proposer proposer
	head     *regionHead // nil if only the first stage runs
	ssd      *ssdHead    // of an SSDLite, which has neither dense points nor regions
	pairs    candidates
	nms      Suppressor
	found    []classBox
	choice   choice // of the picture at hand
}

// clone makes a worker with memory of its own that shares the packed weights.
func (m *model) clone() (*worker, error) {
	second := m.second
	if second != nil {
		second = second.Clone()
	}
	return m.worker(m.first.Clone(), second)
}

// worker makes one of plans that nobody else uses.
func (m *model) worker(first, second *nn.Plan) (*worker, error) {
	h := &m.header
	pre, err := photo.NewPreprocessor(h.Input[1], h.Input[0], [3]float32(h.Mean), [3]float32(h.Std))
	if err != nil {
		return nil, err
	}
	pre.UseISA(first.ISA())
	pre.Parallel(first.Threads(), first.ParallelFor)
	w := &worker{pre: pre, first: first}
	if second != nil {
		second.JoinThreads(first)
	}
	w.input = w.first.Input(portImage)
	if h.Kind == KindSSDLite {
		pre.Plain = true
		w.ssd, err = newSSDHead(h, first)
		return w, err
	}
	w.dense = dense{classes: len(h.Classes), height: float32(h.Input[0]), width: float32(h.Input[1]),
		isa: vec.For(first.ISA()), share: first.ParallelFor}
	var thin [][][]float32
	for l, stride := range strides {
		name := fmt.Sprint(portDense, l)
		planes := w.first.Output(name)
		_, _, cols, err := w.first.OutputShape(name)
		if err != nil {
			return nil, err
		}
		w.dense.levels = append(w.dense.levels, denseLevel{planes, cols, float32(stride), w.dense.points})
		w.dense.points += len(planes[0])
		thin = append(thin, w.first.Output(fmt.Sprint(portThin, l)))
	}
	if second != nil {
		w.head = newRegionHead(h, second, m.priorScale, thin, w.dense.levels)
	}
	return w, nil
}

// run finds objects in what the input planes hold. Boxes are in pixels of the
// network's input, best first; the next call overwrites them.
func (w *worker) run(h *Header, t *Timing) ([]classBox, error) {
	q := &w.choice
	w.pairs.reset()
	t.stage(&t.Network, w.first.Run)
	if w.ssd != nil {
		t.stage(&t.Postprocess, func() {
			w.ssd.detections(&w.pairs, q.threshold, q.wanted)
			w.best(h)
		})
		return w.found, nil
	}
	if w.head == nil {
		t.stage(&t.Postprocess, func() {
			w.dense.detections(&w.pairs, q.threshold, q.wanted)
			w.best(h)
		})
		return w.found, nil
	}
	var err error
	t.stage(&t.Proposals, func() { w.dense.propose(&w.proposer, &h.RoI) })
	t.stage(&t.SecondStage, func() { err = w.head.run(&w.dense, w.proposer.chosen) })
	if err != nil {
		return nil, err
	}
	t.stage(&t.Postprocess, func() {
		w.head.detections(&w.pairs, &w.dense, w.proposer.chosen, q.threshold, q.wanted)
		w.best(h)
	})
	return w.found, nil
}

func (w *worker) best(h *Header) {
	w.found = w.pairs.best(w.found[:0], &w.nms, h.NMS, w.choice.limit)
}

// Timing is where the time of one detection went.
type Timing struct {
	Wait        time.Duration // for a free worker
	Preprocess  time.Duration // photo to planes
	Network     time.Duration // backbone, neck and dense towers
	Proposals   time.Duration
	SecondStage time.Duration // RoIAlign and the fully connected layers
	Postprocess time.Duration // scores and suppression
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
