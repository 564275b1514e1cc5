package detector

import (
	"fmt"
	"math"

	"example.com/riffle/nn"
)

// rpnLevel is the part of a Faster R-CNN that looks at one pyramid level: the
// pyramid's smoothing convolution, if any, and the region proposal network.
type rpnLevel struct {
	plan       *nn.Plan
	channels   int
	rows, cols int
	anchors    []Box
	input      [][]float32
	features   [][]float32 // what regions are pooled from
	logits     [][]float32 // one plane an anchor of a cell
	deltas     [][]float32 // four

	boxes  []Box // of all anchors, decoded
	scores []float32
}

const (
	portMap      = "map"
	portFeatures = "features"
	portScores   = "objectness"
)

// addLevel compiles level l for maps of the given shape.
func (f *FasterRCNN) addLevel(w *nn.Weights, l, channels, rows, cols int) error {
	c := &f.config
	anchors, err := c.Anchors.Anchors(l, cols, rows, c.Width, c.Height)
	if err != nil {
		return fmt.Errorf("faster r-cnn: %w", err)
	}
	b := nn.NewBuilder()
	x := b.Input(portMap, channels)
	smooth := c.FPN > 0 && l < 3
	if smooth {
		x = b.Conv(x, fmt.Sprintf("backbone.fpn.layer_blocks.%d.0", l), nn.ConvSpec{Out: channels, Kernel: 3, Bias: true})
		b.Output(portFeatures, x)
	}
	x = b.Act(b.Conv(x, "rpn.head.conv.0.0", nn.ConvSpec{Out: channels, Kernel: 3, Bias: true}), nn.ReLU)
	n := c.Anchors.PerCell(l)
	b.Output(portScores, b.Pointwise(x, "rpn.head.cls_logits", n, true))
	b.Output(portDeltas, b.Pointwise(x, "rpn.head.bbox_pred", 4*n, true))
	g, err := b.Graph()
	if err != nil {
		return err
	}
	plan, err := nn.Compile(g, w, nn.Options{Height: rows, Width: cols, Threads: c.Threads})
	if err != nil {
		return fmt.Errorf("faster r-cnn: level %d: %w", l, err)
	}
	level := rpnLevel{plan: plan, channels: channels, rows: rows, cols: cols, anchors: anchors}
	level.bind()
	f.levels = append(f.levels, level)
	return nil
}

// bind looks up the plan's ports.
func (l *rpnLevel) bind() {
	l.input, l.features = l.plan.Input(portMap), l.plan.Output(portFeatures)
	if l.features == nil {
		l.features = l.input
	}
	l.logits, l.deltas = l.plan.Output(portScores), l.plan.Output(portDeltas)
}

func (l rpnLevel) clone() rpnLevel {
	l.plan, l.boxes, l.scores = l.plan.Clone(), nil, nil
	l.bind()
	return l
}

// logStride is the binary logarithm of the level's stride, as torchvision infers
// it from the shapes.
func (l *rpnLevel) logStride(c FasterRCNNConfig) int {
	return -int(math.Round(math.Log2(float64(l.rows) / float64(c.Height))))
}

// anchored returns every anchor's box, moved by its deltas, and its objectness
// logit: cell by cell, anchor by anchor.
func (l *rpnLevel) anchored() ([]Box, []float32) {
	l.boxes, l.scores = l.boxes[:0], l.scores[:0]
	n := len(l.logits)
	for cell := range l.rows * l.cols {
		for a := range n {
			d := [4]float32{l.deltas[4*a][cell], l.deltas[4*a+1][cell], l.deltas[4*a+2][cell], l.deltas[4*a+3][cell]}
			l.boxes = append(l.boxes, RPNCoder.Decode(l.anchors[cell*n+a], d))
			l.scores = append(l.scores, l.logits[a][cell])
		}
	}
	return l.boxes, l.scores
}

// trunkOutputs are the names of the trunk's outputs, fine to coarse.
func (c *FasterRCNNConfig) trunkOutputs() []string {
	if c.FPN > 0 {
		return []string{"inner0", "inner1", "inner2"}
	}
	return []string{"c5"}
}

// trunk compiles the backbone, with the pyramid's lateral convolutions.
func (c *FasterRCNNConfig) trunk(w *nn.Weights) (*nn.Plan, []string, error) {
	b := nn.NewBuilder()
	f := c.Network.Features(b, b.Input(portImage, 3), c.Backbone)
	names := c.trunkOutputs()
	if c.FPN > 0 {
		for i, x := range []nn.Value{f.C3, f.C4, f.C5} {
			b.Output(names[i], b.Pointwise(x, fmt.Sprintf("backbone.fpn.inner_blocks.%d.0", i), c.FPN, true))
		}
	} else {
		b.Output(names[0], f.C5)
	}
	g, err := b.Graph()
	if err != nil {
		return nil, nil, err
	}
	p, err := nn.Compile(g, w, nn.Options{Height: c.Height, Width: c.Width, Threads: c.Threads})
	return p, names, err
}

// boxHead compiles the second stage; as in secondGraph a region is a pixel.
func (c *FasterRCNNConfig) boxHead(w *nn.Weights, channels int) (*nn.Plan, error) {
	b := nn.NewBuilder()
	x := b.Input(portRegions, channels*c.Bins*c.Bins)
	x = b.Act(b.Pointwise(x, "roi_heads.box_head.fc6", c.Hidden, true), nn.ReLU)
	x = b.Act(b.Pointwise(x, "roi_heads.box_head.fc7", c.Hidden, true), nn.ReLU)
	b.Output(portClasses, b.Pointwise(x, "roi_heads.box_predictor.cls_score", c.Classes, true))
	b.Output(portDeltas, b.Pointwise(x, "roi_heads.box_predictor.bbox_pred", 4*c.Classes, true))
	g, err := b.Graph()
	if err != nil {
		return nil, err
	}
	return nn.Compile(g, w, nn.Options{Height: 1, Width: c.Proposals.PostNMS, Threads: c.Threads})
}

func copyPlanes(dst, src [][]float32) {
	for i := range dst {
		copy(dst[i], src[i])
	}
}

// addNearest adds coarse planes, blown up by repeating cells.
func addNearest(dst [][]float32, rows, cols int, coarse [][]float32, coarseRows, coarseCols int) {
	for c, plane := range dst {
		for y := range rows {
			from := coarse[c][y*coarseRows/rows*coarseCols:]
			row := plane[y*cols : (y+1)*cols]
			for x := range row {
				row[x] += from[x*coarseCols/cols]
			}
		}
	}
}

// everySecond takes every second cell of every second row.
func everySecond(dst [][]float32, cols int, src [][]float32, srcCols int) {
	for c, plane := range dst {
		for i := range plane {
			plane[i] = src[c][i/cols*2*srcCols+i%cols*2]
		}
	}
}
