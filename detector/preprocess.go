package detector

import (
	"fmt"
	"image"
)

// Preprocessor samples pictures of any size into the three planes that a network
// reads. It keeps its scratch memory, so that it allocates nothing for a picture
// of a size it has just seen; it is not safe for concurrent use.
type Preprocessor struct {
	// Plain samples bilinearly from the picture's own pixels however much it
	// shrinks, without averaging first: what torchvision's detectors do.
	Plain bool

	width, height int
	mean, scale   [3]float32
	x, y          axis
	sums          []uint32     // of one row of boxes: three a box
	rows          [2][]float32 // two rows of boxes, sampled to the output's columns: three planes each
	held          [2]int       // which rows of boxes these are, -1 for none
	frame         bgrRows      // what FillFrame reads
}

// NewPreprocessor makes one for planes of width by height values
// (v - mean) / std, v being red, green and blue from 0 to 255.
func NewPreprocessor(width, height int, mean, std [3]float32) (*Preprocessor, error) {
	if width < 1 || height < 1 {
		return nil, fmt.Errorf("preprocess: output of %d x %d pixels", width, height)
	}
	p := &Preprocessor{width: width, height: height, mean: mean}
	for c, s := range std {
		if s == 0 {
			return nil, fmt.Errorf("preprocess: std of channel %d is 0", c)
		}
		p.scale[c] = 1 / s
	}
	return p, nil
}

// Fill samples img into dst, three planes (red, green, blue) of height x width
// values. The picture is stretched to the planes' size, its shape is not kept.
// Where it shrinks to half or less, and not Plain, boxes of floor(scale) pixels
// are averaged first, axis by axis; the rest is bilinear with half-pixel centres, as OpenCV's
// INTER_LINEAR without its rounding to bytes. A [Photo] is sampled upright, and
// what is transparent is laid over white.
func (p *Preprocessor) Fill(dst [][]float32, img image.Image) error {
	photo, ok := img.(*Photo)
	if ok {
		img = photo.Stored
	}
	size := img.Bounds().Size()
	if size.X < 1 || size.Y < 1 {
		return fmt.Errorf("preprocess: picture of %d x %d pixels", size.X, size.Y)
	}
	from := stored{size.X, size.Y, float64(size.X), float64(size.Y), 1}
	if ok {
		from.orientation = photo.Orientation
		from.extentX, from.extentY = photo.extent()
	}
	return p.fill(dst, rowsOf(img), from)
}

// stored is the shape of a stored picture.
type stored struct {
	width, height    int     // pixels
	extentX, extentY float64 // the same, but for a reduced photo: see Photo.extent
	orientation      Orientation
}

// fill samples a stored picture.
func (p *Preprocessor) fill(dst [][]float32, source rowAdder, from stored) error {
	if len(dst) != 3 || len(dst[0]) != p.width*p.height || len(dst[1]) != len(dst[0]) || len(dst[2]) != len(dst[0]) {
		return fmt.Errorf("preprocess: want 3 planes of %d x %d values", p.width, p.height)
	}
	// Sampling commutes with turning: the stored picture is sampled to the turned
	// size, and each value is written to its upright place.
	w, h, o := p.width, p.height, from.orientation
	if o.Swaps() {
		w, h = h, w
	}
	p.x.set(from.width, from.extentX, w, p.Plain)
	p.y.set(from.height, from.extentY, h, p.Plain)
	p.sums = grow(p.sums, 3*p.x.boxes)
	for i := range p.rows {
		p.rows[i] = grow(p.rows[i], 3*w)
		p.held[i] = -1
	}
	for y := range h {
		a := p.row(source, int(p.y.first[y]), int(p.y.second[y]))
		b := p.row(source, int(p.y.second[y]), int(p.y.first[y]))
		at, step := p.place(o, y, w, h)
		for c, plane := range dst {
			p.blend(plane, at, step, a[c*w:(c+1)*w], b[c*w:(c+1)*w], y, c)
		}
	}
	return nil
}

// row returns a row of boxes, sampled to the output's columns. It computes into
// the buffer that does not hold row keep.
func (p *Preprocessor) row(source rowAdder, box, keep int) []float32 {
	slot := 0
	switch {
	case p.held[0] == box:
		return p.rows[0]
	case p.held[1] == box:
		return p.rows[1]
	case p.held[0] == keep:
		slot = 1
	}
	clear(p.sums)
	from := box * p.y.factor
	for y := range p.y.pixels(box) {
		source.addRow(p.sums, from+y, p.x.factor)
	}
	if f, ok := source.(finisher); ok {
		f.finish(p.sums, &p.x, p.y.pixels(box))
	}
	p.held[slot] = box
	p.sampleRow(p.rows[slot])
	return p.rows[slot]
}

// sampleRow interpolates the sums of a row of boxes at the output's columns.
func (p *Preprocessor) sampleRow(out []float32) {
	w := p.x.dst
	red, green, blue := out[:w], out[w:2*w], out[2*w:3*w]
	for i := range w {
		a := p.sums[3*p.x.first[i]:][:3]
		b := p.sums[3*p.x.second[i]:][:3]
		wa, wb := p.x.wa[i], p.x.wb[i]
		red[i] = float32(a[0])*wa + float32(b[0])*wb
		green[i] = float32(a[1])*wa + float32(b[1])*wb
		blue[i] = float32(a[2])*wa + float32(b[2])*wb
	}
}

// place says where the first value of sampled row y goes in an output plane, and
// how far from it the next one: the stored row may run along a row or a column,
// either way. w and h are the stored sampling's size.
func (p *Preprocessor) place(o Orientation, y, w, h int) (at, step int) {
	mirrorX, mirrorY := o.flips()
	if mirrorY {
		y = h - 1 - y
	}
	x, dx := 0, 1
	if mirrorX {
		x, dx = w-1, -1
	}
	if o.Swaps() {
		return x*p.width + y, dx * p.width
	}
	return y*p.width + x, dx
}

// blend interpolates between two sampled rows, normalises and writes one channel
// of sampled row y.
func (p *Preprocessor) blend(plane []float32, at, step int, a, b []float32, y, c int) {
	wa, wb := p.y.wa[y]*p.scale[c], p.y.wb[y]*p.scale[c]
	shift := -p.mean[c] * p.scale[c]
	if step == 1 {
		out := plane[at : at+len(a)]
		for i, v := range a {
			out[i] = v*wa + b[i]*wb + shift
		}
		return
	}
	for i, v := range a {
		plane[at] = v*wa + b[i]*wb + shift
		at += step
	}
}
