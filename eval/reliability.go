package eval

import "math"

// Reliability says how far scores are from the share of detections that are right
// (IoU 0.5), all classes counted together: a detector whose scores can be trusted
// is right seven times in ten at 0.7. Detections on ignored objects do not count.
type Reliability struct {
	// Error is the expected calibration error (Guo et al. 2017, arXiv:1706.04599):
	// the mean distance of score and share over the bins, weighted by detections.
	// It is -1 without detections from 0.05 on.
	Error float64          `json:"error"`
	Bins  []ReliabilityBin `json:"bins"`
}

// ReliabilityBin are the detections with scores from From to below To (the last
// one: to 1). Score and Right are -1 if there are none.
type ReliabilityBin struct {
	From       float64 `json:"from"`
	To         float64 `json:"to"`
	Detections int     `json:"detections"`
	Score      float64 `json:"score"` // mean
	Right      float64 `json:"right"` // share
}

// reliabilityFloor keeps out what nobody shows: the bulk of all detections.
const (
	reliabilityFloor = 0.05
	reliabilityBins  = 10
)

func (e *evaluation) reliability() Reliability {
	r := Reliability{Error: -1, Bins: make([]ReliabilityBin, reliabilityBins)}
	for i := range r.Bins {
		r.Bins[i] = ReliabilityBin{From: max(reliabilityFloor, float64(i)/reliabilityBins), To: float64(i+1) / reliabilityBins, Score: -1, Right: -1}
	}
	var scores, right [reliabilityBins]float64
	total := 0
	for k := range e.categories {
		m := e.categories[k].m
		for i, d := range m.det {
			score := e.dets[d].Score
			if score < reliabilityFloor || m.ignored[sizeAll][i]&1 != 0 {
				continue
			}
			score = min(score, 1) // somebody's logits
			b := min(int(score*reliabilityBins), reliabilityBins-1)
			r.Bins[b].Detections++
			scores[b] += score
			if m.matched[sizeAll][i]&1 != 0 {
				right[b]++
			}
			total++
		}
	}
	if total == 0 {
		return r
	}
	r.Error = 0
	for i := range r.Bins {
		b := &r.Bins[i]
		if n := float64(b.Detections); n > 0 {
			b.Score, b.Right = scores[i]/n, right[i]/n
			r.Error += math.Abs(scores[i]-right[i]) / float64(total)
		}
	}
	return r
}
