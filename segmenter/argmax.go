package segmenter

import "math"

// scores are the network's output: a plane of rows x cols scores for each class.
type scores struct {
	planes     [][]float32
	rows, cols int
}

// axis maps the pixels of one side of a picture to the cells that they lie
// between: bilinear interpolation with half-pixel centres, torch's
// align_corners=False.
type axis struct {
	cell []int     // the cell before the pixel
	part []float32 // how far the pixel is on the way to the next one, 0 to 1
}

func newAxis(pixels, cells int) axis {
	a := axis{make([]int, pixels), make([]float32, pixels)}
	scale := float32(cells) / float32(pixels)
	for i := range pixels {
		at := max(0, (float32(i)+0.5)*scale-0.5)
		cell := min(int(at), cells-1)
		a.cell[i], a.part[i] = cell, at-float32(cell)
		if cell == cells-1 {
			a.part[i] = 0
		}
	}
	return a
}

// classes writes the best class of every pixel of a picture of width x height
// pixels to dst, row by row; of equal ones the first.
//
// Between two cells of a row every score is a straight line. A class that is
// best at both ends is best all the way, so the scores in between are computed
// only where the ends differ.
func (s *scores) classes(dst []uint8, width, height int) {
	ys, xs := newAxis(height, s.rows), newAxis(width, s.cols)
	n := len(s.planes)
	row := make([]float32, n*s.cols) // scores of the cells, interpolated to the pixels' row
	best := make([]uint8, s.cols)
	for y := range height {
		top, bottom, part := ys.cell[y]*s.cols, min(ys.cell[y]+1, s.rows-1)*s.cols, ys.part[y]
		for x := range s.cols {
			most := float32(math.Inf(-1))
			for c, plane := range s.planes {
				v := plane[top+x]*(1-part) + plane[bottom+x]*part
				row[x*n+c] = v
				if v > most {
					most, best[x] = v, uint8(c)
				}
			}
		}
		out := dst[y*width : (y+1)*width]
		for x := range out {
			cell := xs.cell[x]
			next := min(cell+1, s.cols-1)
			if best[cell] == best[next] {
				out[x] = best[cell]
				continue
			}
			out[x] = between(row[cell*n:][:n], row[next*n:][:n], xs.part[x])
		}
	}
}

// between is the best class on the way from a to b.
func between(a, b []float32, part float32) uint8 {
	best, most := 0, float32(math.Inf(-1))
	for c, v := range a {
		if v = v*(1-part) + b[c]*part; v > most {
			best, most = c, v
		}
	}
	return uint8(best)
}
