package photo

import "example.com/riffle/internal/vec"

// rowsPerBand is how many output rows are sampled together: their values lie side
// by side, one row a lane, so that columns are weighed as rows are.
const rowsPerBand = vec.Lanes

// sampler is one thread's memory for sampling.
type sampler struct {
	sums []uint32  // of one row of boxes: three a box
	ring []float32 // rows of source values, three planes each, and a row of ones
	held []int     // which rows these are, -1 for none
	taps []vec.Tap // of an output row
	down []float32 // a band's rows, weighed: three channels of rowsPerBand rows
	cols []float32 // the same by columns
	out  []float32 // the band's columns, weighed
	row  [rowsPerBand][]float32
}

// floatRows is a picture whose rows are read as floats, pixel by pixel, without
// adding them up first.
type floatRows interface {
	floatRow(isa vec.ISA, red, green, blue []float32, y int)
}

// reset makes room for a picture; width is that of a row of values in memory.
func (s *sampler) reset(p *Preprocessor, w, width int) {
	s.sums = vec.Grow(s.sums, 3*p.x.values)
	s.ring = vec.Grow(s.ring, (3*p.y.per+1)*width)
	s.held = vec.Grow(s.held, p.y.per)
	for i := range s.held {
		s.held[i] = -1
	}
	ones := s.ring[3*p.y.per*width:]
	for i := range ones {
		ones[i] = 1
	}
	s.taps = vec.Grow(s.taps, p.y.per+1)
	s.down = vec.Grow(s.down, 3*rowsPerBand*width)
	s.cols = vec.Grow(s.cols, 3*rowsPerBand*p.x.values)
	s.out = vec.Grow(s.out, 3*rowsPerBand*w)
	for k := range s.row {
		s.row[k] = vec.Grow(s.row[k], w)
	}
}

// band samples output rows [rowsPerBand*b, ...) of the stored picture and puts
// them in place. A last band that is not full repeats its last row.
func (p *Preprocessor) band(s *sampler, b int) {
	width, isa := p.rowFloats, p.isa
	for r := range rowsPerBand {
		y := min(rowsPerBand*b+r, p.h-1)
		taps := p.y.taps[y*p.y.per : (y+1)*p.y.per]
		for _, t := range taps {
			p.load(s, int(t.At))
		}
		for c := range 3 {
			for i, t := range taps {
				at := (3*(int(t.At)%p.y.per) + c) * width
				s.taps[i] = vec.Tap{At: int32(at), Weight: t.Weight * p.scale[c]}
			}
			// The columns' weights add up to one, so that this shifts the result.
			s.taps[p.y.per] = vec.Tap{At: int32(3 * p.y.per * width), Weight: -p.mean[c] * p.scale[c]}
			isa.Weigh(s.down[(c*rowsPerBand+r)*width:], s.ring, s.taps, p.y.per+1, width)
		}
	}
	for c := range 3 {
		var rows [vec.Lanes][]float32
		for r := range rows {
			rows[r] = s.down[(c*rowsPerBand+r)*width:][:p.x.values]
		}
		isa.Interleave(s.cols[c*rowsPerBand:], 3*rowsPerBand, &rows)
	}
	isa.Weigh(s.out, s.cols, p.across, p.x.per, 3*rowsPerBand)
	for c, plane := range p.dst {
		p.put(s, plane, s.out[c*rowsPerBand:], b)
	}
}

// load makes sure that a row of source values is in the ring.
func (p *Preprocessor) load(s *sampler, row int) {
	slot := row % p.y.per
	if s.held[slot] == row {
		return
	}
	s.held[slot] = row
	at := s.ring[3*slot*p.rowFloats:]
	red, green, blue := at[:p.x.values], at[p.rowFloats:][:p.x.values], at[2*p.rowFloats:][:p.x.values]
	if p.floats != nil {
		p.floats.floatRow(p.isa, red, green, blue, row)
		return
	}
	clear(s.sums)
	for y := range p.y.pixels(row) {
		p.source.addRow(s.sums, row*p.y.factor+y, p.x.factor)
	}
	if f, ok := p.source.(finisher); ok {
		f.finish(s.sums, &p.x, p.y.pixels(row))
	}
	mean := 1 / float32(p.x.factor*p.y.pixels(row))
	for i := range red {
		if i == len(red)-1 {
			mean = 1 / float32(p.x.pixels(i)*p.y.pixels(row))
		}
		sum := (*[3]uint32)(s.sums[3*i:])
		red[i], green[i], blue[i] = float32(sum[0])*mean, float32(sum[1])*mean, float32(sum[2])*mean
	}
}

// put writes a band of one channel to its upright place. columns holds the rows
// of a column side by side, columns three bands apart.
func (p *Preprocessor) put(s *sampler, plane, columns []float32, b int) {
	const apart = 3 * rowsPerBand
	first, n := rowsPerBand*b, min(rowsPerBand, p.h-rowsPerBand*b)
	mirrorX, mirrorY := p.orientation.flips()
	if p.orientation.Swaps() { // a stored column is an upright row
		at, step := first, 1
		if mirrorY {
			at, step = p.h-1-first, -1
		}
		for x := range p.w {
			row := x
			if mirrorX {
				row = p.w - 1 - x
			}
			out := plane[row*p.stride:][:p.width]
			for r, v := range columns[x*apart:][:n] {
				out[at+r*step] = v
			}
		}
		return
	}
	rows := s.row // a last band's rows that are too many go here
	for r := range n {
		y := first + r
		if mirrorY {
			y = p.h - 1 - y
		}
		if !mirrorX {
			rows[r] = plane[y*p.stride:][:p.w]
		}
	}
	p.isa.Separate(&rows, columns, apart)
	if !mirrorX {
		return
	}
	for r := range n {
		y := first + r
		if mirrorY {
			y = p.h - 1 - y
		}
		out := plane[y*p.stride:][:p.w]
		for x, v := range s.row[r] {
			out[p.w-1-x] = v
		}
	}
}
