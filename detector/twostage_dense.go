package detector

import (
	"encoding/binary"
	"math"
	mathbits "math/bits"
	"slices"

	"example.com/riffle/internal/vec"
)

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
	logits  []float32 // distance bins of some points, four rows a point
	means   []float32 // of these rows

	isa     vec.ISA
	share   func(n int, f func(thread, from, to int)) // of the plan the planes belong to
	patches []patch
	raise   func(thread, from, to int)
}

// patch is a run of cells of a level, few enough to stay in the first-level
// cache.
type patch struct{ level, from, to int }

const cellsPerPatch = 256

// rank fills best.
func (d *dense) rank() {
	if d.raise == nil {
		d.best, d.raise = make([]float32, d.points), d.rankPatches
		for l := range d.levels {
			n := len(d.levels[l].planes[0])
			for from := 0; from < n; from += cellsPerPatch {
				d.patches = append(d.patches, patch{l, from, min(from+cellsPerPatch, n)})
			}
		}
	}
	d.share(len(d.patches), d.raise)
}

func (d *dense) rankPatches(_, from, to int) {
	for _, s := range d.patches[from:to] {
		l := &d.levels[s.level]
		best := d.best[l.first+s.from : l.first+s.to]
		copy(best, l.planes[0][s.from:s.to])
		for _, plane := range l.planes[1:d.classes] {
			d.isa.MaxInto(best, plane[s.from:s.to])
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

// boxes decodes the boxes of points in pixels of the network's input: each
// distance is the mean of its bins' numbers under the softmax of their logits,
// times the stride (Generalized Focal Loss, arXiv 2006.04388).
func (d *dense) boxes(out []Box, points []int) {
	const row = 4 * distanceBins
	d.logits, d.means = vec.Grow(d.logits, row*len(points)), vec.Grow(d.means, 4*len(points))
	for i, point := range points {
		l, cell := d.at(point)
		bins := (*[row]float32)(d.logits[row*i:])
		for k, plane := range l.planes[d.classes : d.classes+row] {
			bins[k] = plane[cell]
		}
	}
	d.isa.MeanBin(d.means, d.logits)
	for i, point := range points {
		l, cell := d.at(point)
		side := (*[4]float32)(d.means[4*i:])
		x, y := float32(cell%l.cols)*l.stride, float32(cell/l.cols)*l.stride
		out[i] = Box{
			x - float32(side[0]*l.stride), y - float32(side[1]*l.stride),
			x + float32(side[2]*l.stride), y + float32(side[3]*l.stride),
		}.Clip(d.width, d.height)
	}
}

// vec.MeanBin knows distances of this many bins.
const _ = uint(distanceBins-vec.Lanes) + uint(vec.Lanes-distanceBins)

// propose picks the proposals: the best pairs of a point and a class are
// suppressed class by class, as detections are, and the points of those that are
// left, each once, are looked at again. With suppression over all classes two
// overlapping objects of different classes would lose one.
func (d *dense) propose(p *proposer, r *RoIHeader) {
	d.rank()
	// Each of the best points has a pair at least as good as the last one's, so no
	// pair below that is among the best PreNMS, and no other point has any above.
	floor := float32(math.Inf(-1))
	if d.points >= r.PreNMS {
		p.order = appendKeys(p.order[:0], d.best)
		smallest(p.order, r.PreNMS)
		floor = d.best[indexOf(slices.Max(p.order[:r.PreNMS]))]
	}
	p.pairs, p.scores = p.pairs[:0], p.scores[:0]
	for i := range d.levels {
		l := &d.levels[i]
		for c, plane := range l.planes[:d.classes] {
			p.collect(d.isa, l.first, c, plane, floor)
		}
	}
	p.suppress(d, r)
}

// collect adds the pairs of a class and those points of a level, counted from
// first, whose score is no less than floor.
func (p *proposer) collect(isa vec.ISA, first, class int, plane []float32, floor float32) {
	p.mask = vec.Grow(p.mask, (len(plane)+63)/64*8)
	clear(p.mask[len(p.mask)-8:])
	isa.AtLeast(p.mask, plane, floor)
	for at := 0; at < len(p.mask); at += 8 {
		for bits := binary.LittleEndian.Uint64(p.mask[at:]); bits != 0; bits &= bits - 1 {
			cell := 8*at + mathbits.TrailingZeros64(bits)
			p.pairs = append(p.pairs, pair{first + cell, class})
			p.scores = append(p.scores, plane[cell])
		}
	}
}

// suppress turns pairs and their scores into the chosen proposals.
func (p *proposer) suppress(d *dense, r *RoIHeader) {
	p.order = top(p.order[:0], p.scores, r.PreNMS)
	p.decode(d)
	p.boxes, p.logits, p.classes = p.boxes[:0], p.logits[:0], p.classes[:0]
	for _, key := range p.order {
		i := indexOf(key)
		p.boxes = append(p.boxes, p.decoded[p.slot[p.pairs[i].point]])
		p.logits = append(p.logits, p.scores[i])
		p.classes = append(p.classes, p.pairs[i].class)
	}
	p.chosen = p.chosen[:0]
	p.nms.each(p.boxes, p.logits, p.classes, r.NMS, r.Proposals, func(i int) bool {
		point := p.pairs[indexOf(p.order[i])].point
		if p.slot[point] != taken {
			p.slot[point] = taken
			p.chosen = append(p.chosen, proposal{box: p.boxes[i], objectness: sigmoid(d.best[point]), point: point})
		}
		return len(p.chosen) < r.Proposals
	})
}

// decode decodes the boxes of the best pairs' points, each once.
func (p *proposer) decode(d *dense) {
	p.slot, p.points = vec.Grow(p.slot, d.points), p.points[:0]
	for i := range p.slot {
		p.slot[i] = taken
	}
	for _, key := range p.order {
		if point := p.pairs[indexOf(key)].point; p.slot[point] == taken {
			p.slot[point] = int32(len(p.points))
			p.points = append(p.points, point)
		}
	}
	p.decoded = vec.Grow(p.decoded, len(p.points))
	d.boxes(p.decoded, p.points)
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
	mask    []byte
	points  []int   // of the best pairs, each once
	decoded []Box   // of these
	slot    []int32 // by point: where it is among these, or taken
	chosen  []proposal
}

// taken marks points that are not, or no longer, up for a proposal.
const taken = -1

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
	var box [1]Box
	for point, best := range d.best {
		if best < floor {
			continue
		}
		l, cell := d.at(point)
		d.boxes(box[:], []int{point})
		for c, plane := range l.planes[:d.classes] {
			if v := plane[cell]; v >= floor && wants(wanted, c) {
				if score := sigmoid(v); score > threshold {
					pairs.add(box[0], score, c)
				}
			}
		}
	}
}

// logit is the inverse of sigmoid.
func logit(p float32) float32 { return float32(math.Log(float64(p) / (1 - float64(p)))) }

// wants reports whether a filter of classes lets one pass; nil lets all.
func wants(wanted []bool, class int) bool { return wanted == nil || wanted[class] }
