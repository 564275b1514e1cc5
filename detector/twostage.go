package detector

import (
	"fmt"
	"image"

	"example.com/riffle/internal/vec"
	"example.com/riffle/nn"
)

// twoStageKind is the trained detector.
type twoStageKind struct{}

func (twoStageKind) check(h *Header) error {
	if h.BranchWidths != nil {
		if _, err := h.trunk(); err != nil {
			return err
		}
	}
	if h.NeckChannels%2 != 0 {
		return fmt.Errorf("neck_channels: %d is odd", h.NeckChannels)
	}
	err := within(
		bound{"neck_channels", h.NeckChannels, 2, 2048},
		bound{"roi.channels", h.RoI.Channels, 1, 1024},
		bound{"roi.size", h.RoI.Size, 1, 32},
		bound{"roi.sampling", h.RoI.Sampling, 1, 16},
		bound{"roi.hidden", h.RoI.Hidden, 1, 8192},
		bound{"roi.finest", h.RoI.Finest, 0, 2048},
		bound{"roi.pre_nms", h.RoI.PreNMS, 1, 100_000},
		bound{"roi.proposals", h.RoI.Proposals, 1, 5000},
	)
	if err != nil {
		return err
	}
	if n := h.RoI.Channels * h.RoI.Size * h.RoI.Size * h.RoI.Proposals; n > maxPooled {
		return fmt.Errorf("roi: channels x size x size x proposals is %d, at most %d allowed", n, maxPooled)
	}
	return inRange(fraction{"roi.nms", h.RoI.NMS}, fraction{"roi.second_stage_weight", h.RoI.SecondStageWeight})
}

func (twoStageKind) floor(*Header) float32 { return scoreFloor }

// scoreFloor is the score at or below which a two-stage detector never reports
// anything.
const scoreFloor = 0.01

func (twoStageKind) decodeSize(h *Header) image.Point { return image.Pt(h.Input[1], h.Input[0]) }

func (twoStageKind) propose(h *Header, n int) error {
	h.RoI.Proposals = n
	return nil
}

func (twoStageKind) resize(h *Header, side int) { h.Input = []int{side, side} }

func (twoStageKind) design(h *Header, w *nn.Weights, o Options, plan nn.Options) (design, cost, error) {
	var c cost
	g, err := firstGraph(h, !o.FirstStageOnly)
	if err != nil {
		return nil, c, err
	}
	first, err := c.add(g, w, h.Input[0], h.Input[1], plan)
	if err != nil {
		return nil, c, fmt.Errorf("first stage: %w", err)
	}
	if o.FirstStageOnly {
		n, err := newFirstStage(h, first)
		return newReady(h, n, c, err)
	}
	scale, ok := w.Tensors["roi.prior_scale"]
	if !ok || len(scale.Data) != len(h.Classes) {
		return nil, c, fmt.Errorf("second stage: weights: tensor %q must have %d elements", "roi.prior_scale", len(h.Classes))
	}
	c.params += int64(len(scale.Data))
	if g, err = secondGraph(h); err != nil {
		return nil, c, err
	}
	second, err := c.add(g, w, 1, h.RoI.Proposals, plan)
	if err != nil {
		return nil, c, fmt.Errorf("second stage: %w", err)
	}
	n, err := newTwoStage(h, first, second, scale.Data)
	return newReady(h, n, c, err)
}

// firstStage is the dense first stage as a detector of its own.
type firstStage struct {
	eye
	header *Header
	dense  dense
}

func newFirstStage(h *Header, plan *nn.Plan) (*firstStage, error) {
	e, err := newEye(h, plan, image.Pt(h.Input[1], h.Input[0]))
	if err != nil {
		return nil, err
	}
	n := &firstStage{eye: e, header: h}
	n.dense = dense{
		classes: len(h.Classes), height: float32(h.Input[0]), width: float32(h.Input[1]),
		isa: vec.For(plan.ISA()), share: plan.ParallelFor,
	}
	for l, stride := range strides {
		name := fmt.Sprint(portDense, l)
		planes := plan.Output(name)
		_, _, cols, err := plan.OutputShape(name)
		if err != nil {
			return nil, err
		}
		n.dense.levels = append(n.dense.levels, denseLevel{planes, cols, float32(stride), n.dense.points})
		n.dense.points += len(planes[0])
	}
	return n, nil
}

func (n *firstStage) clone() (network, error) { return newFirstStage(n.header, n.plan.Clone()) }

func (n *firstStage) run(t *Timing) error {
	t.stage(&t.Network, n.plan.Run)
	return nil
}

func (n *firstStage) detections(pairs *candidates, threshold float32, wanted []bool) {
	n.dense.detections(pairs, threshold, wanted)
}

func (n *firstStage) profile(*Timing) []nn.Layer { return n.plan.Profile() }

// twoStage is both stages.
type twoStage struct {
	firstStage
	proposer proposer
	head     *regionHead
}

func newTwoStage(h *Header, first, second *nn.Plan, priorScale []float32) (*twoStage, error) {
	f, err := newFirstStage(h, first)
	if err != nil {
		return nil, err
	}
	second.JoinThreads(first)
	var thin [][][]float32
	for l := range strides {
		thin = append(thin, first.Output(fmt.Sprint(portThin, l)))
	}
	return &twoStage{firstStage: *f, head: newRegionHead(h, second, priorScale, thin, f.dense.levels)}, nil
}

func (n *twoStage) clone() (network, error) {
	return newTwoStage(n.header, n.plan.Clone(), n.head.plan.Clone(), n.head.priorScale)
}

func (n *twoStage) run(t *Timing) error {
	t.stage(&t.Network, n.plan.Run)
	t.stage(&t.Proposals, func() { n.dense.propose(&n.proposer, &n.header.RoI) })
	var err error
	t.stage(&t.SecondStage, func() { err = n.head.run(&n.dense, n.proposer.chosen) })
	return err
}

func (n *twoStage) detections(pairs *candidates, threshold float32, wanted []bool) {
	n.head.detections(pairs, &n.dense, n.proposer.chosen, threshold, wanted)
}

func (n *twoStage) profile(t *Timing) []nn.Layer {
	return append(n.plan.Profile(), secondStageLayers(t, n.head.plan.Profile())...)
}

// secondStageLayers puts what happens between the networks before the layers of
// the second: what is left of its time went into RoIAlign.
func secondStageLayers(t *Timing, second []nn.Layer) []nn.Layer {
	around := t.SecondStage
	for _, l := range second {
		around -= l.Time
	}
	return append([]nn.Layer{
		{Name: "proposals", Kind: "boxes", Time: t.Proposals},
		{Name: "RoIAlign", Kind: "features", Time: max(0, around)},
	}, second...)
}
