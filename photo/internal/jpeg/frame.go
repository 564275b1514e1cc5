package jpeg

import (
	"fmt"

	"example.com/riffle/internal/vec"
)

// frame reads the frame header and lays the planes out.
func (d *decoder) frame(m byte, body []byte) error {
	if d.components != nil {
		return damage("two frames")
	}
	switch {
	case len(body) < 6 || len(body) != 6+3*int(body[5]):
		return damage("frame header of a wrong length")
	case body[0] != 8:
		return unsupported(fmt.Sprintf("%d bits a sample", body[0]))
	case body[5] != 1 && body[5] != 3 && body[5] != 4:
		return unsupported(fmt.Sprintf("%d components", body[5]))
	}
	d.progressive = m == mSOF2
	d.height, d.width = int(body[1])<<8|int(body[2]), int(body[3])<<8|int(body[4])
	if d.width == 0 || d.height == 0 {
		return damage("picture without pixels")
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
			return damage("quantizer number")
		}
		for k := range i {
			if c[k].id == c[i].id {
				return damage("two components of one name")
			}
		}
	}
	if len(c) == 1 {
		c[0].h, c[0].v = 1, 1 // a scan of one component has no larger units
	}
	d.hMax, d.vMax = 0, 0
	for i := range c {
		if c[i].h < 1 || c[i].h > 4 || c[i].v < 1 || c[i].v > 4 {
			return damage("sampling factor")
		}
		d.hMax, d.vMax = max(d.hMax, c[i].h), max(d.vMax, c[i].v)
	}
	for i := range c {
		if d.hMax%c[i].h != 0 || d.vMax%c[i].v != 0 {
			return unsupported("sampling factors that do not divide each other")
		}
	}
	d.mcusX, d.mcusY = ceil(d.width, 8*d.hMax), ceil(d.height, 8*d.vMax)
	for i := range c {
		c[i].cols, c[i].rows = d.mcusX*c[i].h, d.mcusY*c[i].v
		c[i].spanX = ceil(ceil(d.width*c[i].h, d.hMax), 8)
		c[i].spanY = ceil(ceil(d.height*c[i].v, d.vMax), 8)
		c[i].shift = d.shift
		if d.hMax == 2*c[i].h && d.vMax == 2*c[i].v && d.shift > 0 {
			c[i].shift-- // it has half the size already
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
		return damage("quantizer missing")
	}
	c.table = vec.NewIDCTTable(steps, c.shift)
	c.stride = c.cols * 8 >> c.shift
	c.pix = make([]byte, c.stride*(c.rows*8>>c.shift))
	for i := range c.pix { // what no block is written to
		c.pix[i] = 128
	}
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
		return damage("no frame")
	}
	for i := range d.components {
		c := &d.components[i]
		if !c.scanned {
			d.damage.Ending = true
			return damage("component without data")
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
	if d.blocks > 0 {
		d.damage.Lost = float64(d.lost) / float64(d.blocks)
	}
	return nil
}
