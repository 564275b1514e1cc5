package jpeg

// spectrum is the part of the coefficients that a progressive scan has, and the
// bits of them.
type spectrum struct {
	first, last int // in the file's order
	high, low   uint
}

// scan decodes one scan, whose header is body.
func (d *decoder) scan(body []byte) error {
	if d.components == nil || len(body) < 1 || len(body) != 4+2*int(body[0]) || body[0] < 1 || int(body[0]) > len(d.components) {
		return errUnusual("scan header")
	}
	var list []*component
	for b := body[1 : len(body)-3]; len(b) > 0; b = b[2:] {
		c := d.byName(b[0])
		if c == nil || b[1]>>4 > 3 || b[1]&15 > 3 {
			return errUnusual("scan of an unknown component or with an unknown table")
		}
		for _, other := range list {
			if other == c {
				return errUnusual("component twice in a scan")
			}
		}
		c.dcTab, c.acTab = d.dc[b[1]>>4], d.ac[b[1]&15]
		if err := d.prepare(c); err != nil {
			return err
		}
		list = append(list, c)
	}
	tail := body[len(body)-3:]
	s := spectrum{int(tail[0]), int(tail[1]), uint(tail[2] >> 4), uint(tail[2] & 15)}
	if !d.progressive {
		return d.sequential(list)
	}
	return d.progress(list, s)
}

func (d *decoder) byName(id byte) *component {
	for i := range d.components {
		if d.components[i].id == id {
			return &d.components[i]
		}
	}
	return nil
}

func (d *decoder) sequential(list []*component) error {
	for _, c := range list {
		if c.dcTab == nil || c.acTab == nil {
			return errUnusual("Huffman table missing")
		}
		if c.scanned {
			return errUnusual("component in two scans")
		}
		c.scanned = true
	}
	var coef [64]int16
	return d.units(list, func(r *reader, c *component, x, y int) bool {
		last, ok := r.block(&coef, c)
		if !ok {
			return false
		}
		d.write(c, &coef, x, y, last)
		if last > 0 {
			coef = [64]int16{}
		}
		return true
	})
}

// units walks over the blocks of a scan in the file's order and calls f for each.
func (d *decoder) units(list []*component, f func(r *reader, c *component, x, y int) bool) error {
	r := &reader{data: d.data, at: d.at}
	cols, rows := d.mcusX, d.mcusY
	alone := len(list) == 1
	if alone {
		cols, rows = list[0].spanX, list[0].spanY
	}
	reset := func() {
		d.eobRun = 0
		for _, c := range list {
			c.prediction = 0
		}
	}
	reset()
	unit, restarts := 0, 0
	for y := range rows {
		for x := range cols {
			if unit == d.restart && d.restart > 0 {
				if !r.restartMarker(restarts & 7) {
					return errUnusual("restart marker missing")
				}
				restarts++
				unit = 0
				reset()
			}
			unit++
			if alone {
				if !f(r, list[0], x, y) {
					return errUnusual("broken data")
				}
				continue
			}
			for _, c := range list {
				for i := range c.h * c.v {
					if !f(r, c, x*c.h+i%c.h, y*c.v+i/c.h) {
						return errUnusual("broken data")
					}
				}
			}
		}
		if r.overrun() {
			return errUnusual("data ends too early")
		}
	}
	d.at = r.position()
	return nil
}

// block decodes a sequential block into coef, which holds zeros, and returns the
// number of its last coefficient in the file's order. The reader's fields live in
// registers here.
func (r *reader) block(coef *[64]int16, c *component) (last int, ok bool) {
	if r.n < 32 {
		r.fill()
	}
	e := c.dcTab.fast[r.acc>>(64-lookBits)]
	var diff int32
	if e != 0 && e&flagCode == 0 {
		r.acc <<= e & 31
		r.n -= int(e & 31)
		diff = int32(e) >> 16
	} else {
		size, found := r.symbol(c.dcTab)
		if !found || size > 15 {
			return 0, false
		}
		diff = extend(r.take(uint(size)), uint(size))
	}
	c.prediction += diff
	if int32(int16(c.prediction)) != c.prediction {
		return 0, false
	}
	coef[0] = int16(c.prediction)

	fast := &c.acTab.fast
	acc, n := r.acc, r.n
	for k := 1; k < 64; {
		if n < 32 {
			r.acc, r.n = acc, n
			r.fill()
			acc, n = r.acc, r.n
		}
		e := fast[acc>>(64-lookBits)]
		symbol := uint32(e>>8) & 0xFF
		if e != 0 && e&flagCode == 0 {
			acc <<= e & 63
			n -= int(e & 63)
			if symbol&15 != 0 {
				k += int(symbol >> 4)
				if k > 63 {
					return 0, false
				}
				coef[zigzag[k&63]] = int16(int32(e) >> 16)
				last = k
				k++
				continue
			}
		} else {
			if e != 0 {
				acc <<= e & 31
				n -= int(e & 31)
			} else {
				long, length := c.acTab.long(uint32(acc >> 48))
				if length > 16 {
					return 0, false
				}
				symbol = uint32(long)
				acc <<= uint(length)
				n -= length
			}
			if size := uint(symbol & 15); size != 0 {
				k += int(symbol >> 4)
				if k > 63 {
					return 0, false
				}
				coef[zigzag[k&63]] = int16(extend(uint32(acc>>(64-size)), size))
				acc <<= size
				n -= int(size)
				last = k
				k++
				continue
			}
		}
		switch symbol {
		case 0: // end of block
			k = 64
		case 0xF0:
			k += 16
		default:
			return 0, false
		}
	}
	r.acc, r.n = acc, n
	return last, true
}
