package photo

// Orientation is how a stored picture has to be turned to stand upright, as the
// EXIF tag 0x0112 numbers it: 1 as stored, 2 mirrored, 3 turned by 180 degrees,
// 4 mirrored top to bottom, 5 transposed, 6 turned clockwise by 90 degrees,
// 7 transposed over the other diagonal, 8 turned anticlockwise by 90 degrees.
// Any other value counts as 1.
type Orientation uint8

// Swaps reports whether width and height change places.
func (o Orientation) Swaps() bool { return o >= 5 && o <= 8 }

// flips reports whether an upright coordinate counts from the far end of the
// stored axis: of the stored x axis, of the stored y axis.
func (o Orientation) flips() (x, y bool) {
	switch o {
	case 2, 8:
		return true, false
	case 3, 7:
		return true, true
	case 4, 6:
		return false, true
	}
	return false, false
}

// stored returns where the upright pixel (x, y) stands in a stored picture of
// w by h pixels.
func (o Orientation) stored(x, y, w, h int) (int, int) {
	if o.Swaps() {
		x, y = y, x
	}
	fx, fy := o.flips()
	if fx {
		x = w - 1 - x
	}
	if fy {
		y = h - 1 - y
	}
	return x, y
}
