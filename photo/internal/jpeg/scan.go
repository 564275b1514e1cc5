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
		return damage("scan header")
	}
	var list []*component
	for b := body[1 : len(body)-3]; len(b) > 0; b = b[2:] {
		c := d.byName(b[0])
		if c == nil || b[1]>>4 > 3 || b[1]&15 > 3 {
			return damage("scan of an unknown component or with an unknown table")
		}
		for _, other := range list {
			if other == c {
				return damage("component twice in a scan")
			}
		}
		c.dcTab, c.acTab = d.table(&d.dc, b[1]>>4, 0), d.table(&d.ac, b[1]&15, 1)
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
			return damage("Huffman table missing")
		}
	}
	var coef [64]int16
	d.units(list, func(r *reader, c *component, x, y int) {
		last := r.block(&coef, c)
		d.write(c, &coef, x, y, last)
		if last > 0 {
			coef = [64]int16{}
		}
	})
	return nil
}

// units walks over the blocks of a scan in the file's order and calls f for each
// that the data holds.
func (d *decoder) units(list []*component, f func(r *reader, c *component, x, y int)) {
	r := &reader{data: d.data, at: d.at}
	cols, rows := d.mcusX, d.mcusY
	alone := len(list) == 1
	if alone {
		cols, rows = list[0].spanX, list[0].spanY
	}
	w := walk{d: d, r: r, list: list}
	w.begin()
	for y := range rows {
		for x := range cols {
			if w.unit == d.restart && d.restart > 0 {
				w.restart()
			}
			w.unit++
			if w.empty {
				w.lost++
				continue
			}
			if alone {
				f(r, list[0], x, y)
			} else {
				for _, c := range list {
					for i := range c.h * c.v {
						f(r, c, x*c.h+i%c.h, y*c.v+i/c.h)
					}
				}
			}
			// A unit that ran out of bits was finished with zeros; what comes
			// after it until the next restart is lost.
			w.empty = r.pad > 0 && r.overrun()
		}
	}
	w.end(cols * rows)
	d.at, d.behindScan = r.position(), true
}

// walk is the state of a scan between its units.
type walk struct {
	d        *decoder
	r        *reader
	list     []*component
	unit     int // since the last restart
	restarts int
	empty    bool // no data is left before the next restart
	lost     int  // units
}

func (w *walk) begin() {
	w.unit, w.d.eobRun = 0, 0
	for _, c := range w.list {
		c.prediction = 0
	}
}

// restart goes on at a restart marker. Where another marker stands, it does what
// libjpeg's jpeg_resync_to_restart does: a marker of the next two numbers means
// that a part of the data was lost, and this part is left empty; one of the last
// two is passed over, any other restart marker is taken for the right one.
func (w *walk) restart() {
	wanted := w.restarts & 7
	w.restarts++
	w.begin()
	w.r.drop()
	for right := true; ; right = false {
		m := w.r.next()
		away := (int(m) - mRST0 - wanted) & 7
		switch {
		case m < mSOF0, m >= mRST0 && m <= mRST7 && (away == 6 || away == 7):
			w.r.at += 2
		case m < mRST0, m > mRST7, away == 1, away == 2:
			w.d.fault("restart marker missing")
			return // the marker stays: there is no data before it
		default:
			w.r.at += 2
			w.empty = false
			if !right || away != 0 {
				w.d.fault("restart marker of a wrong number")
			}
			return
		}
		w.d.fault("restart marker of a wrong number")
	}
}

// end notes what a scan has and lacks. Of all scans of a plane the first counts,
// which gives it its shape.
func (w *walk) end(units int) {
	if w.r.bad {
		w.d.fault("impossible code")
	}
	if w.lost > 0 || w.empty {
		w.d.damage.Ending = w.d.damage.Ending || w.r.at >= len(w.r.data)-2
		w.d.fault("data ends too early")
	}
	for _, c := range w.list {
		if !c.scanned {
			c.scanned = true
			w.d.blocks += units
			w.d.lost += w.lost
		}
	}
}

// block decodes a sequential block into coef, which holds zeros, and returns the
// number of its last coefficient in the file's order. The reader's fields live in
// registers here. Broken data is read as libjpeg reads it: an impossible code is
// 17 bits long and means zero, numbers wrap at 16 bits, and what would stand
// behind the last coefficient replaces it.
func (r *reader) block(coef *[64]int16, c *component) (last int) {
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
		size := uint(r.symbol(c.dcTab))
		diff = extend(r.take(size), size)
	}
	c.prediction += diff
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
				if k += int(symbol >> 4); k > 63 {
					k, r.bad = 63, true
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
				r.bad = r.bad || length > 16
				symbol = uint32(long)
				acc <<= uint(length)
				n -= length
			}
			if size := uint(symbol & 15); size != 0 {
				if k += int(symbol >> 4); k > 63 {
					k, r.bad = 63, true
				}
				coef[zigzag[k&63]] = int16(extend(uint32(acc>>(64-size)), size))
				acc <<= size
				n -= int(size)
				last = k
				k++
				continue
			}
		}
		if symbol != 0xF0 { // end of block
			break
		}
		k += 16
	}
	r.acc, r.n = acc, n
	return last
}
