package photo

import (
	"fmt"
	"image"
	"image/color"

	"example.com/riffle/internal/vec"
)

// Frame is a picture in memory as video libraries hold it: rows of blue, green
// and red bytes, Stride bytes from one row to the next. It is a view of the
// owner's memory, which must stay as it is while the frame is looked at. A *Frame
// is an [image.Image], so whatever takes a picture takes a frame.
type Frame struct {
	Pix           []byte
	Width, Height int // pixels
	Stride        int // bytes, at least 3*Width
}

// Check says what is wrong with the sizes.
func (f *Frame) Check() error {
	switch {
	case f.Width < 1 || f.Height < 1:
		return fmt.Errorf("frame of %d x %d pixels", f.Width, f.Height)
	case f.Stride < 3*f.Width:
		return fmt.Errorf("frame: rows of %d bytes do not hold %d pixels", f.Stride, f.Width)
	case (len(f.Pix)-3*f.Width)/f.Stride < f.Height-1 || len(f.Pix) < 3*f.Width:
		return fmt.Errorf("frame: %d bytes do not hold %d rows of %d", len(f.Pix), f.Height, f.Stride)
	}
	return nil
}

// ColorModel is RGBA.
func (f *Frame) ColorModel() color.Model { return color.RGBAModel }

// Bounds start at (0, 0).
func (f *Frame) Bounds() image.Rectangle { return image.Rect(0, 0, f.Width, f.Height) }

// At is the color of the pixel (x, y).
func (f *Frame) At(x, y int) color.Color {
	p := f.Pix[y*f.Stride+3*x:]
	return color.RGBA{p[2], p[1], p[0], 255}
}

// Opaque reports that no pixel is transparent.
func (f *Frame) Opaque() bool { return true }

// fillFrame is FillPart for a frame: the same sampling, without a copy of the frame
// and, for a size that was just seen, without an allocation.
func (p *Preprocessor) fillFrame(dst [][]float32, f *Frame, part image.Rectangle) error {
	if err := f.Check(); err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	p.frame = bgrRows{f.Pix[part.Min.Y*f.Stride+3*part.Min.X:], f.Stride, part.Dx()}
	err := p.fill(dst, &p.frame, storedAs(part.Dx(), part.Dy()))
	p.frame.pix = nil // the memory is the caller's
	return err
}

// bgrRows reads a [Frame].
type bgrRows struct {
	pix           []byte
	stride, width int
}

func (r *bgrRows) addRow(sums []uint32, y, factor int) {
	row := r.pix[y*r.stride:][:3*r.width]
	switch factor {
	case 1:
		for len(row) >= 3 && len(sums) >= 3 {
			p, s := (*[3]byte)(row), (*[3]uint32)(sums)
			s[0] += uint32(p[2])
			s[1] += uint32(p[1])
			s[2] += uint32(p[0])
			row, sums = row[3:], sums[3:]
		}
		return
	case 2:
		for len(row) >= 6 && len(sums) >= 3 {
			p, s := (*[6]byte)(row), (*[3]uint32)(sums)
			s[0] += uint32(p[2]) + uint32(p[5])
			s[1] += uint32(p[1]) + uint32(p[4])
			s[2] += uint32(p[0]) + uint32(p[3])
			row, sums = row[6:], sums[3:]
		}
	}
	for len(row) >= 3 { // what is left of a row, or boxes of many pixels
		s := (*[3]uint32)(sums)
		n := min(3*factor, len(row))
		var blue, green, red uint32
		for box := row[:n]; len(box) >= 3; box = box[3:] {
			p := (*[3]byte)(box)
			blue += uint32(p[0])
			green += uint32(p[1])
			red += uint32(p[2])
		}
		s[0] += red
		s[1] += green
		s[2] += blue
		row, sums = row[n:], sums[3:]
	}
}

func (r *bgrRows) floatRow(isa vec.ISA, red, green, blue []float32, y int) {
	isa.BGR(red, green, blue, r.pix[y*r.stride:][:3*r.width])
}
