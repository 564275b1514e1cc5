package eval

import (
	"cmp"
	"slices"
)

// Confusion counts what objects of each category were taken for, at IoU 0.5
// and the report's score threshold.
//
// First the pairs that AP counts as right are set on the diagonal. What is left
// is paired over categories, the highest IoU first, each object and each
// detection once. A detection without a partner stands in the last row
// (nothing, taken for something), an object without one in the last column
// (missed). Crowds and ignored objects, and what falls to them, are left out.
type Confusion struct {
	Categories []Category
	// Counts[truth][found], each with one more entry than Categories: the
	// background.
	Counts [][]int
}

// Mistake is one cell of a [Confusion] off the diagonal and the background.
type Mistake struct {
	Truth, Found Category
	Count        int
}

// Mistakes lists the classes confused, the most frequent first, at most n.
func (c *Confusion) Mistakes(n int) []Mistake {
	var out []Mistake
	for t := range c.Categories {
		for f := range c.Categories {
			if t != f && c.Counts[t][f] > 0 {
				out = append(out, Mistake{c.Categories[t], c.Categories[f], c.Counts[t][f]})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Mistake) int { return b.Count - a.Count })
	return out[:min(n, len(out))]
}

// name is the name of a row or column; nothing is that of the background.
func (c *Confusion) name(k int, nothing string) string {
	if k == len(c.Categories) {
		return nothing
	}
	return c.Categories[k].Name
}

func (e *evaluation) confusion(images perImage, threshold float64) Confusion {
	n := len(e.categories)
	c := Confusion{Categories: e.set.Categories, Counts: make([][]int, n+1)}
	for i := range c.Counts {
		c.Counts[i] = make([]int, n+1)
	}
	for i := range images.dets {
		e.confuse(&c, images.dets[i], images.objs[i], threshold)
	}
	return c
}

func (e *evaluation) confuse(c *Confusion, dets []place, objs []int32, threshold float64) {
	background := len(c.Categories)
	found := make(map[int32]bool) // objects that have a partner
	var rest []place              // detections that have none yet
	for _, p := range dets {
		m := e.categories[p.category].m
		switch {
		case e.dets[m.det[p.at]].Score < threshold, m.ignored[sizeAll][p.at]&1 != 0:
		case m.matched[sizeAll][p.at]&1 != 0:
			found[m.object[p.at]] = true
			c.Counts[p.category][p.category]++
		default:
			rest = append(rest, p)
		}
	}
	type pair struct {
		det     int
		obj     int32
		overlap float64
	}
	var pairs []pair
	for i, p := range rest {
		for _, o := range objs {
			if obj := &e.objs[o]; counts(obj) && !found[o] {
				if v := iou(e.dets[e.categories[p.category].m.det[p.at]].Box, obj.Box, false); v >= iouThreshold[0] {
					pairs = append(pairs, pair{i, o, v})
				}
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.overlap, a.overlap) })
	taken := make([]bool, len(rest))
	for _, p := range pairs {
		if !taken[p.det] && !found[p.obj] {
			taken[p.det], found[p.obj] = true, true
			c.Counts[e.row[e.objs[p.obj].Category]][rest[p.det].category]++
		}
	}
	for i, p := range rest {
		if !taken[i] {
			c.Counts[background][p.category]++
		}
	}
	for _, o := range objs {
		if obj := &e.objs[o]; counts(obj) && !found[o] {
			c.Counts[e.row[obj.Category]][background]++
		}
	}
}
