package jpeg

import (
	"image"

	"example.com/riffle/internal/vec"
)

// frame reads the frame header and lays the planes out.
func (d *decoder) frame(m byte, body []byte) error {
	if d.components != nil {
		return errUnusual("two frames")
	}
	if len(body) < 6 || body[0] != 8 || len(body) != 6+3*int(body[5]) || body[5] != 1 && body[5] != 3 {
		return errUnusual("frame other than one or three components of 8 bits")
	}
	d.progressive = m == mSOF2
	d.height, d.width = int(body[1])<<8|int(body[2]), int(body[3])<<8|int(body[4])
	if d.width == 0 || d.height == 0 {
		return errUnusual("picture without pixels")
	}
	for b := body[6:]; len(b) >= 3; b = b[3:] {
		d.components = append(d.components, component{id: b[0], h: int(b[1] >> 4), v: int(b[1] & 15), quantiser: b[2]})
	}
	if err := d.sampling(); err != nil {
		return err
	}
	// A block takes at least two bits, one in a progressive file.
	blocks := 0
	for i := range d.components {
		blocks += d.components[i].spanX * d.components[i].spanY
	}
	perByte := 4
	if d.progressive {
		perByte = 8
	}
	if len(d.data) < blocks/perByte {
		return ErrTooShort
	}
	return nil
}

// sampling checks the components' sampling factors and computes sizes.
func (d *decoder) sampling() error {
	c := d.components
	for i := range c {
		if c[i].quantiser > 3 {
			return errUnusual("quantiser number")
		}
		for k := range i {
			if c[k].id == c[i].id {
				return errUnusual("two components of one name")
			}
		}
	}
	if len(c) == 1 {
		c[0].h, c[0].v = 1, 1 // a scan of one component has no larger units
	} else {
		if c[0].h < 1 || c[0].h > 2 || c[0].v < 1 || c[0].v > 2 || c[1].h != 1 || c[1].v != 1 || c[2].h != 1 || c[2].v != 1 {
			return errUnusual("chroma subsampling")
		}
		if c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' {
			return errUnusual("RGB")
		}
	}
	d.hMax, d.vMax = c[0].h, c[0].v
	d.mcusX, d.mcusY = ceil(d.width, 8*d.hMax), ceil(d.height, 8*d.vMax)
	for i := range c {
		c[i].cols, c[i].rows = d.mcusX*c[i].h, d.mcusY*c[i].v
		c[i].spanX = ceil(ceil(d.width*c[i].h, d.hMax), 8)
		c[i].spanY = ceil(ceil(d.height*c[i].v, d.vMax), 8)
		c[i].shift = d.shift
		if i > 0 && d.hMax == 2 && d.vMax == 2 && d.shift > 0 {
			c[i].shift--
		}
	}
	return nil
}

func ceil(a, b int) int { return (a + b - 1) / b }

// prepare makes a component ready for its first scan: the quantiser may be
// defined any time before that.
func (d *decoder) prepare(c *component) error {
	if c.pix != nil {
		return nil
	}
	steps := d.steps[c.quantiser]
	if steps == nil {
		return errUnusual("quantiser missing")
	}
	c.table = vec.NewIDCTTable(steps, c.shift)
	c.stride = c.cols * 8 >> c.shift
	c.pix = make([]byte, c.stride*(c.rows*8>>c.shift))
	if d.progressive {
		c.coefsBlock = 64
		if c.shift == MaxShift {
			c.coefsBlock = 1
		}
		c.coefs = make([]int16, c.coefsBlock*c.cols*c.rows)
	}
	return nil
}

// write transforms a block into its place. last is the number, in the file's
// order, of the last coefficient that may not be zero.
func (d *decoder) write(c *component, coef *[64]int16, x, y, last int) {
	size := 8 >> c.shift
	dst := c.pix[y*size*c.stride+x*size:]
	if last == 0 || c.shift == MaxShift {
		d.isa.Flat(dst, c.stride, coef[0], c.table, c.shift)
		return
	}
	d.isa.IDCT(dst, c.stride, coef, c.table, c.shift)
}

// finish checks that every plane was in a scan, and transforms a progressive
// picture's coefficients.
func (d *decoder) finish() error {
	if d.components == nil {
		return errUnusual("no frame")
	}
	if len(d.components) == 3 && d.adobe && d.adobeRGB {
		return errUnusual("RGB")
	}
	for i := range d.components {
		c := &d.components[i]
		if !c.scanned {
			return errUnusual("component without data")
		}
		if !d.progressive {
			continue
		}
		var block [64]int16
		for n := range c.cols * c.rows {
			last := 0
			coef := &block
			if c.coefsBlock == 64 {
				coef = (*[64]int16)(c.coefs[64*n:])
				if *coef != ([64]int16{coef[0]}) {
					last = 63
				}
			} else {
				block[0] = c.coefs[n]
			}
			d.write(c, coef, n%c.cols, n/c.cols, last)
		}
	}
	return nil
}

// picture puts the planes together.
func (d *decoder) picture() image.Image {
	rect := image.Rect(0, 0, ceil(d.width, 1<<d.shift), ceil(d.height, 1<<d.shift))
	y := &d.components[0]
	if len(d.components) == 1 {
		return &image.Gray{Pix: y.pix, Stride: y.stride, Rect: rect}
	}
	ratio := image.YCbCrSubsampleRatio444
	switch {
	case d.hMax == 2 && d.vMax == 2 && d.shift == 0:
		ratio = image.YCbCrSubsampleRatio420
	case d.hMax == 2 && d.vMax == 1:
		ratio = image.YCbCrSubsampleRatio422
	case d.hMax == 1 && d.vMax == 2:
		ratio = image.YCbCrSubsampleRatio440
	}
	b, r := &d.components[1], &d.components[2]
	return &image.YCbCr{Y: y.pix, Cb: b.pix, Cr: r.pix, YStride: y.stride, CStride: b.stride, SubsampleRatio: ratio, Rect: rect}
}
