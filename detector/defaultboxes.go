package detector

import "math"

// DefaultBoxes returns SSD's reference boxes (Liu et al., arXiv 1512.02325,
// section 2.2, with torchvision's rounding) over maps of the given rows and
// columns, for a picture of width x height pixels: map by map, row by row, cell
// by cell. Map k of m has boxes of scale minScale + (maxScale-minScale)*k/(m-1)
// of the picture: a square, a larger square whose side is the geometric mean
// with the next map's, and for each ratio one wider and one higher box of the
// same area.
func DefaultBoxes(maps [][2]int, minScale, maxScale float64, ratios []float64, width, height int) []Box {
	scales := make([]float64, len(maps), len(maps)+1)
	for k := range scales {
		scales[k] = minScale
		if len(maps) > 1 {
			scales[k] += (maxScale - minScale) * float64(k) / float64(len(maps)-1)
		}
	}
	if len(maps) == 1 {
		scales = append(scales, maxScale)
	} else {
		scales = append(scales, 1)
	}
	var out []Box
	w, h := float32(width), float32(height)
	for k, m := range maps {
		shapes := defaultShapes(scales[k], scales[k+1], ratios)
		rows, cols := m[0], m[1]
		for y := range rows {
			for x := range cols {
				cx, cy := (float32(x)+0.5)/float32(cols), (float32(y)+0.5)/float32(rows)
				for _, s := range shapes {
					out = append(out, Box{
						(cx - float32(0.5*s[0])) * w, (cy - float32(0.5*s[1])) * h,
						(cx + float32(0.5*s[0])) * w, (cy + float32(0.5*s[1])) * h,
					})
				}
			}
		}
	}
	return out
}

// defaultShapes are the widths and heights of a map's boxes, as fractions of the
// picture.
func defaultShapes(scale, next float64, ratios []float64) [][2]float32 {
	side := func(v float64) float32 { return float32(min(max(v, 0), 1)) }
	between := math.Sqrt(scale * next)
	out := [][2]float32{{side(scale), side(scale)}, {side(between), side(between)}}
	for _, r := range ratios {
		long, short := side(scale*math.Sqrt(r)), side(scale/math.Sqrt(r))
		out = append(out, [2]float32{long, short}, [2]float32{short, long})
	}
	return out
}
