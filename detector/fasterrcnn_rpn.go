package detector

import (
	"math"

	"example.com/riffle/internal/vec"
)

// anchorLevel is what a region proposal network says about one level: of anchor a
// of a cell, plane a of the logits and planes 4a to 4a+3 of the deltas.
type anchorLevel struct {
	logits, deltas [][]float32
	anchors        []Box // cell by cell, anchor by anchor
}

// regionProposer picks proposals in memory that it keeps from call to call.
type regionProposer struct {
	nms    Suppressor
	order  []uint64
	logits []float32 // of a level: those that are high enough
	at     []int32   // and their anchors
	found  []Box     // of all levels
	scores []float32
	level  []int

	boxes []Box // the proposals, best first
}

// minProposal is the shortest side of a proposal in pixels.
const minProposal = 1e-3

// propose picks the proposals of all levels, as torchvision's
// RegionProposalNetwork.filter_proposals: of each level the best anchors, moved by
// their deltas and clipped to a picture of width x height pixels, suppressed within
// their level.
func (p *regionProposer) propose(levels []anchorLevel, width, height float32, f *FasterRCNNHeader) {
	p.found, p.scores, p.level = p.found[:0], p.scores[:0], p.level[:0]
	for l := range levels {
		p.collect(&levels[l], logit(float32(f.Objectness)))
		p.order = top(p.order[:0], p.logits, f.PreNMS)
		for _, key := range p.order {
			i := indexOf(key)
			score := sigmoid(p.logits[i])
			b := levels[l].box(int(p.at[i])).Clip(width, height)
			if b.Width() >= minProposal && b.Height() >= minProposal && score >= float32(f.Objectness) {
				p.found, p.scores, p.level = append(p.found, b), append(p.scores, score), append(p.level, l)
			}
		}
	}
	p.boxes = p.boxes[:0]
	for _, i := range p.nms.NMSByGroup(p.found, p.scores, p.level, f.ProposalNMS, f.Proposals) {
		p.boxes = append(p.boxes, p.found[i])
	}
}

// collect notes the anchors of a level whose logit is about floor or more.
func (p *regionProposer) collect(l *anchorLevel, floor float32) {
	const rounding = 1e-3 // the exact comparison is made where a probability is known
	floor -= rounding * max(1, float32(math.Abs(float64(floor))))
	n := len(l.logits)
	p.logits, p.at = vec.Grow(p.logits, n*len(l.logits[0]))[:0], p.at[:0]
	for cell := range l.logits[0] {
		for a, plane := range l.logits {
			if v := plane[cell]; v >= floor {
				p.logits, p.at = append(p.logits, v), append(p.at, int32(cell*n+a))
			}
		}
	}
}

// box is an anchor's, moved by its deltas.
func (l *anchorLevel) box(anchor int) Box {
	n := len(l.logits)
	cell, d := anchor/n, l.deltas[4*(anchor%n):]
	return RPNCoder.Decode(l.anchors[anchor], [4]float32{d[0][cell], d[1][cell], d[2][cell], d[3][cell]})
}
