package detector

// ProposalRules say which of a first stage's boxes go on to the second, as
// torchvision's RegionProposalNetwork.filter_proposals.
type ProposalRules struct {
	PreNMS   int     // best so many of each level are looked at
	PostNMS  int     // at most so many are kept in all
	IoU      float64 // of the suppression within a level
	MinSize  float32 // pixels; boxes with a shorter side are dropped
	MinScore float32 // probability below which boxes are dropped
}

// DefaultProposalRules are torchvision's for inference.
var DefaultProposalRules = ProposalRules{PreNMS: 1000, PostNMS: 1000, IoU: 0.7, MinSize: 1e-3}

// Proposals are what survives: boxes with their objectness, best first.
type Proposals struct {
	Boxes  []Box
	Scores []float32 // probabilities
}

// ProposalFilter applies [ProposalRules] in memory it keeps from call to call.
// The zero value is ready; it is not safe for concurrent use.
type ProposalFilter struct {
	nms    Suppressor
	order  []uint64
	boxes  []Box
	scores []float32
	levels []int
	out    Proposals
}

// Filter takes a box and an objectness logit per anchor, level by level, and a
// picture of width x height pixels to whose borders boxes are clipped. The next
// call overwrites the result.
func (f *ProposalFilter) Filter(boxes [][]Box, logits [][]float32, width, height float32, r ProposalRules) Proposals {
	f.boxes, f.scores, f.levels = f.boxes[:0], f.scores[:0], f.levels[:0]
	for level := range boxes {
		f.order = descending(f.order[:0], logits[level])
		for _, key := range f.order[:min(r.PreNMS, len(f.order))] {
			i := indexOf(key)
			b := boxes[level][i].Clip(width, height)
			score := sigmoid(logits[level][i])
			if b.Width() < r.MinSize || b.Height() < r.MinSize || score < r.MinScore {
				continue
			}
			f.boxes, f.scores, f.levels = append(f.boxes, b), append(f.scores, score), append(f.levels, level)
		}
	}
	f.out.Boxes, f.out.Scores = f.out.Boxes[:0], f.out.Scores[:0]
	for _, i := range f.nms.NMSByGroup(f.boxes, f.scores, f.levels, r.IoU, r.PostNMS) {
		f.out.Boxes = append(f.out.Boxes, f.boxes[i])
		f.out.Scores = append(f.out.Scores, f.scores[i])
	}
	return f.out
}

// FilterProposals is [ProposalFilter.Filter] in memory of its own.
func FilterProposals(boxes [][]Box, logits [][]float32, width, height float32, r ProposalRules) Proposals {
	return new(ProposalFilter).Filter(boxes, logits, width, height, r)
}
