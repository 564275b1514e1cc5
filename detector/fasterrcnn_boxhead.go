package detector

import (
	"fmt"
	"math"

	"example.com/riffle/internal/vec"
	"example.com/riffle/nn"
)

// boxHead is a Faster R-CNN's second stage on one plan's memory.
type boxHead struct {
	header  *Header
	plan    *nn.Plan
	align   RoIAlign
	maps    []roiMap    // features by level
	regions [][]float32 // the plan's ports
	classes [][]float32
	moves   [][]float32
	room    int // regions of a run
	levelOf []int

	// Of all proposals, as planes: answers c and 4c to 4c+3 are those of output c.
	logits, deltas [][]float32
}

func newBoxHead(h *Header, plan *nn.Plan, maps []roiMap) *boxHead {
	f := &h.FasterRCNN
	r := &boxHead{
		header: h, plan: plan, maps: maps,
		regions: plan.Input(portRegions), classes: plan.Output(portClasses), moves: plan.Output(portDeltas),
		align: RoIAlign{Rows: f.Size, Cols: f.Size, Sampling: f.Sampling},
	}
	r.align.crew = roiCrew{true, vec.For(plan.ISA()), plan.Threads(), plan.ParallelFor}
	r.room = len(r.regions[0])
	r.logits, r.deltas = planes(f.Outputs, f.Proposals), planes(4*f.Outputs, f.Proposals)
	return r
}

// planes are count of them, of n values each.
func planes(count, n int) [][]float32 {
	list, memory := make([][]float32, count), make([]float32, count*n)
	for i := range list {
		list[i] = memory[i*n : (i+1)*n : (i+1)*n]
	}
	return list
}

// run computes the answers for proposals.
func (r *boxHead) run(proposals []Box, m LevelMapper) error {
	r.levelOf = r.levelOf[:0]
	for _, b := range proposals {
		r.levelOf = append(r.levelOf, min(m.Level(b), len(r.maps)-1))
	}
	for from := 0; from < len(proposals); from += r.room {
		to := min(from+r.room, len(proposals))
		if err := r.align.align(r.regions, r.maps, proposals[from:to], r.levelOf[from:to], nil); err != nil {
			return fmt.Errorf("box head: %w", err)
		}
		r.plan.RunFirst(to - from)
		keep(r.logits, r.classes, from, to)
		keep(r.deltas, r.moves, from, to)
	}
	return nil
}

func keep(dst, src [][]float32, from, to int) {
	for i, plane := range dst {
		copy(plane[from:to], src[i])
	}
}

// minDetection is the shortest side of a detection in pixels of the input.
const minDetection = 1e-2

// detections adds every pair of a proposal and a class whose probability is above
// the threshold, as torchvision's RoIHeads.postprocess_detections; its box is moved
// by the class's deltas and clipped to a picture of width x height pixels. A softmax
// is computed only where a class can be above the threshold: a probability is at
// most exp(its logit - the highest logit).
func (r *boxHead) detections(pairs *candidates, proposals []Box, width, height, threshold float32, wanted []bool) {
	// The margin keeps rounding from hiding what lies just above the threshold.
	floor := float32(math.Log(float64(threshold))) - 1e-4
	for i, p := range proposals {
		highest, sum := r.highest(i), 0.0
		for c, class := range r.header.Classes {
			v := r.logits[class.ID][i]
			if !wants(wanted, c) || !(v-highest > floor) {
				continue
			}
			if sum == 0 {
				sum = r.sum(i, highest)
			}
			score := float32(math.Exp(float64(v-highest)) / sum)
			if !(score > threshold) {
				continue
			}
			d := r.deltas[4*class.ID:]
			b := HeadCoder.Decode(p, [4]float32{d[0][i], d[1][i], d[2][i], d[3][i]}).Clip(width, height)
			if b.Width() >= minDetection && b.Height() >= minDetection {
				pairs.add(b, score, c)
			}
		}
	}
}

// highest is a proposal's highest logit.
func (r *boxHead) highest(i int) float32 {
	v := r.logits[0][i]
	for _, plane := range r.logits[1:] {
		v = max(v, plane[i])
	}
	return v
}

// sum is what a proposal's probabilities are divided by.
func (r *boxHead) sum(i int, highest float32) float64 {
	sum := 0.0
	for _, plane := range r.logits {
		sum += math.Exp(float64(plane[i] - highest))
	}
	return sum
}

// LevelMapper assigns regions to pyramid levels by size: equation 1 of Lin et
// al., Feature Pyramid Networks (arXiv 1612.03144), as torchvision's.
type LevelMapper struct {
	Min, Max       int     // logarithms of the finest and coarsest level's stride
	CanonicalSize  float32 // side in pixels of a region that belongs to CanonicalLevel
	CanonicalLevel int
}

// NewLevelMapper maps to levels of stride 2^min to 2^max with the paper's
// constants: 224 pixels belong to level 4.
func NewLevelMapper(min, max int) LevelMapper {
	return LevelMapper{Min: min, Max: max, CanonicalSize: 224, CanonicalLevel: 4}
}

// Level returns the index of a region's level, 0 being the finest.
func (m LevelMapper) Level(b Box) int {
	side := float32(math.Sqrt(float64(b.Area())))
	k := math.Floor(float64(float32(m.CanonicalLevel) + float32(math.Log2(float64(side/m.CanonicalSize))) + 1e-6))
	if !(k >= float64(m.Min)) {
		return 0
	}
	return min(int(min(k, 1000)), m.Max) - m.Min
}
