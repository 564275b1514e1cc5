package detector

import (
	"fmt"
	"math"
)

// AnchorGenerator lays reference boxes over the cells of feature maps, as
// torchvision's: one entry of Sizes and Ratios a level, each size with each
// ratio of height to width.
type AnchorGenerator struct {
	Sizes  [][]float32 // sides of a square of the same area, in pixels
	Ratios [][]float32
}

// PerCell is the number of anchors a cell of the level has.
func (g *AnchorGenerator) PerCell(level int) int {
	return len(g.Sizes[level]) * len(g.Ratios[level])
}

// Anchors returns the boxes of one level of a feature map of rows x cols cells
// over a picture of width x height pixels: row by row, cell by cell, ratio by
// ratio, size by size. Cells lie a whole number of pixels apart.
func (g *AnchorGenerator) Anchors(level, cols, rows, width, height int) ([]Box, error) {
	if level < 0 || level >= len(g.Sizes) || level >= len(g.Ratios) {
		return nil, fmt.Errorf("anchors: no sizes or ratios for level %d", level)
	}
	if cols < 1 || rows < 1 {
		return nil, fmt.Errorf("anchors: level %d has %d x %d cells", level, cols, rows)
	}
	base := baseAnchors(g.Sizes[level], g.Ratios[level])
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
	return out, nil
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
