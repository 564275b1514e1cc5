package jpeg

import (
	"image"
	"image/color"
)

// picture puts the planes together. Colors are libjpeg's guess: JFIF has YCbCr,
// else Adobe's segment tells, else components named R, G and B.
func (d *decoder) picture() image.Image {
	rect := image.Rect(0, 0, ceil(d.width, 1<<d.shift), ceil(d.height, 1<<d.shift))
	c := d.components
	switch {
	case len(c) == 1:
		return &image.Gray{Pix: c[0].pix, Stride: c[0].stride, Rect: rect}
	case len(c) == 4:
		return d.cmyk(rect)
	case !d.jfif && (d.adobe && d.transform == 0 || !d.adobe && c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'):
		return d.rgb(rect)
	}
	return d.ycbcr(rect)
}

// ratios are the subsamplings that an [image.YCbCr] knows, by how many columns
// and rows of luma share a sample of chroma.
var ratios = map[image.Point]image.YCbCrSubsampleRatio{
	{X: 1, Y: 1}: image.YCbCrSubsampleRatio444, {X: 2, Y: 1}: image.YCbCrSubsampleRatio422,
	{X: 1, Y: 2}: image.YCbCrSubsampleRatio440, {X: 2, Y: 2}: image.YCbCrSubsampleRatio420,
}

// share is how many columns and rows of the picture share a sample of the plane.
func (d *decoder) share(c *component) image.Point {
	more := d.shift - c.shift // the plane is reduced less than the picture
	return image.Pt(d.hMax/c.h>>more, d.vMax/c.v>>more)
}

func (d *decoder) ycbcr(rect image.Rectangle) *image.YCbCr {
	y, b, r := &d.components[0], &d.components[1], &d.components[2]
	ratio, known := ratios[d.share(b)]
	if !known || d.share(y) != image.Pt(1, 1) || d.share(r) != d.share(b) {
		for i := range d.components {
			d.spread(&d.components[i], rect)
		}
		ratio = image.YCbCrSubsampleRatio444
	}
	return &image.YCbCr{Y: y.pix, Cb: b.pix, Cr: r.pix, YStride: y.stride, CStride: b.stride, SubsampleRatio: ratio, Rect: rect}
}

// spread repeats the samples of a plane until it has one for each pixel.
func (d *decoder) spread(c *component, rect image.Rectangle) {
	by := d.share(c)
	if by == image.Pt(1, 1) && c.stride == d.widest() {
		return
	}
	stride := d.widest()
	pix := make([]byte, stride*rect.Dy())
	for y := range rect.Dy() {
		row, from := pix[y*stride:][:rect.Dx()], c.pix[y/by.Y*c.stride:]
		for x := range row {
			row[x] = from[x/by.X]
		}
	}
	c.pix, c.stride = pix, stride
}

// widest is a stride that holds a row of the picture in whole MCUs.
func (d *decoder) widest() int { return d.mcusX * d.hMax * 8 >> d.shift }

func (d *decoder) rgb(rect image.Rectangle) *image.RGBA {
	img := image.NewRGBA(rect)
	for i := range d.components {
		c := &d.components[i]
		d.spread(c, rect)
		for y := range rect.Dy() {
			row := img.Pix[y*img.Stride:][:4*rect.Dx()]
			for x, v := range c.pix[y*c.stride:][:rect.Dx()] {
				row[4*x+i], row[4*x+3] = v, 255
			}
		}
	}
	return img
}

// cmyk is a picture of four components. Ink is stored inverted, with Adobe's
// segment and, as every common viewer reads such files, without.
func (d *decoder) cmyk(rect image.Rectangle) *image.CMYK {
	img := image.NewCMYK(rect)
	for i := range d.components {
		d.spread(&d.components[i], rect)
	}
	var rows [4][]byte
	for y := range rect.Dy() {
		for i := range d.components {
			c := &d.components[i]
			rows[i] = c.pix[y*c.stride:][:rect.Dx()]
		}
		row := img.Pix[y*img.Stride:][:4*rect.Dx()]
		for x := range rect.Dx() {
			a, b, c := rows[0][x], rows[1][x], rows[2][x]
			if d.adobe && d.transform == 2 {
				a, b, c = color.YCbCrToRGB(a, b, c) // RGB is inverted ink: that is undone already
			} else {
				a, b, c = 255-a, 255-b, 255-c
			}
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = a, b, c, 255-rows[3][x]
		}
	}
	return img
}
