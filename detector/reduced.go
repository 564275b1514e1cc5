package detector

import (
	"image"

	"example.com/riffle/internal/jpeg"
	"example.com/riffle/nn"
)

// DecodeFor is [Decode] for a network that looks at pictures of the given size.
// A JPEG that is at least twice as large both ways, upright, is decoded at a
// half, a quarter or an eighth, no further than that size: every pixel is then the
// mean of a square of the file's, and most of the work of a large photo falls
// away. Boxes found in such a photo are in pixels of the file all the same. With
// a size of zero nothing is reduced.
func DecodeFor(data []byte, limits Limits, size image.Point) (*Photo, error) {
	return decode(data, limits, size)
}

// DecodeSize is what [DecodeFor] is to be told for pictures that the detector
// will look at: the size of its input, or zero if it samples the file's own
// pixels.
func (d *Detector) DecodeSize() image.Point { return d.model.header.decodeSize() }

// ModelDecodeSize is [Detector.DecodeSize] of a model's file, which it reads no
// further than its header.
func ModelDecodeSize(weights []byte) (image.Point, error) {
	metadata, err := nn.ReadMetadata(weights)
	if err != nil {
		return image.Point{}, err
	}
	h, err := ReadHeader(&nn.Weights{Metadata: metadata})
	if err != nil {
		return image.Point{}, err
	}
	return h.decodeSize(), nil
}

func (h *Header) decodeSize() image.Point {
	if h.Kind == KindSSDLite {
		return image.Point{} // see Preprocessor.Plain
	}
	return image.Pt(h.Input[1], h.Input[0])
}

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
	return Decode(p.data, p.limits)
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
