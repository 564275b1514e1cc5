package eval

// curver turns matches into precision-recall curves; it holds scratch memory.
type curver struct {
	precision, recall []float64
}

// curve computes the precision at the 101 recall levels and the recall reached
// at the end, as COCOeval's accumulate does, for one category, size class and
// IoU threshold, over the first limit detections of each image. It must not be
// called where no object counts.
func (c *curver) curve(m *matches, size, t, limit int) (at [recalls]float64, reached float64) {
	bit := uint16(1) << t
	matched, ignored := m.matched[size], m.ignored[size]
	c.precision, c.recall = c.precision[:0], c.recall[:0]
	tp, fp := 0, 0
	for _, i := range m.order {
		if int(m.rank[i]) >= limit {
			continue
		}
		if ignored[i]&bit == 0 {
			if matched[i]&bit != 0 {
				tp++
			} else {
				fp++
			}
		}
		c.add(tp, fp, m.positives[size])
	}
	return c.read()
}

// add appends one point to the raw curve: after tp true and fp false ones.
func (c *curver) add(tp, fp, positives int) {
	// COCOeval adds the smallest float64 above one minus one to the divisor;
	// it only matters while nothing has been counted.
	const spacing = 2.220446049250313e-16
	c.precision = append(c.precision, float64(tp)/(float64(fp+tp)+spacing))
	c.recall = append(c.recall, float64(tp)/float64(positives))
}

// read makes the precision fall monotonically and samples it.
func (c *curver) read() (at [recalls]float64, reached float64) {
	n := len(c.precision)
	if n == 0 {
		return at, 0
	}
	for i := n - 1; i > 0; i-- {
		c.precision[i-1] = max(c.precision[i-1], c.precision[i])
	}
	i := 0
	for r, level := range recallLevel {
		for i < n && c.recall[i] < level {
			i++
		}
		if i == n {
			break
		}
		at[r] = c.precision[i]
	}
	return at, c.recall[n-1]
}
