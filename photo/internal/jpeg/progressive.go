package jpeg

// progress decodes a scan of a progressive picture (ITU-T T.81, annex G).
func (d *decoder) progress(list []*component, s spectrum) error {
	switch {
	case s.first > s.last || s.last > 63 || s.first == 0 && s.last != 0,
		s.first > 0 && len(list) != 1,
		s.high != 0 && s.high != s.low+1, s.low > 13:
		return damage("spectral selection")
	}
	for _, c := range list {
		switch {
		case s.first == 0 && s.high == 0 && c.dcTab == nil, s.first > 0 && c.acTab == nil:
			return damage("Huffman table missing")
		case s.first > 0 && !c.scanned:
			return damage("details before the picture")
		}
	}
	block := func(c *component, x, y int) *[64]int16 {
		return (*[64]int16)(c.coefs[64*(y*c.cols+x):])
	}
	switch {
	case s.first == 0 && s.high == 0:
		d.units(list, func(r *reader, c *component, x, y int) {
			r.firstDC(&c.coefs[c.coefsBlock*(y*c.cols+x)], c, s.low)
		})
	case s.first == 0:
		d.units(list, func(r *reader, c *component, x, y int) {
			if r.n < 1 {
				r.fill()
			}
			c.coefs[c.coefsBlock*(y*c.cols+x)] |= int16(r.take(1) << s.low)
		})
	case list[0].coefsBlock == 1: // nobody looks at these; the next marker is searched for
	case s.high == 0:
		d.units(list, func(r *reader, c *component, x, y int) {
			d.firstAC(r, block(c, x, y), c.acTab, s)
		})
	default:
		d.units(list, func(r *reader, c *component, x, y int) {
			d.refineAC(r, block(c, x, y), c.acTab, s)
		})
	}
	return nil
}

func (r *reader) firstDC(coef *int16, c *component, low uint) {
	if r.n < 32 {
		r.fill()
	}
	size := uint(r.symbol(c.dcTab))
	c.prediction += extend(r.take(size), size)
	*coef = int16(c.prediction << low)
}

func (d *decoder) firstAC(r *reader, coef *[64]int16, h *huffman, s spectrum) {
	if d.eobRun > 0 {
		d.eobRun--
		return
	}
	for k := s.first; k <= s.last; k++ {
		if r.n < 32 {
			r.fill()
		}
		symbol := r.symbol(h)
		run, size := int(symbol>>4), uint(symbol&15)
		if size == 0 {
			if run < 15 {
				d.eobRun = 1<<run + int(r.take(uint(run))) - 1
				return
			}
			k += 15
			continue
		}
		k += run
		r.bad = r.bad || k > s.last
		coef[zigzag[min(k, 63)]] = int16(extend(r.take(size), size) << s.low)
	}
}

// refineAC adds a bit to every coefficient that is not zero yet has been met, and
// brings in new ones of one bit.
func (d *decoder) refineAC(r *reader, coef *[64]int16, h *huffman, s spectrum) {
	bit := int16(1) << s.low
	k := s.first
	for d.eobRun == 0 && k <= s.last {
		if r.n < 32 {
			r.fill()
		}
		symbol := r.symbol(h)
		run, fresh := int(symbol>>4), int16(0)
		switch symbol & 15 {
		case 0:
			if run < 15 {
				d.eobRun = 1<<run + int(r.take(uint(run)))
			}
		default: // only 1 is right
			r.bad = r.bad || symbol&15 != 1
			fresh = -bit
			if r.take(1) == 1 {
				fresh = bit
			}
		}
		if d.eobRun > 0 {
			break
		}
		k = r.correct(coef, k, s.last, run, bit)
		r.bad = r.bad || k > s.last
		if fresh != 0 {
			coef[zigzag[min(k, 63)]] = fresh
		}
		k++
	}
	if d.eobRun > 0 {
		d.eobRun--
		r.correct(coef, k, s.last, -1, bit)
	}
}

// correct refines coefficients from number k on until it has passed over zeros,
// or to the last if zeros is negative, and returns where the next zero stands.
func (r *reader) correct(coef *[64]int16, k, last, zeros int, bit int16) int {
	for ; k <= last; k++ {
		c := &coef[zigzag[k]]
		if *c == 0 {
			if zeros == 0 {
				break
			}
			zeros--
			continue
		}
		if r.n < 1 {
			r.fill()
		}
		if r.take(1) == 0 {
			continue
		}
		if *c > 0 {
			*c += bit
		} else {
			*c -= bit
		}
	}
	return k
}
