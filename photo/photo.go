package photo

import (
	"image"
	"image/color"
	"image/draw"
)

// Photo is a decoded picture in the orientation it was stored in, together with
// the turn that makes it upright. As an [image.Image] it is upright: turning
// happens by index, no pixel is copied.
type Photo struct {
	Stored      image.Image
	Orientation Orientation
	Format      string // "jpeg", "png", "gif", "webp", "bmp" or "tiff"
	// Warnings say what is wrong with a picture that was decoded all the same, such
	// as a damaged JPEG.
	Warnings []string

	// Of a photo that was decoded at 1 / 2^shift, see Options.Size:
	shift  int
	file   image.Point // size in the file, as stored
	data   []byte      // the file, and the limits it was read within
	limits Limits
}

// ColorModel is the stored picture's.
func (p *Photo) ColorModel() color.Model { return p.Stored.ColorModel() }

// Bounds are those of the upright picture and start at (0, 0).
func (p *Photo) Bounds() image.Rectangle {
	s := p.Stored.Bounds().Size()
	if p.Orientation.Swaps() {
		s.X, s.Y = s.Y, s.X
	}
	return image.Rectangle{Max: s}
}

// At is the colour of the upright pixel (x, y).
func (p *Photo) At(x, y int) color.Color {
	b := p.Stored.Bounds()
	x, y = p.Orientation.stored(x, y, b.Dx(), b.Dy())
	return p.Stored.At(b.Min.X+x, b.Min.Y+y)
}

// Upright copies a picture into RGBA pixels: turned by its EXIF orientation
// where it is a [Photo], over white where it is transparent, origin at (0, 0).
func Upright(img image.Image) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(image.Rectangle{Max: b.Size()})
	o := Orientation(1)
	if p, ok := img.(*Photo); ok {
		o, img = p.Orientation, p.Stored
		b = img.Bounds()
	}
	flat := out
	if o > 1 {
		flat = image.NewRGBA(image.Rectangle{Max: b.Size()})
	}
	op := draw.Src
	if m, ok := img.(interface{ Opaque() bool }); !ok || !m.Opaque() {
		draw.Draw(flat, flat.Rect, image.White, image.Point{}, draw.Src)
		op = draw.Over
	}
	draw.Draw(flat, flat.Rect, img, b.Min, op)
	if o > 1 {
		turn(out, flat, o)
	}
	return out
}

// turn writes the stored picture src into dst, upright.
func turn(dst, src *image.RGBA, o Orientation) {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	for y := range dst.Rect.Dy() {
		row := dst.Pix[y*dst.Stride:]
		for x := range dst.Rect.Dx() {
			sx, sy := o.stored(x, y, w, h)
			copy(row[4*x:4*x+4], src.Pix[sy*src.Stride+4*sx:])
		}
	}
}
