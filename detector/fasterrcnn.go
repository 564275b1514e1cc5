package detector

import (
	"errors"
	"fmt"
	"math"

	"example.com/riffle/backbone"
	"example.com/riffle/nn"
)

// FasterRCNNConfig describes a classic Faster R-CNN (Ren et al., arXiv
// 1506.01497): a class-agnostic region proposal network over anchors, RoIAlign,
// and a box head of two fully connected layers. Weights are named as in
// torchvision's models.detection.FasterRCNN, whose checkpoints load unchanged.
type FasterRCNNConfig struct {
	Network backbone.Network
	// Backbone are the network's options. Prefix is what stands before its
	// tensors' names: torchvision's is "backbone.", or "backbone.body." before a
	// feature pyramid.
	Backbone backbone.Options
	// FPN is the width of a feature pyramid over C3, C4 and C5 with one more
	// level, for proposals only, that takes every second cell of the last (Lin et
	// al., arXiv 1612.03144). 0 is none: everything then reads C5.
	FPN int
	// Anchors has sizes and ratios for each level: four with a pyramid, else one.
	Anchors   AnchorGenerator
	Classes   int // with the background, which is class 0
	Bins      int // along a side of a region; 0 means 7
	Sampling  int // samples along a side of a bin; 0 means 2, less is adaptive
	Hidden    int // width of the box head; 0 means 1024
	Proposals ProposalRules
	Head      HeadRules

	Height, Width int // of the input in pixels, multiples of 32
	Threads       int
}

func (c FasterRCNNConfig) withDefaults() (FasterRCNNConfig, error) {
	if c.Bins == 0 {
		c.Bins = 7
	}
	if c.Sampling == 0 {
		c.Sampling = 2
	}
	if c.Hidden == 0 {
		c.Hidden = 1024
	}
	if c.Proposals == (ProposalRules{}) {
		c.Proposals = DefaultProposalRules
	}
	if c.Head == (HeadRules{}) {
		c.Head = DefaultHeadRules
	}
	levels := 1
	if c.FPN > 0 {
		levels = 4
	}
	switch {
	case c.Network == nil:
		return c, errors.New("faster r-cnn: no network")
	case c.FPN < 0 || c.Bins < 1 || c.Hidden < 1:
		return c, fmt.Errorf("faster r-cnn: fpn %d, bins %d and hidden %d cannot be", c.FPN, c.Bins, c.Hidden)
	case c.Classes < 2:
		return c, fmt.Errorf("faster r-cnn: %d classes, the background and one more at least", c.Classes)
	case c.Height < 32 || c.Width < 32 || c.Height%32 != 0 || c.Width%32 != 0:
		return c, fmt.Errorf("faster r-cnn: input of %d x %d pixels, want multiples of 32", c.Width, c.Height)
	case c.Proposals.PreNMS < 1 || c.Proposals.PostNMS < 1:
		return c, errors.New("faster r-cnn: no proposals wanted")
	case len(c.Anchors.Sizes) != levels || len(c.Anchors.Ratios) != levels:
		return c, fmt.Errorf("faster r-cnn: anchors of %d levels, want %d", len(c.Anchors.Sizes), levels)
	}
	for l := range levels {
		if c.Anchors.PerCell(l) != c.Anchors.PerCell(0) || c.Anchors.PerCell(l) < 1 {
			return c, errors.New("faster r-cnn: every level needs the same number of anchors")
		}
	}
	return c, nil
}

// FasterRCNN is a compiled network with memory of its own. It is not safe for
// concurrent use; [FasterRCNN.Clone] gives another that shares the weights.
type FasterRCNN struct {
	config FasterRCNNConfig
	trunk  *nn.Plan
	maps   [][][]float32 // the trunk's outputs, fine to coarse
	levels []rpnLevel
	pooled int // so many levels, from the finest, are pooled from
	mapper LevelMapper
	head   *nn.Plan

	filter  ProposalFilter
	results HeadFilter
	align   RoIAlign
	roiMaps []roiMap
	levelOf []int // of each proposal, while pooling
}

// NewFasterRCNN builds the graphs and checks the weights against them; the error
// names the tensor that is wrong.
func NewFasterRCNN(w *nn.Weights, c FasterRCNNConfig) (*FasterRCNN, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &FasterRCNN{config: c, align: RoIAlign{Rows: c.Bins, Cols: c.Bins, Sampling: c.Sampling}}
	var names []string
	if f.trunk, names, err = c.trunk(w); err != nil {
		return nil, fmt.Errorf("faster r-cnn: backbone: %w", err)
	}
	for l, name := range names {
		channels, h, wide, err := f.trunk.OutputShape(name)
		if err != nil {
			return nil, err
		}
		if err := f.addLevel(w, l, channels, h, wide); err != nil {
			return nil, err
		}
	}
	f.pooled = len(f.levels)
	if c.FPN > 0 {
		last := f.levels[len(f.levels)-1]
		if err := f.addLevel(w, len(f.levels), c.FPN, (last.rows+1)/2, (last.cols+1)/2); err != nil {
			return nil, err
		}
	}
	f.mapper = NewLevelMapper(f.levels[0].logStride(c), f.levels[f.pooled-1].logStride(c))
	if f.head, err = c.boxHead(w, f.levels[0].channels); err != nil {
		return nil, fmt.Errorf("faster r-cnn: box head: %w", err)
	}
	f.bind(names)
	return f, nil
}

// bind looks up the trunk's outputs and lets all plans run on its threads.
func (f *FasterRCNN) bind(names []string) {
	f.head.JoinThreads(f.trunk)
	for _, l := range f.levels {
		l.plan.JoinThreads(f.trunk)
	}
	for _, name := range names {
		f.maps = append(f.maps, f.trunk.Output(name))
	}
}

// Clone returns a network with memory of its own that shares the weights.
func (f *FasterRCNN) Clone() *FasterRCNN {
	out := &FasterRCNN{config: f.config, trunk: f.trunk.Clone(), pooled: f.pooled, mapper: f.mapper, head: f.head.Clone(),
		align: RoIAlign{Rows: f.align.Rows, Cols: f.align.Cols, Sampling: f.align.Sampling}}
	for _, l := range f.levels {
		out.levels = append(out.levels, l.clone())
	}
	out.bind(f.config.trunkOutputs())
	return out
}

// Input are the three planes (red, green, blue; normalised as the weights want
// it) of Height x Width values that Detect reads.
func (f *FasterRCNN) Input() [][]float32 { return f.trunk.Input(portImage) }

// Detect finds objects in what the input planes hold: boxes in pixels of the
// input, classes from 1, best first. The next call overwrites the result.
func (f *FasterRCNN) Detect() ([]classBox, error) {
	c := &f.config
	width, height := float32(c.Width), float32(c.Height)
	f.trunk.Run()
	f.pyramid()
	boxes, logits := make([][]Box, len(f.levels)), make([][]float32, len(f.levels))
	for i := range f.levels {
		boxes[i], logits[i] = f.levels[i].anchored()
	}
	proposals := f.filter.Filter(boxes, logits, width, height, c.Proposals)
	if err := f.pool(proposals.Boxes); err != nil {
		return nil, err
	}
	f.head.Run()
	return f.results.Filter(f.head.Output(portClasses), f.head.Output(portDeltas), proposals.Boxes, width, height, c.Head), nil
}

// pyramid runs every level: coarse to fine, each map having the coarser one
// added, if there is a pyramid.
func (f *FasterRCNN) pyramid() {
	for l := f.pooled - 1; l >= 0; l-- {
		level := &f.levels[l]
		copyPlanes(level.input, f.maps[l])
		if l < f.pooled-1 {
			coarse := &f.levels[l+1]
			addNearest(level.input, level.rows, level.cols, coarse.input, coarse.rows, coarse.cols)
		}
		level.plan.Run()
	}
	if len(f.levels) > f.pooled {
		last, extra := &f.levels[f.pooled-1], &f.levels[f.pooled]
		everySecond(extra.input, extra.cols, last.features, last.cols)
		extra.plan.Run()
	}
}

// pool fills the box head's input.
func (f *FasterRCNN) pool(proposals []Box) error {
	f.roiMaps = f.roiMaps[:0]
	for l := range f.levels[:f.pooled] {
		level := &f.levels[l]
		scale := float32(math.Exp2(-float64(level.logStride(f.config))))
		f.roiMaps = append(f.roiMaps, roiMap{level.features, level.rows, level.cols, scale})
	}
	f.levelOf = f.levelOf[:0]
	for _, b := range proposals {
		l := 0
		if f.pooled > 1 {
			l = f.mapper.Level(b)
		}
		f.levelOf = append(f.levelOf, l)
	}
	if err := f.align.align(f.head.Input(portRegions), f.roiMaps, proposals, f.levelOf, nil); err != nil {
		return fmt.Errorf("faster r-cnn: %w", err)
	}
	return nil
}
