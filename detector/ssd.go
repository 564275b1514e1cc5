package detector

import (
	"fmt"
	"image"
	"math"
	"slices"

	"example.com/riffle/internal/vec"
	"example.com/riffle/nn"
)

// ssdKind is SSDLite.
type ssdKind struct{}

func (ssdKind) check(h *Header) error {
	if h.BranchWidths != nil {
		return fmt.Errorf("branch_widths: a %s has none", h.Kind)
	}
	return h.SSD.check(h.Classes)
}

func (ssdKind) floor(h *Header) float32 { return float32(h.SSD.MinScore) }

// decodeSize is none: single pixels are sampled, see photo.Preprocessor.Plain.
func (ssdKind) decodeSize(*Header) image.Point { return image.Point{} }

func (ssdKind) propose(h *Header, _ int) error { return fmt.Errorf("a %s has no proposals", h.Kind) }

func (ssdKind) resize(h *Header, side int) { h.Input = []int{side, side} }

func (ssdKind) design(h *Header, w *nn.Weights, o Options, plan nn.Options) (design, cost, error) {
	var c cost
	if o.FirstStageOnly {
		return nil, c, fmt.Errorf("model %q has one stage: there is no second one to leave out", h.Name)
	}
	g, err := ssdGraph(h)
	if err != nil {
		return nil, c, err
	}
	p, err := c.add(g, w, h.Input[0], h.Input[1], plan)
	if err != nil {
		return nil, c, err
	}
	n, err := newSSD(h, p)
	return newReady(h, n, c, err)
}

// ssd is a whole SSDLite.
type ssd struct {
	eye
	*ssdHead
	whole *Header
}

func newSSD(h *Header, plan *nn.Plan) (*ssd, error) {
	e, err := newEye(h, plan, image.Pt(h.Input[1], h.Input[0]))
	if err != nil {
		return nil, err
	}
	e.pre.Plain = true
	head, err := newSSDHead(h, plan)
	return &ssd{e, head, h}, err
}

func (s *ssd) clone() (network, error) { return newSSD(s.whole, s.plan.Clone()) }

func (s *ssd) run(t *Timing) error {
	t.stage(&t.Network, s.plan.Run)
	return nil
}

func (s *ssd) profile(*Timing) []nn.Layer { return s.plan.Profile() }

// ssdHead turns the answers of an SSDLite's six maps into detections, in memory
// of its own.
type ssdHead struct {
	header  *SSDHeader
	classes []Class
	width   float32
	height  float32
	anchors []Box // of all maps
	maps    []ssdMap

	best  []float32 // of a map's cells, for one anchor: the highest wanted class
	most  []float32 // and the highest output of all
	byOut [][]hit   // by class
}

// ssdMap is what the heads say of one map, as planes: output o of anchor a is
// plane a*outputs + o, delta k of it plane a*4 + k.
type ssdMap struct {
	classes, deltas [][]float32
	first           int // index of its first anchor
}

// hit is a box that may show a class.
type hit struct {
	score  float32
	anchor int32
	m      int32 // its map
	cell   int32
	slot   int32 // which of the cell's anchors
}

func newSSDHead(h *Header, plan *nn.Plan) (*ssdHead, error) {
	s := &ssdHead{
		header: &h.SSD, classes: h.Classes, width: float32(h.Input[1]), height: float32(h.Input[0]),
		byOut: make([][]hit, len(h.Classes)),
	}
	sizes := make([][2]int, ssdMaps)
	n := h.SSD.anchorsPerCell()
	count := 0
	for i := range sizes {
		name := fmt.Sprint(portClasses, i)
		_, rows, cols, err := plan.OutputShape(name)
		if err != nil {
			return nil, err
		}
		sizes[i] = [2]int{rows, cols}
		s.maps = append(s.maps, ssdMap{plan.Output(name), plan.Output(fmt.Sprint(portDeltas, i)), count})
		count += rows * cols * n
	}
	s.anchors = DefaultBoxes(sizes, h.SSD.MinScale, h.SSD.MaxScale, h.SSD.Ratios, h.Input[1], h.Input[0])
	return s, nil
}

// detections adds every pair of a default box and a class whose probability is
// above the threshold; of a class only the best TopK, as torchvision's
// SSD.postprocess_detections.
func (s *ssdHead) detections(pairs *candidates, threshold float32, wanted []bool) {
	for c := range s.byOut {
		s.byOut[c] = s.byOut[c][:0]
	}
	for m := range s.maps {
		for slot := range s.header.anchorsPerCell() {
			s.scan(m, slot, threshold, wanted)
		}
	}
	for c, hits := range s.byOut {
		slices.SortFunc(hits, byScore)
		for _, h := range hits[:min(len(hits), s.header.TopK)] {
			m := &s.maps[h.m]
			d := m.deltas[4*h.slot:]
			box := HeadCoder.Decode(s.anchors[h.anchor], [4]float32{d[0][h.cell], d[1][h.cell], d[2][h.cell], d[3][h.cell]})
			pairs.add(box.Clip(s.width, s.height), h.score, c)
		}
	}
}

// byScore puts better hits first, equal ones in the order of their boxes.
func byScore(a, b hit) int {
	switch {
	case a.score > b.score:
		return -1
	case a.score < b.score:
		return 1
	}
	return int(a.anchor - b.anchor)
}

// scan looks at one anchor of all cells of a map. A softmax is computed only
// where a wanted class is near enough to the highest output: a probability is at
// most exp(its logit - the highest logit).
func (s *ssdHead) scan(m, slot int, threshold float32, wanted []bool) {
	outputs := s.header.Outputs
	planes := s.maps[m].classes[slot*outputs : (slot+1)*outputs]
	cells := len(planes[0])
	s.best, s.most = vec.Grow(s.best, cells), vec.Grow(s.most, cells)
	copy(s.most, planes[0])
	for _, plane := range planes[1:] {
		raise(s.most, plane)
	}
	lowest := float32(math.Inf(-1))
	for i := range s.best {
		s.best[i] = lowest
	}
	for c, class := range s.classes {
		if wants(wanted, c) {
			raise(s.best, planes[class.ID])
		}
	}
	// The margin keeps rounding from hiding what lies just above the threshold.
	floor := float32(math.Log(float64(threshold))) - 1e-4
	for cell, v := range s.best {
		if v-s.most[cell] > floor {
			s.hits(m, slot, cell, planes, threshold, wanted)
		}
	}
}

// hits notes the classes of one box that are above the threshold.
func (s *ssdHead) hits(m, slot, cell int, planes [][]float32, threshold float32, wanted []bool) {
	highest := float64(s.most[cell])
	sum := 0.0
	for _, plane := range planes {
		sum += math.Exp(float64(plane[cell]) - highest)
	}
	for c, class := range s.classes {
		if !wants(wanted, c) {
			continue
		}
		score := float32(math.Exp(float64(planes[class.ID][cell])-highest) / sum)
		if score > threshold {
			anchor := s.maps[m].first + cell*s.header.anchorsPerCell() + slot
			s.byOut[c] = append(s.byOut[c], hit{score, int32(anchor), int32(m), int32(cell), int32(slot)})
		}
	}
}

// raise lifts values to those of a plane where they are higher.
func raise(values, plane []float32) {
	plane = plane[:len(values)]
	for i, v := range plane {
		if v > values[i] {
			values[i] = v
		}
	}
}
