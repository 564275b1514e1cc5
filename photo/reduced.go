package photo

import (
	"image"

	"example.com/riffle/photo/internal/jpeg"
)

// shiftFor is the binary logarithm of the reduction of a stored picture of w by h
// pixels that leaves no less than size.
func shiftFor(w, h int, size image.Point) int {
	shift := 0
	if size.X <= 0 || size.Y <= 0 {
		return 0
	}
	for shift < jpeg.MaxShift && w>>(shift+1) >= size.X && h>>(shift+1) >= size.Y {
		shift++
	}
	return shift
}

// Size is the upright size of the picture in the file. It is larger than the
// bounds of a photo that was reduced while it was decoded.
func (p *Photo) Size() image.Point {
	if p.shift == 0 {
		return p.Bounds().Size()
	}
	if p.Orientation.Swaps() {
		return image.Pt(p.file.Y, p.file.X)
	}
	return p.file
}

// Full is the photo with all pixels of the file: itself unless it was reduced,
// else decoded once more.
func (p *Photo) Full() (*Photo, error) {
	if p.shift == 0 {
		return p, nil
	}
	return Decode(p.data, Options{Limits: p.limits})
}

// extent is the size of a stored picture in its own pixels, of which the last
// ones of a reduced photo may reach beyond it.
func (p *Photo) extent() (w, h float64) {
	s := p.Stored.Bounds().Size()
	if p.shift == 0 {
		return float64(s.X), float64(s.Y)
	}
	n := float64(int(1) << p.shift)
	return float64(p.file.X) / n, float64(p.file.Y) / n
}
