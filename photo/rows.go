package photo

import (
	"image"
	"image/color"

	"example.com/riffle/internal/vec"
)

// rowAdder adds the red, green and blue of row y of a picture to sums: pixel x
// to box x/factor, three sums a box. Transparent pixels are laid over white.
// y counts from the top of the picture, whatever its bounds.
type rowAdder interface {
	addRow(sums []uint32, y, factor int)
}

// finisher is a rowAdder whose sums are red, green and blue only after finish,
// which is called once all rows of a row of boxes are added.
type finisher interface {
	finish(sums []uint32, x *axis, rows int)
}

// rowsOf picks the reader for a picture's concrete type; only types that no
// decoder produces go through color.Color pixel by pixel.
func rowsOf(img image.Image) rowAdder {
	switch m := img.(type) {
	case *image.YCbCr:
		return ycbcrRows{m}
	case *image.NYCbCrA:
		return nycbcraRows{m}
	case *image.RGBA:
		return rgbaRows{m.Pix, m.Stride, m.Rect.Dx(), 1}
	case *image.RGBA64:
		return rgbaRows{m.Pix, m.Stride, m.Rect.Dx(), 2}
	case *image.NRGBA:
		return nrgbaRows{m.Pix, m.Stride, m.Rect.Dx(), 1}
	case *image.NRGBA64:
		return nrgbaRows{m.Pix, m.Stride, m.Rect.Dx(), 2}
	case *image.Gray:
		return grayRows{m.Pix, m.Stride, m.Rect.Dx(), 1}
	case *image.Gray16:
		return grayRows{m.Pix, m.Stride, m.Rect.Dx(), 2}
	case *image.CMYK:
		return cmykRows{m}
	case *image.Paletted:
		return newPalettedRows(m)
	}
	return anyRows{img}
}

// boxes walks over w pixels in boxes of factor pixels and calls f with the box's
// sums and its range of pixels.
func boxes(sums []uint32, w, factor int, f func(s *[3]uint32, from, to int)) {
	for from, b := 0, 0; from < w; from, b = from+factor, b+3 {
		f((*[3]uint32)(sums[b:b+3]), from, min(from+factor, w))
	}
}

// overWhite lays a colour with alpha, not premultiplied, over white.
func overWhite(v, alpha uint32) uint32 {
	return (v*alpha + 255*(255-alpha) + 127) / 255
}

// rgbaRows reads premultiplied pixels; bytes is 1 or, big-endian, 2 a channel.
type rgbaRows struct {
	pix           []byte
	stride, width int
	bytes         int
}

func (r rgbaRows) addRow(sums []uint32, y, factor int) {
	step := 4 * r.bytes
	row := r.pix[y*r.stride : y*r.stride+r.width*step]
	boxes(sums, r.width, factor, func(s *[3]uint32, from, to int) {
		for p := row[from*step : to*step]; len(p) >= step; p = p[step:] {
			white := 255 - uint32(p[3*r.bytes])
			s[0] += uint32(p[0]) + white
			s[1] += uint32(p[r.bytes]) + white
			s[2] += uint32(p[2*r.bytes]) + white
		}
	})
}

func (r rgbaRows) floatRow(_ vec.ISA, red, green, blue []float32, y int) {
	step := 4 * r.bytes
	row := r.pix[y*r.stride : y*r.stride+r.width*step]
	green, blue = green[:len(red)], blue[:len(red)]
	for x := range red {
		p := row[x*step:][:step]
		white := 255 - uint32(p[3*r.bytes])
		red[x] = float32(uint32(p[0]) + white)
		green[x] = float32(uint32(p[r.bytes]) + white)
		blue[x] = float32(uint32(p[2*r.bytes]) + white)
	}
}

// nrgbaRows reads pixels that are not premultiplied; bytes as in rgbaRows.
type nrgbaRows struct {
	pix           []byte
	stride, width int
	bytes         int
}

func (r nrgbaRows) addRow(sums []uint32, y, factor int) {
	step := 4 * r.bytes
	row := r.pix[y*r.stride : y*r.stride+r.width*step]
	boxes(sums, r.width, factor, func(s *[3]uint32, from, to int) {
		for p := row[from*step : to*step]; len(p) >= step; p = p[step:] {
			a := uint32(p[3*r.bytes])
			if a == 255 {
				s[0] += uint32(p[0])
				s[1] += uint32(p[r.bytes])
				s[2] += uint32(p[2*r.bytes])
				continue
			}
			s[0] += overWhite(uint32(p[0]), a)
			s[1] += overWhite(uint32(p[r.bytes]), a)
			s[2] += overWhite(uint32(p[2*r.bytes]), a)
		}
	})
}

// grayRows reads grey pixels; bytes as in rgbaRows.
type grayRows struct {
	pix           []byte
	stride, width int
	bytes         int
}

func (r grayRows) addRow(sums []uint32, y, factor int) {
	row := r.pix[y*r.stride : y*r.stride+r.width*r.bytes]
	boxes(sums, r.width, factor, func(s *[3]uint32, from, to int) {
		var v uint32
		for i := from * r.bytes; i < to*r.bytes; i += r.bytes {
			v += uint32(row[i])
		}
		s[0] += v
		s[1] += v
		s[2] += v
	})
}

// cmykRows reads ink: 255 is full ink.
type cmykRows struct{ m *image.CMYK }

func (r cmykRows) addRow(sums []uint32, y, factor int) {
	w := r.m.Rect.Dx()
	row := r.m.Pix[y*r.m.Stride : y*r.m.Stride+4*w]
	boxes(sums, w, factor, func(s *[3]uint32, from, to int) {
		for p := row[4*from : 4*to]; len(p) >= 4; p = p[4:] {
			light := 255 - uint32(p[3])
			s[0] += ((255-uint32(p[0]))*light + 127) / 255
			s[1] += ((255-uint32(p[1]))*light + 127) / 255
			s[2] += ((255-uint32(p[2]))*light + 127) / 255
		}
	})
}

// palettedRows looks colours up in a palette already laid over white.
type palettedRows struct {
	m       *image.Paletted
	palette [256][3]uint32
}

func newPalettedRows(m *image.Paletted) *palettedRows {
	r := &palettedRows{m: m}
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		r.palette[i] = rgbOverWhite(c)
	}
	return r
}

func (r *palettedRows) addRow(sums []uint32, y, factor int) {
	w := r.m.Rect.Dx()
	row := r.m.Pix[y*r.m.Stride : y*r.m.Stride+w]
	boxes(sums, w, factor, func(s *[3]uint32, from, to int) {
		for _, i := range row[from:to] {
			c := &r.palette[i]
			s[0] += c[0]
			s[1] += c[1]
			s[2] += c[2]
		}
	})
}

// anyRows reads any other picture through its At method.
type anyRows struct{ img image.Image }

func (r anyRows) addRow(sums []uint32, y, factor int) {
	b := r.img.Bounds()
	boxes(sums, b.Dx(), factor, func(s *[3]uint32, from, to int) {
		for x := from; x < to; x++ {
			c := rgbOverWhite(r.img.At(b.Min.X+x, b.Min.Y+y))
			s[0] += c[0]
			s[1] += c[1]
			s[2] += c[2]
		}
	})
}

// rgbOverWhite is a colour in 8 bits a channel, laid over white.
func rgbOverWhite(c color.Color) [3]uint32 {
	r, g, b, a := c.RGBA()
	white := 0xffff - a
	return [3]uint32{(r + white) >> 8, (g + white) >> 8, (b + white) >> 8}
}
