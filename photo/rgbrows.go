package photo

import "image"

// rgbRows returns the size of a picture and a function that reads its row y into
// 3*width bytes, red, green and blue. A [Photo] is read upright; what is
// transparent is laid over white. The function keeps scratch memory and is not
// safe for concurrent use.
func rgbRows(img image.Image) (width, height int, read func(dst []uint8, y int)) {
	if p, ok := img.(*Photo); ok {
		img = p.Stored
		if p.Orientation > 1 {
			img = Upright(p)
		}
	}
	size := img.Bounds().Size()
	source := rowsOf(img)
	sums := make([]uint32, 3*size.X)
	return size.X, size.Y, func(dst []uint8, y int) {
		clear(sums)
		source.addRow(sums, y, 1)
		for i, v := range sums {
			dst[i] = uint8(v)
		}
	}
}
