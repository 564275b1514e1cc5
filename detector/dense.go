package detector

import "math"

// denseLevel is what the first stage says about one pyramid level: class logits,
// then bin logits of the distances to the left, top, right and bottom side.
type denseLevel struct {
	planes [][]float32
	cols   int
	stride float32
	first  int // number of this level's first point, counted over all levels
}

// dense is the first stage's answer over all levels. A point is a cell of a
// level; cell (i, j) lies on the pixel (i*stride, j*stride).
type dense struct {
	levels  []denseLevel
	classes int
	points  int
	width   float32 // of the network's input, to which boxes are clipped
	height  float32
	best    []float32 // of each point: its highest class logit
}

// rank fills best.
func (d *dense) rank() {
	d.best = grow(d.best, d.points)
	for _, l := range d.levels {
		best := d.best[l.first : l.first+len(l.planes[0])]
		copy(best, l.planes[0])
		for _, plane := range l.planes[1:d.classes] {
			for i, v := range plane[:len(best)] {
				if v > best[i] {
					best[i] = v
				}
			}
		}
	}
}

// at finds a point's level and its cell there.
func (d *dense) at(point int) (*denseLevel, int) {
	for i := len(d.levels) - 1; ; i-- {
		if l := &d.levels[i]; point >= l.first {
			return l, point - l.first
		}
	}
}

// box decodes a point's box in pixels of the network's input: each distance is
// the mean of its bins' numbers under the softmax of their logits, times the
// stride (Generalized Focal Loss, arXiv 2006.04388).
func (d *dense) box(point int) Box {
	l, cell := d.at(point)
	x, y := float32(cell%l.cols)*l.stride, float32(cell/l.cols)*l.stride
	var side [4]float32
	for s := range side {
		first := d.classes + s*distanceBins
		side[s] = float32(expectation(l.planes[first:first+distanceBins], cell) * l.stride)
	}
	return Box{x - side[0], y - side[1], x + side[2], y + side[3]}.Clip(d.width, d.height)
}

// expectation is the mean bin under the softmax of the planes' values at a cell.
func expectation(planes [][]float32, cell int) float32 {
	top := planes[0][cell]
	for _, p := range planes[1:] {
		top = max(top, p[cell])
	}
	var sum, weighted float64
	for bin, p := range planes {
		e := math.Exp(float64(p[cell] - top))
		sum += e
		weighted += e * float64(bin)
	}
	return float32(weighted / sum)
}

// propose picks the proposals: the best pairs of a point and a class are
// suppressed class by class, as detections are, and the points of those that are
// left, each once, are looked at again. With suppression over all classes two
// overlapping objects of different classes would lose one.
func (d *dense) propose(p *proposer, r *RoIHeader) {
	d.rank()
	p.order = descending(p.order[:0], d.best)
	points := p.order[:min(r.PreNMS, len(p.order))]
	// Each of these points has a pair at least as good as the last one's, so no
	// pair below that is among the best PreNMS, and no other point has any above.
	floor := d.best[indexOf(points[len(points)-1])]
	if len(points) < r.PreNMS {
		floor = float32(math.Inf(-1))
	}
	p.pairs, p.scores = p.pairs[:0], p.scores[:0]
	for _, key := range points {
		point := indexOf(key)
		l, cell := d.at(point)
		for c, plane := range l.planes[:d.classes] {
			if v := plane[cell]; v >= floor {
				p.pairs = append(p.pairs, pair{point, c})
				p.scores = append(p.scores, v)
			}
		}
	}
	p.suppress(d, r)
}

// suppress turns pairs and their scores into the chosen proposals.
func (p *proposer) suppress(d *dense, r *RoIHeader) {
	p.order = descending(p.order[:0], p.scores)
	p.order = p.order[:min(r.PreNMS, len(p.order))]
	p.boxes, p.logits, p.classes = p.boxes[:0], p.logits[:0], p.classes[:0]
	for _, key := range p.order {
		i := indexOf(key)
		p.boxes = append(p.boxes, d.box(p.pairs[i].point))
		p.logits = append(p.logits, p.scores[i])
		p.classes = append(p.classes, p.pairs[i].class)
	}
	p.chosen = p.chosen[:0]
	p.seen = grow(p.seen, d.points)
	clear(p.seen)
	for _, i := range p.nms.NMSByGroup(p.boxes, p.logits, p.classes, r.NMS, 0) {
		point := p.pairs[indexOf(p.order[i])].point
		if p.seen[point] {
			continue
		}
		p.seen[point] = true
		p.chosen = append(p.chosen, proposal{box: p.boxes[i], objectness: sigmoid(d.best[point]), point: point})
		if len(p.chosen) == r.Proposals {
			break
		}
	}
}

// pair is a point and a class it may show.
type pair struct{ point, class int }

// proposer is propose's scratch memory and result.
type proposer struct {
	nms     Suppressor
	order   []uint64
	pairs   []pair
	scores  []float32 // logits of pairs
	boxes   []Box     // of the best pairs
	logits  []float32
	classes []int
	seen    []bool // points
	chosen  []proposal
}

// proposal is a region that the second stage looks at.
type proposal struct {
	box        Box
	objectness float32 // probability of the best class
	point      int
}

// detections adds every pair of a point's box and a class whose probability is
// above the threshold: the first stage as a detector of its own.
func (d *dense) detections(pairs *candidates, threshold float32, wanted []bool) {
	d.rank()
	floor := logit(threshold)
	for point, best := range d.best {
		if best < floor {
			continue
		}
		l, cell := d.at(point)
		box := d.box(point)
		for c, plane := range l.planes[:d.classes] {
			if v := plane[cell]; v >= floor && wants(wanted, c) {
				if score := sigmoid(v); score > threshold {
					pairs.add(box, score, c)
				}
			}
		}
	}
}

// logit is the inverse of sigmoid.
func logit(p float32) float32 { return float32(math.Log(float64(p) / (1 - float64(p)))) }

// wants reports whether a filter of classes lets one pass; nil lets all.
func wants(wanted []bool, class int) bool { return wanted == nil || wanted[class] }
