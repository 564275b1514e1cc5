package eval

func (e *evaluation) classes(threshold float64) []ClassReport {
	out := make([]ClassReport, len(e.categories))
	for k := range out {
		s := &e.categories[k]
		c := ClassReport{
			Category:   e.set.Categories[k],
			Objects:    s.m.positives[sizeAll],
			Detections: len(s.detIndex),
			AP:         meanOf(s.precision[sizeAll][:]),
			AP50:       s.precision[sizeAll][0],
			AP75:       s.precision[sizeAll][5],
			APs:        meanOf(s.precision[sizeSmall][:]),
			APm:        meanOf(s.precision[sizeMedium][:]),
			APl:        meanOf(s.precision[sizeLarge][:]),
			AR100:      meanOf(s.recall[sizeAll][:]),
		}
		c.Precision, c.Recall = e.at(s, threshold)
		c.Best = e.bestThreshold(s)
		if c.Objects > 0 {
			c.Curves = s.curves()
		}
		out[k] = c
	}
	return out
}

// at gives precision and recall at a score threshold and IoU 0.5.
func (e *evaluation) at(s *scored, threshold float64) (precision, recall float64) {
	tp, fp := 0, 0
	for i, d := range s.m.det {
		if e.dets[d].Score < threshold || s.m.ignored[sizeAll][i]&1 != 0 {
			continue
		}
		if s.m.matched[sizeAll][i]&1 != 0 {
			tp++
		} else {
			fp++
		}
	}
	precision, recall = -1, -1
	if tp+fp > 0 {
		precision = float64(tp) / float64(tp+fp)
	}
	if n := s.m.positives[sizeAll]; n > 0 {
		recall = float64(tp) / float64(n)
	}
	return precision, recall
}

// curves are those at IoU 0.50, at 0.75 and the mean over all thresholds.
func (s *scored) curves() []Curve {
	mean := make([]float64, recalls)
	for t := range thresholds {
		for r, p := range s.curve[t] {
			mean[r] += p / thresholds
		}
	}
	return []Curve{
		{"0.50", s.curve[0][:], s.precision[sizeAll][0]},
		{"0.75", s.curve[5][:], s.precision[sizeAll][5]},
		{"0.50:0.95", mean, meanOf(s.precision[sizeAll][:])},
	}
}

// meanCurves averages each category's curves; nil without any objects.
func (e *evaluation) meanCurves() []Curve {
	var out []Curve
	n := 0.0
	for k := range e.categories {
		s := &e.categories[k]
		if s.m.positives[sizeAll] == 0 {
			continue
		}
		n++
		for i, c := range s.curves() {
			if len(out) == i {
				out = append(out, Curve{Name: c.Name, Precision: make([]float64, recalls)})
			}
			out[i].AP += c.AP
			for r, p := range c.Precision {
				out[i].Precision[r] += p
			}
		}
	}
	for i := range out {
		out[i].AP /= n
		for r := range out[i].Precision {
			out[i].Precision[r] /= n
		}
	}
	return out
}

func (e *evaluation) sizes() []SizeReport {
	out := make([]SizeReport, sizes)
	for size := range out {
		out[size] = SizeReport{
			Name: sizeName[size], From: sizeRange[size][0], To: sizeRange[size][1],
			AP:    e.mean(func(s *scored) []float64 { return s.precision[size][:] }),
			AP50:  e.mean(func(s *scored) []float64 { return s.precision[size][:1] }),
			AR100: e.mean(func(s *scored) []float64 { return s.recall[size][:] }),
		}
		for k := range e.categories {
			out[size].Objects += e.categories[k].m.positives[size]
		}
	}
	return out
}
