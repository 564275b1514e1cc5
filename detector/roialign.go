package detector

import (
	"fmt"
	"math"
)

// RoIAlign cuts a fixed number of bins out of feature maps for every region, as
// Mask R-CNN defines it (He et al., arXiv 1703.06870) and torchvision.ops.roi_align
// computes it: a bin is the mean of bilinear samples on a regular grid.
//
// It keeps its tables from call to call; it is not safe for concurrent use.
type RoIAlign struct {
	Rows, Cols int // bins of a region
	// Sampling is the number of samples along each side of a bin; 0 or less
	// takes as many as the bin is cells long.
	Sampling int
	// Aligned shifts regions by half a cell, so that cell i lies at i + 0.5.
	Aligned bool

	regions []region
	taps    []tap
	columns []int32
	row     []float32
}

// maxSamples bounds adaptive sampling of a bin that is absurdly long.
const maxSamples = 4096

// tap is one term of a weighted sum over cells along an axis.
type tap struct {
	at     int32
	weight float32
}

// region is one region's sampling. Bilinear weights are products of a vertical
// and a horizontal one, so a bin is a weighted sum of rows, then of columns.
type region struct {
	out       int   // column of the output planes
	y, x      []tap // Rows (Cols) groups of equal length
	cols      []int32
	perY      int // taps of a bin
	perX      int
	mean      float32 // 1 / number of samples in a bin
	xTap0     int     // where x, y and cols start in the shared tables, which
	yTap0     int     // move while they grow
	cols0     int
	colsCount int
}

// Align pools regions from features, planes of h x w cells that lie 1/scale
// pixels apart. Region i goes to column columns[i] of the output planes, plane
// c*Rows*Cols + bin being bin (row-major) of channel c: the order in which a
// fully connected layer after flatten reads them. columns nil means 0, 1, 2...
func (a *RoIAlign) Align(dst, features [][]float32, h, w int, scale float32, boxes []Box, columns []int) error {
	bins := a.Rows * a.Cols
	switch {
	case a.Rows < 1 || a.Cols < 1:
		return fmt.Errorf("roi align: %d x %d bins", a.Rows, a.Cols)
	case len(dst) != len(features)*bins:
		return fmt.Errorf("roi align: %d output planes for %d channels of %d bins", len(dst), len(features), bins)
	case h < 1 || w < 1:
		return fmt.Errorf("roi align: features of %d x %d cells", h, w)
	}
	a.prepare(h, w, scale, boxes, columns)
	for c, plane := range features {
		out := dst[c*bins : (c+1)*bins]
		for i := range a.regions {
			a.pool(out, plane, &a.regions[i])
		}
	}
	return nil
}

// prepare computes every region's taps, once for all channels.
func (a *RoIAlign) prepare(h, w int, scale float32, boxes []Box, columns []int) {
	a.regions, a.taps, a.columns = grow(a.regions, len(boxes))[:0], a.taps[:0], a.columns[:0]
	for i, b := range boxes {
		r := region{out: i}
		if columns != nil {
			r.out = columns[i]
		}
		var countY, countX int
		r.yTap0 = len(a.taps)
		countY = a.sample(b.Y1*scale, b.Y2*scale, a.Rows, h)
		r.xTap0 = len(a.taps)
		countX = a.sample(b.X1*scale, b.X2*scale, a.Cols, w)
		r.perY, r.perX = 2*countY, 2*countX
		r.mean = 1 / float32(max(1, countY*countX))
		for k := r.yTap0; k < r.xTap0; k++ {
			a.taps[k].at *= int32(w)
		}
		r.cols0 = len(a.columns)
		a.compact(a.taps[r.xTap0:], r.cols0)
		r.colsCount = len(a.columns) - r.cols0
		a.regions = append(a.regions, r)
	}
	for i := range a.regions {
		r := &a.regions[i]
		r.y = a.taps[r.yTap0 : r.yTap0+a.Rows*r.perY]
		r.x = a.taps[r.xTap0 : r.xTap0+a.Cols*r.perX]
		r.cols = a.columns[r.cols0 : r.cols0+r.colsCount]
	}
}

// sample appends the taps of one axis, two a sample, and returns the number of
// samples in a bin. from and to are in cells.
func (a *RoIAlign) sample(from, to float32, bins, cells int) int {
	if a.Aligned {
		from, to = from-0.5, to-0.5
	}
	length := to - from
	if !a.Aligned {
		length = max(length, 1)
	}
	bin := length / float32(bins)
	n := a.Sampling
	if n <= 0 {
		n = int(min(math.Ceil(float64(bin)), maxSamples))
	}
	for b := range bins {
		for i := range n {
			at := from + float32(float32(b)*bin) + float32((float32(i)+0.5)*bin)/float32(n)
			lo, hi := bilinear(at, cells)
			a.taps = append(a.taps, lo, hi)
		}
	}
	return max(n, 0)
}

// bilinear returns the two cells around a coordinate and their weights. What
// lies more than a cell outside counts as nothing, the rim repeats the edge.
func bilinear(at float32, cells int) (lo, hi tap) {
	if !(at >= -1 && at <= float32(cells)) {
		return tap{}, tap{}
	}
	at = max(at, 0)
	i := int32(at)
	if int(i) >= cells-1 {
		last := int32(cells - 1)
		return tap{last, 1}, tap{last, 0}
	}
	f := at - float32(i)
	return tap{i, 1 - f}, tap{i + 1, f}
}

// compact lists the distinct columns that taps read and makes the taps point
// into the list: rows are then summed up at these columns only.
func (a *RoIAlign) compact(taps []tap, start int) {
	for k := range taps {
		at := taps[k].at
		// Taps go from left to right, so a column seen before is among the last two.
		n := len(a.columns)
		switch {
		case n > start && a.columns[n-1] == at:
			taps[k].at = int32(n - 1 - start)
		case n > start+1 && a.columns[n-2] == at:
			taps[k].at = int32(n - 2 - start)
		default:
			a.columns = append(a.columns, at)
			taps[k].at = int32(n - start)
		}
	}
}

// pool computes all bins of one region in one channel.
func (a *RoIAlign) pool(out [][]float32, plane []float32, r *region) {
	a.row = grow(a.row, len(r.cols))
	for y := range a.Rows {
		sumRows(a.row, plane, r.cols, r.y[y*r.perY:(y+1)*r.perY])
		for x := range a.Cols {
			v := sumTaps(a.row, r.x[x*r.perX:(x+1)*r.perX])
			out[y*a.Cols+x][r.out] = v * r.mean
		}
	}
}

// sumRows adds rows of a plane, at the given columns only. Taps hold the rows'
// offsets. Two samples a bin, the usual case, are done in one go.
func sumRows(dst, plane []float32, cols []int32, taps []tap) {
	if len(taps) == 4 {
		r0, r1, r2, r3 := plane[taps[0].at:], plane[taps[1].at:], plane[taps[2].at:], plane[taps[3].at:]
		w0, w1, w2, w3 := taps[0].weight, taps[1].weight, taps[2].weight, taps[3].weight
		for i, c := range cols {
			dst[i] = r0[c]*w0 + r1[c]*w1 + r2[c]*w2 + r3[c]*w3
		}
		return
	}
	clear(dst)
	for _, t := range taps {
		row := plane[t.at:]
		for i, c := range cols {
			dst[i] += row[c] * t.weight
		}
	}
}

// sumTaps is the weighted sum of a row's cells.
func sumTaps(row []float32, taps []tap) float32 {
	if len(taps) == 4 {
		return row[taps[0].at]*taps[0].weight + row[taps[1].at]*taps[1].weight +
			row[taps[2].at]*taps[2].weight + row[taps[3].at]*taps[3].weight
	}
	var sum float32
	for _, t := range taps {
		sum += row[t.at] * t.weight
	}
	return sum
}
