package detector

import (
	"fmt"
	"math"

	"example.com/riffle/internal/vec"
	"example.com/riffle/nn"
)

// regionHead is the second stage on one plan's memory: pooled features, what
// the first stage thought, and fully connected layers over all regions at once.
type regionHead struct {
	header     *Header
	plan       *nn.Plan
	align      RoIAlign
	maps       []roiMap     // features by level
	levels     []denseLevel // their strides
	regions    [][]float32  // the plan's ports
	geometry   [][]float32
	prior      [][]float32
	classes    [][]float32
	deltas     [][]float32
	priorScale []float32

	boxes []Box // while pooling: moved to where RoIAlign wants them
	level []int // of each

	first   []float32 // of each class and region: the first stage's logit
	refined []Box
	second  []float32 // of a class: logits
	scores  []float32 // and both stages' verdict
}

func newRegionHead(h *Header, plan *nn.Plan, priorScale []float32, thin [][][]float32, levels []denseLevel) *regionHead {
	r := &regionHead{
		header: h, plan: plan, priorScale: priorScale, levels: levels,
		align:   RoIAlign{Rows: h.RoI.Size, Cols: h.RoI.Size, Sampling: h.RoI.Sampling, Aligned: true},
		regions: plan.Input(portRegions), geometry: plan.Input(portGeometry), prior: plan.Input(portPrior),
		classes: plan.Output(portClasses), deltas: plan.Output(portDeltas),
	}
	r.align.crew = roiCrew{true, vec.For(plan.ISA()), plan.Threads(), plan.ParallelFor}
	for l, planes := range thin {
		cols := levels[l].cols
		r.maps = append(r.maps, roiMap{planes, len(planes[0]) / cols, cols, 1 / levels[l].stride})
	}
	return r
}

// run computes class logits and deltas of the proposals; region i is proposal i.
func (r *regionHead) run(d *dense, proposals []proposal) error {
	if err := r.pool(proposals); err != nil {
		return err
	}
	n := len(proposals)
	r.first = vec.Grow(r.first, n*len(r.prior))
	for i, p := range proposals {
		r.describe(i, &p)
		l, cell := d.at(p.point)
		for c, plane := range r.prior {
			v := l.planes[c][cell]
			r.first[c*n+i], plane[i] = v, min(max(v, -8), 4)/4
		}
	}
	r.plan.Run()
	return nil
}

// pool fills the regions from the level that fits their size. These networks'
// cells are centred on pixel i*stride where RoIAlign takes (i + 0.5)*stride, so
// regions move by half a stride.
func (r *regionHead) pool(proposals []proposal) error {
	r.boxes, r.level = r.boxes[:0], r.level[:0]
	for _, p := range proposals {
		l := pyramidLevel(p.box, len(r.levels), r.header.RoI.finest())
		half := r.levels[l].stride / 2
		r.boxes = append(r.boxes, Box{p.box.X1 + half, p.box.Y1 + half, p.box.X2 + half, p.box.Y2 + half})
		r.level = append(r.level, l)
	}
	if err := r.align.align(r.regions, r.maps, r.boxes, r.level, nil); err != nil {
		return fmt.Errorf("second stage: %w", err)
	}
	return nil
}

// finest is the side in pixels of the network's input from which a region is
// pooled from the second finest level; each further level doubles it.
func (h *RoIHeader) finest() float32 {
	if h.Finest == 0 {
		return 80
	}
	return float32(h.Finest)
}

func pyramidLevel(b Box, levels int, finest float32) int {
	w, h := sides(b)
	side := float32(math.Sqrt(float64(w * h)))
	l := 0
	for limit := finest; l < levels-1 && side >= limit; limit *= 2 {
		l++
	}
	return l
}

// sides are a box's width and height, at least a pixel.
func sides(b Box) (w, h float32) { return max(b.Width(), 1), max(b.Height(), 1) }

// describe fills in where region i is and how sure the first stage was.
func (r *regionHead) describe(i int, p *proposal) {
	w, h := sides(p.box)
	r.geometry[0][i] = log(w/float32(r.header.Input[1])) / 2
	r.geometry[1][i] = log(h/float32(r.header.Input[0])) / 2
	r.geometry[2][i] = log(w/h) / 2
	r.geometry[3][i] = logit(min(max(p.objectness, 0.001), 0.999)) / 4
}

// detections adds every pair of a refined box and a class whose score is above
// the threshold. The score is the geometric mean of both stages' probabilities,
// weighted (probabilistic two-stage detection, arXiv 2103.07461).
func (r *regionHead) detections(pairs *candidates, d *dense, proposals []proposal, threshold float32, wanted []bool) {
	n := len(proposals)
	r.refined = vec.Grow(r.refined, n)
	for i, p := range proposals {
		delta := [4]float32{r.deltas[0][i], r.deltas[1][i], r.deltas[2][i], r.deltas[3][i]}
		r.refined[i] = HeadCoder.Decode(p.box, delta).Clip(d.width, d.height)
	}
	r.second, r.scores = vec.Grow(r.second, n), vec.Grow(r.scores, n)
	for c, logits := range r.classes {
		if !wants(wanted, c) {
			continue
		}
		first, scale := r.first[c*n:(c+1)*n], r.priorScale[c]
		for i, x := range first {
			r.second[i] = logits[i] + float32(scale*x)
		}
		r.align.crew.isa.MeanProbability(r.scores, first, r.second, r.header.RoI.SecondStageWeight)
		for i, score := range r.scores {
			if score > threshold {
				pairs.add(r.refined[i], score, c)
			}
		}
	}
}
