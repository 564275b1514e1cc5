package detector

import (
	"fmt"
	"math"

	"example.com/riffle/internal/vec"
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

	crew roiCrew
	roiWork
}

// roiCrew is who does the work: nobody in particular in the zero value, which is
// the caller, on the best instruction set of the machine.
type roiCrew struct {
	set     bool
	isa     vec.ISA
	threads int
	share   func(n int, f func(thread, from, to int))
}

// roiMap is a level that regions may be pooled from: planes of h x w cells that
// lie 1/scale pixels apart.
type roiMap struct {
	planes [][]float32
	h, w   int
	scale  float32
}

// roiWork is one call's memory. The channels of a cell lie side by side, first
// in the maps, then in the pooled bins, so that every sum runs over whole vectors
// of channels; both changes of layout are transposes of 8 by 8 floats.
type roiWork struct {
	maps     []roiMap
	boxes    []Box
	level    []int // of each box
	columns  []int // of the output, one a box; nil for 0, 1, 2...
	dst      [][]float32
	channels int
	cells    [][]float32 // of each map: h*w cells of padded channels
	pooled   []float32   // of each box: Rows*Cols bins of padded channels
	blocks   []roiBlock
	scratch  []roiScratch // of each thread

	interleave, pool, store func(thread, from, to int)
}

// roiBlock is a part of a map to be interleaved: eight channels of some cells.
type roiBlock struct{ level, channel, from, to int }

// roiScratch is one thread's memory for one region. Bilinear weights are products
// of a vertical and a horizontal one, so a bin is a weighted sum of rows, then of
// columns.
type roiScratch struct {
	y, x []vec.Tap
	rows []float32 // a sum of rows: the cells from the region's first column to its last
}

// maxSamples bounds adaptive sampling of a bin that is absurdly long.
const maxSamples = 4096

// cellsPerBlock keeps a block's eight planes in the first-level cache.
const cellsPerBlock = 256

// Align pools regions from features, planes of h x w cells that lie 1/scale
// pixels apart. Region i goes to column columns[i] of the output planes, plane
// c*Rows*Cols + bin being bin (row-major) of channel c: the order in which a
// fully connected layer after flatten reads them. columns nil means 0, 1, 2...
func (a *RoIAlign) Align(dst, features [][]float32, h, w int, scale float32, boxes []Box, columns []int) error {
	a.maps = append(a.maps[:0], roiMap{features, h, w, scale})
	a.level = vec.Grow(a.level, len(boxes))
	clear(a.level)
	return a.align(dst, a.maps, boxes, a.level, columns)
}

// align is Align of regions from several maps of the same channels; level is the
// number of each region's map.
func (a *RoIAlign) align(dst [][]float32, maps []roiMap, boxes []Box, level, columns []int) error {
	bins := a.Rows * a.Cols
	switch {
	case a.Rows < 1 || a.Cols < 1:
		return fmt.Errorf("roi align: %d x %d bins", a.Rows, a.Cols)
	case len(maps) == 0:
		return fmt.Errorf("roi align: no features")
	}
	a.channels = len(maps[0].planes)
	for _, m := range maps {
		switch {
		case len(m.planes) != a.channels || len(dst) != a.channels*bins:
			return fmt.Errorf("roi align: %d output planes for %d channels of %d bins", len(dst), len(m.planes), bins)
		case m.h < 1 || m.w < 1 || m.h > math.MaxInt32/m.w/max(1, a.padded()):
			return fmt.Errorf("roi align: features of %d x %d cells", m.h, m.w)
		}
	}
	if len(boxes) == 0 || a.channels == 0 {
		return nil
	}
	a.dst, a.maps, a.boxes, a.level, a.columns = dst, maps, boxes, level, columns
	if err := a.prepare(); err != nil {
		return fmt.Errorf("roi align: %w", err)
	}
	a.crew.share(len(a.blocks), a.interleave)
	a.crew.share(len(boxes), a.pool)
	a.crew.share(bins*a.padded()/vec.Lanes, a.store)
	return nil
}

// padded is the number of channels of a cell, filled up to whole vectors.
func (r *roiWork) padded() int { return (r.channels + vec.Lanes - 1) / vec.Lanes * vec.Lanes }

// prepare makes room and lists the blocks of those maps that have a region.
func (a *RoIAlign) prepare() error {
	if !a.crew.set {
		isa, err := vec.Best()
		if err != nil {
			return err
		}
		alone := func(n int, f func(thread, from, to int)) { f(0, 0, n) }
		a.crew = roiCrew{true, isa, 1, alone}
	}
	if a.interleave == nil {
		a.interleave, a.pool, a.store = a.interleaveBlocks, a.poolRegions, a.storeBins
		a.scratch = make([]roiScratch, a.crew.threads)
	}
	padded := a.padded()
	a.pooled = vec.Grow(a.pooled, len(a.boxes)*a.Rows*a.Cols*padded)
	for len(a.cells) < len(a.maps) {
		a.cells = append(a.cells, nil)
	}
	a.blocks = a.blocks[:0]
	for l, m := range a.maps {
		if !contains(a.level, l) {
			continue
		}
		n := m.h * m.w
		a.cells[l] = vec.Grow(a.cells[l], n*padded)
		for c := 0; c < padded; c += vec.Lanes {
			for from := 0; from < n; from += cellsPerBlock {
				a.blocks = append(a.blocks, roiBlock{l, c, from, min(from+cellsPerBlock, n)})
			}
		}
	}
	return nil
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// interleaveBlocks lays the channels of cells side by side. Channels that only
// fill a vector up repeat the last one; nobody reads what becomes of them.
func (a *RoIAlign) interleaveBlocks(_, from, to int) {
	padded := a.padded()
	for _, b := range a.blocks[from:to] {
		var planes [vec.Lanes][]float32
		for k := range planes {
			planes[k] = a.maps[b.level].planes[min(b.channel+k, a.channels-1)][b.from:b.to]
		}
		a.crew.isa.Interleave(a.cells[b.level][b.from*padded+b.channel:], padded, &planes)
	}
}

// poolRegions computes all bins of regions.
func (a *RoIAlign) poolRegions(thread, from, to int) {
	size := a.Rows * a.Cols * a.padded()
	for i := from; i < to; i++ {
		a.poolRegion(&a.scratch[thread], a.pooled[i*size:(i+1)*size], a.boxes[i], a.level[i])
	}
}

func (a *RoIAlign) poolRegion(s *roiScratch, out []float32, b Box, level int) {
	m, padded := &a.maps[level], a.padded()
	var countY, countX int
	s.y, countY = a.sample(s.y[:0], b.Y1*m.scale, b.Y2*m.scale, a.Rows, m.h)
	s.x, countX = a.sample(s.x[:0], b.X1*m.scale, b.X2*m.scale, a.Cols, m.w)
	if countY == 0 || countX == 0 {
		clear(out)
		return
	}
	first, last := span(s.x)
	mean := 1 / float32(countY*countX)
	for k := range s.y {
		s.y[k].At = (s.y[k].At*int32(m.w) + first) * int32(padded)
	}
	for k := range s.x {
		t := &s.x[k]
		t.At, t.Weight = (min(max(t.At, first), last)-first)*int32(padded), t.Weight*mean
	}
	run := int(last-first+1) * padded
	s.rows = vec.Grow(s.rows, run)
	for y := range a.Rows {
		a.crew.isa.Weigh(s.rows, a.cells[level], s.y[y*2*countY:(y+1)*2*countY], 2*countY, run)
		a.crew.isa.Weigh(out[y*a.Cols*padded:], s.rows, s.x, 2*countX, padded)
	}
}

// span returns the first and the last column that a tap with any weight reads,
// the first column twice if there is none.
func span(taps []vec.Tap) (first, last int32) {
	first, last = math.MaxInt32, -1
	for _, t := range taps {
		if t.Weight != 0 {
			first, last = min(first, t.At), max(last, t.At)
		}
	}
	if last < 0 {
		return 0, 0
	}
	return first, last
}

// sample appends the taps of one axis, two a sample, and returns the number of
// samples in a bin. from and to are in cells.
func (a *RoIAlign) sample(taps []vec.Tap, from, to float32, bins, cells int) ([]vec.Tap, int) {
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
			taps = append(taps, lo, hi)
		}
	}
	return taps, max(n, 0)
}

// bilinear returns the two cells around a coordinate and their weights. What
// lies more than a cell outside counts as nothing, the rim repeats the edge.
func bilinear(at float32, cells int) (lo, hi vec.Tap) {
	if !(at >= -1 && at <= float32(cells)) {
		return vec.Tap{}, vec.Tap{}
	}
	at = max(at, 0)
	i := int32(at)
	if int(i) >= cells-1 {
		last := int32(cells - 1)
		return vec.Tap{At: last, Weight: 1}, vec.Tap{At: last}
	}
	f := at - float32(i)
	return vec.Tap{At: i, Weight: 1 - f}, vec.Tap{At: i + 1, Weight: f}
}

// storeBins writes eight channels of a bin, for all regions, to their planes.
// The channels of a bin share cache lines, so it takes them one after the other.
func (a *RoIAlign) storeBins(_, from, to int) {
	padded, bins, n := a.padded(), a.Rows*a.Cols, len(a.boxes)
	stride := bins * padded
	for unit := from; unit < to; unit++ {
		bin, channel := unit*vec.Lanes/padded, unit*vec.Lanes%padded
		src := a.pooled[bin*padded+channel:]
		if a.columns == nil && channel+vec.Lanes <= a.channels {
			var planes [vec.Lanes][]float32
			for k := range planes {
				planes[k] = a.dst[(channel+k)*bins+bin][:n]
			}
			a.crew.isa.Separate(&planes, src, stride)
			continue
		}
		for c := channel; c < min(channel+vec.Lanes, a.channels); c++ {
			out := a.dst[c*bins+bin]
			for i := range n {
				at := i
				if a.columns != nil {
					at = a.columns[i]
				}
				out[at] = src[i*stride+c-channel]
			}
		}
	}
}
