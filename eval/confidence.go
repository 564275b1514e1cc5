package eval

// Confidence is what a score threshold does: precision, recall and F1 at IoU 0.5
// of the detections that reach it, all classes counted together.
type Confidence struct {
	Points []ConfidencePoint // thresholds 0.00, 0.01 ... 1.00
	Best   ConfidencePoint   // the highest F1 of all thousandths, the highest threshold of equals
}

// ConfidencePoint is one threshold. The fractions are -1 where there is nothing
// to compute them from: precision without detections, all three without objects.
type ConfidencePoint struct {
	Threshold float64 `json:"threshold"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

const thousandths = 1000

// tallies count right and wrong detections by score, in thousandths.
type tallies struct {
	right, wrong [thousandths + 1]int
	objects      int
}

// thousandth is the highest threshold, in thousandths, that a score reaches;
// scores outside 0 to 1 count as the nearer of both.
func thousandth(score float64) int {
	k := int(max(0, min(1, score)) * thousandths)
	for k < thousandths && float64(k+1)/thousandths <= score {
		k++
	}
	for k > 0 && float64(k)/thousandths > score {
		k--
	}
	return k
}

// add counts one category's detections.
func (t *tallies) add(e *evaluation, s *scored) {
	t.objects += s.m.positives[sizeAll]
	for i, d := range s.m.det {
		switch k := thousandth(e.dets[d].Score); {
		case s.m.ignored[sizeAll][i]&1 != 0:
		case s.m.matched[sizeAll][i]&1 != 0:
			t.right[k]++
		default:
			t.wrong[k]++
		}
	}
}

// points are all thresholds from 0 to 1.
func (t *tallies) points() []ConfidencePoint {
	out := make([]ConfidencePoint, thousandths+1)
	right, wrong := 0, 0
	for k := thousandths; k >= 0; k-- {
		right += t.right[k]
		wrong += t.wrong[k]
		p := ConfidencePoint{Threshold: float64(k) / thousandths, Precision: -1, Recall: -1, F1: -1}
		if t.objects > 0 {
			if right+wrong > 0 {
				p.Precision = float64(right) / float64(right+wrong)
			}
			p.Recall = float64(right) / float64(t.objects)
			p.F1 = 2 * float64(right) / float64(right+wrong+t.objects)
		}
		out[k] = p
	}
	return out
}

// bestPoint is the point of the highest F1, the last of equals.
func bestPoint(points []ConfidencePoint) ConfidencePoint {
	best := points[0]
	for _, p := range points[1:] {
		if p.F1 >= best.F1 {
			best = p
		}
	}
	return best
}

func (e *evaluation) confidence() Confidence {
	var all tallies
	for k := range e.categories {
		all.add(e, &e.categories[k])
	}
	points := all.points()
	c := Confidence{Best: bestPoint(points)}
	for k := 0; k <= thousandths; k += 10 {
		c.Points = append(c.Points, points[k])
	}
	return c
}

// bestThreshold is where one category's F1 is highest.
func (e *evaluation) bestThreshold(s *scored) ConfidencePoint {
	var own tallies
	own.add(e, s)
	return bestPoint(own.points())
}
