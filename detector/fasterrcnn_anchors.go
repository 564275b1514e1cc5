package detector

import "math"

// anchors returns the reference boxes of one level, a map of rows x cols cells
// over a picture of width x height pixels, as torchvision's AnchorGenerator: row
// by row, cell by cell, ratio by ratio of height to width, size by size. Cells lie
// a whole number of pixels apart.
func anchors(sizes, ratios []float32, cols, rows, width, height int) []Box {
	base := baseAnchors(sizes, ratios)
	dx, dy := float32(width/cols), float32(height/rows)
	out := make([]Box, 0, rows*cols*len(base))
	for y := range rows {
		for x := range cols {
			sx, sy := float32(x)*dx, float32(y)*dy
			for _, b := range base {
				out = append(out, Box{b.X1 + sx, b.Y1 + sy, b.X2 + sx, b.Y2 + sy})
			}
		}
	}
	return out
}

// baseAnchors are the anchors around the origin, rounded to whole pixels.
func baseAnchors(sizes, ratios []float32) []Box {
	var out []Box
	for _, r := range ratios {
		h := float32(math.Sqrt(float64(r)))
		w := 1 / h
		for _, s := range sizes {
			x := float32(math.RoundToEven(float64(w * s / 2)))
			y := float32(math.RoundToEven(float64(h * s / 2)))
			out = append(out, Box{-x, -y, x, y})
		}
	}
	return out
}
