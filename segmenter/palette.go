package segmenter

import (
	"image"
	"image/color"
	"image/draw"

	"example.com/riffle/photo"
)

// Palette are the colours of n classes: those that Pascal VOC's segmentations
// are drawn in, black for number 0. Class i has bits 0, 3, 6 of its number in
// the upper bits of red, 1, 4, 7 in green's and 2, 5 in blue's.
func Palette(n int) color.Palette {
	p := make(color.Palette, n)
	for i := range p {
		var c [3]uint8
		for bit := range 8 {
			c[bit%3] |= uint8(i>>bit&1) << (7 - bit/3)
		}
		p[i] = color.RGBA{c[0], c[1], c[2], 255}
	}
	return p
}

// overlayAlpha is how much of a class's colour is laid over the photo.
const overlayAlpha = 0x99

// Overlay draws a copy of the photo, upright, under the colours of all classes
// but number 0, the background. classes has the size of the photo.
func Overlay(img image.Image, classes *image.Paletted) *image.RGBA {
	upright := photo.Upright(img)
	size := classes.Bounds().Size()
	out := image.NewRGBA(image.Rect(0, 0, size.X, size.Y))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(out, out.Rect, upright, upright.Bounds().Min, draw.Over)
	for y := range size.Y {
		row := out.Pix[y*out.Stride:][:4*size.X]
		for x, class := range classes.Pix[y*classes.Stride:][:size.X] {
			if class == 0 {
				continue
			}
			c := classes.Palette[class].(color.RGBA)
			p := row[4*x:][:3]
			p[0], p[1], p[2] = blend(p[0], c.R), blend(p[1], c.G), blend(p[2], c.B)
		}
	}
	return out
}

func blend(under, over uint8) uint8 {
	return uint8((int(under)*(255-overlayAlpha) + int(over)*overlayAlpha + 127) / 255)
}
