package detector

import (
	"fmt"
	"image"
	"math"

	"example.com/riffle/nn"
)

// fasterRCNNKind is the classic Faster R-CNN (Ren et al., arXiv 1506.01497) with
// torchvision's arithmetic.
type fasterRCNNKind struct{}

func (fasterRCNNKind) check(h *Header) error {
	if h.BranchWidths != nil {
		return fmt.Errorf("branch_widths: a %s has none", h.Kind)
	}
	return h.FasterRCNN.check(h.Classes)
}

func (fasterRCNNKind) floor(h *Header) float32 { return float32(h.FasterRCNN.MinScore) }

// decodeSize is none: single pixels are sampled, see photo.Preprocessor.Plain.
func (fasterRCNNKind) decodeSize(*Header) image.Point { return image.Point{} }

func (fasterRCNNKind) propose(h *Header, n int) error {
	h.FasterRCNN.Proposals = n
	return nil
}

// resize keeps the ratio of the two sides that photos are fitted into.
func (fasterRCNNKind) resize(h *Header, side int) {
	f := &h.FasterRCNN
	f.LongerSide = f.LongerSide * side / f.ShorterSide
	f.ShorterSide = side
	h.Input = []int{side, side}
}

func (fasterRCNNKind) design(h *Header, w *nn.Weights, o Options, plan nn.Options) (design, cost, error) {
	if o.FirstStageOnly {
		return nil, cost{}, fmt.Errorf("model %q: the first stage of a %s knows no classes, so it cannot run alone", h.Name, h.Kind)
	}
	g, err := newFasterRCNNGraphs(h)
	if err != nil {
		return nil, cost{}, err
	}
	return newFasterRCNNDesign(h, g, w, plan)
}

// fasterRCNNDesign compiles a trunk for each size of photos. The box head, most
// of the weights, is compiled once.
type fasterRCNNDesign struct {
	header  *Header
	trunk   *nn.Graph
	weights *nn.Weights // of the trunk
	options nn.Options
	head    *nn.Plan
	lent    bool // the first network works in head's own memory, others in that of clones
}

// maxRegions is how many regions the box head looks at in one run: more gain no
// speed, and their features take memory.
const maxRegions = 256

func newFasterRCNNDesign(h *Header, g *fasterRCNNGraphs, w *nn.Weights, plan nn.Options) (*fasterRCNNDesign, cost, error) {
	f := &h.FasterRCNN
	d := &fasterRCNNDesign{header: h, trunk: g.trunk, options: plan, weights: &nn.Weights{Tensors: map[string]nn.Tensor{}}}
	for _, p := range g.trunk.Params() {
		if t, ok := w.Tensors[p.Name]; ok {
			d.weights.Tensors[p.Name] = t
		}
	}
	runs := (f.Proposals + maxRegions - 1) / maxRegions
	plan.Height, plan.Width = 1, (f.Proposals+runs-1)/runs
	var err error
	if d.head, err = nn.Compile(g.head, w, plan); err != nil {
		return nil, cost{}, fmt.Errorf("box head: %w", err)
	}
	square := padded(d.inputFor(image.Pt(h.Input[1], h.Input[0])))
	trunk, err := g.trunk.MACs(square.Y, square.X)
	if err != nil {
		return nil, cost{}, err
	}
	head, err := g.head.MACs(1, f.Proposals)
	return d, cost{trunk + head, g.trunk.ParamCount() + g.head.ParamCount()}, err
}

// inputFor is torchvision's GeneralizedRCNNTransform, but that nothing is
// narrower than a pixel.
func (d *fasterRCNNDesign) inputFor(photo image.Point) image.Point {
	f := &d.header.FasterRCNN
	shorter, longer := float64(min(photo.X, photo.Y)), float64(max(photo.X, photo.Y))
	scale := min(float64(f.ShorterSide)/shorter, float64(f.LongerSide)/longer)
	return image.Pt(max(1, int(float64(photo.X)*scale)), max(1, int(float64(photo.Y)*scale)))
}

// padded is the size of the planes for an input: zeros on the right and below
// fill it up to whole strides.
func padded(input image.Point) image.Point {
	up := func(n int) int { return (n + strideMultiple - 1) / strideMultiple * strideMultiple }
	return image.Pt(up(input.X), up(input.Y))
}

func (d *fasterRCNNDesign) compile(input image.Point) (network, error) {
	o, size := d.options, padded(input)
	o.Height, o.Width = size.Y, size.X
	trunk, err := nn.Compile(d.trunk, d.weights, o)
	if err != nil {
		return nil, fmt.Errorf("photo as %dx%d pixels for the network: %w", input.X, input.Y, err)
	}
	head := d.head
	if d.lent {
		head = head.Clone()
	}
	d.lent = true
	return newFasterRCNN(d.header, trunk, head, input)
}

// fasterRCNN is a network for photos of one size.
type fasterRCNN struct {
	eye
	header   *Header
	size     image.Point // of photos in the input
	levels   []anchorLevel
	proposer regionProposer
	mapper   LevelMapper
	head     *boxHead
}

func newFasterRCNN(h *Header, trunk, head *nn.Plan, input image.Point) (*fasterRCNN, error) {
	size := padded(input)
	e, err := newEye(h, trunk, input)
	if err != nil {
		return nil, err
	}
	e.pre.Plain, e.pre.Stride = true, size.X
	head.JoinThreads(trunk)
	n := &fasterRCNN{eye: e, header: h, size: input}
	var maps []roiMap
	for l := range h.FasterRCNN.anchorLevels() {
		scores := fmt.Sprint(portScores, l)
		_, rows, cols, err := trunk.OutputShape(scores)
		if err != nil {
			return nil, err
		}
		n.levels = append(n.levels, anchorLevel{
			logits: trunk.Output(scores), deltas: trunk.Output(fmt.Sprint(portDeltas, l)),
			anchors: anchors(h.FasterRCNN.AnchorSizes[l], h.FasterRCNN.AnchorRatios, cols, rows, size.X, size.Y),
		})
		if planes := trunk.Output(fmt.Sprint(portFeatures, l)); planes != nil {
			maps = append(maps, roiMap{planes, rows, cols, float32(rows) / float32(size.Y)})
		}
	}
	logStride := func(m roiMap) int { return int(math.Round(-math.Log2(float64(m.scale)))) }
	n.mapper = NewLevelMapper(logStride(maps[0]), logStride(maps[len(maps)-1]))
	n.head = newBoxHead(h, head, maps)
	return n, nil
}

func (n *fasterRCNN) clone() (network, error) {
	return newFasterRCNN(n.header, n.plan.Clone(), n.head.plan.Clone(), n.size)
}

func (n *fasterRCNN) run(t *Timing) error {
	width, height := float32(n.size.X), float32(n.size.Y)
	t.stage(&t.Network, n.plan.Run)
	t.stage(&t.Proposals, func() { n.proposer.propose(n.levels, width, height, &n.header.FasterRCNN) })
	var err error
	t.stage(&t.SecondStage, func() { err = n.head.run(n.proposer.boxes, n.mapper) })
	return err
}

func (n *fasterRCNN) detections(pairs *candidates, threshold float32, wanted []bool) {
	n.head.detections(pairs, n.proposer.boxes, float32(n.size.X), float32(n.size.Y), threshold, wanted)
}

func (n *fasterRCNN) profile(t *Timing) []nn.Layer {
	return append(n.plan.Profile(), secondStageLayers(t, n.head.plan.Profile())...)
}
