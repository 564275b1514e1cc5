package track

// Box is a rectangle by its corners, in pixels; x grows to the right, y down.
type Box struct{ X1, Y1, X2, Y2 float64 }

// Width is X2 - X1.
func (b Box) Width() float64 { return b.X2 - b.X1 }

// Height is Y2 - Y1.
func (b Box) Height() float64 { return b.Y2 - b.Y1 }

// Area is width times height.
func (b Box) Area() float64 { return b.Width() * b.Height() }

// Center is the middle.
func (b Box) Center() (x, y float64) { return (b.X1 + b.X2) / 2, (b.Y1 + b.Y2) / 2 }

// grown adds a share of the width to either side and of the height above and below.
func (b Box) grown(share float64) Box {
	dx, dy := share*b.Width(), share*b.Height()
	return Box{b.X1 - dx, b.Y1 - dy, b.X2 + dx, b.Y2 + dy}
}

// IoU is intersection over union of two boxes, from 0 to 1.
func IoU(a, b Box) float64 {
	w := min(a.X2, b.X2) - max(a.X1, b.X1)
	h := min(a.Y2, b.Y2) - max(a.Y1, b.Y1)
	if w <= 0 || h <= 0 {
		return 0
	}
	inter := w * h
	return inter / (a.Area() + b.Area() - inter)
}
