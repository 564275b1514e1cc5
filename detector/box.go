package detector

import "image"

// Box is a rectangle by its corners, in pixels; x grows to the right, y down.
type Box struct{ X1, Y1, X2, Y2 float32 }

// Width is X2 - X1.
func (b Box) Width() float32 { return b.X2 - b.X1 }

// Height is Y2 - Y1.
func (b Box) Height() float32 { return b.Y2 - b.Y1 }

// Area is width times height. The conversion keeps the compiler from fusing it
// into a later addition, which would make results differ between processors.
func (b Box) Area() float32 { return float32(b.Width() * b.Height()) }

// Clip cuts the box off at the borders of a picture of width x height pixels.
func (b Box) Clip(width, height float32) Box {
	return Box{
		min(max(b.X1, 0), width), min(max(b.Y1, 0), height),
		min(max(b.X2, 0), width), min(max(b.Y2, 0), height),
	}
}

// Scale multiplies x coordinates by sx and y coordinates by sy.
func (b Box) Scale(sx, sy float32) Box {
	return Box{b.X1 * sx, b.Y1 * sy, b.X2 * sx, b.Y2 * sy}
}

// Move adds a point's coordinates to those of the corners.
func (b Box) Move(by image.Point) Box {
	x, y := float32(by.X), float32(by.Y)
	return Box{b.X1 + x, b.Y1 + y, b.X2 + x, b.Y2 + y}
}

// overlap is intersection over union of two boxes with the areas known, in the order of operations of
// torchvision.ops.nms; NaN where both boxes are empty.
func overlap(a, b Box, areaA, areaB float32) float32 {
	w := max(0, min(a.X2, b.X2)-max(a.X1, b.X1))
	h := max(0, min(a.Y2, b.Y2)-max(a.Y1, b.Y1))
	inter := float32(w * h)
	return inter / (areaA + areaB - inter)
}
