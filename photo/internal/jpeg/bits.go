package jpeg

import (
	"encoding/binary"
)

// reader takes bits off entropy-coded data, which ends at a marker. Behind the
// end it hands out zeros; overrun tells afterwards.
type reader struct {
	data []byte
	at   int    // of the next byte to be loaded
	acc  uint64 // the next bits, left-aligned, zeros behind
	n    int    // how many there are
	pad  int    // how many of them, at the end, were made up
	bad  bool   // a code was met that no table has
}

// fill makes at least 48 bits ready.
func (r *reader) fill() {
	if r.at+8 <= len(r.data) {
		w := binary.BigEndian.Uint64(r.data[r.at:])
		// Is no byte 0xFF? A byte of ^w is zero then.
		if v := ^w; (v-0x0101010101010101)&^v&0x8080808080808080 == 0 {
			r.acc |= w >> uint(r.n)
			r.at += (63 - r.n) >> 3
			r.n |= 56
			return
		}
	}
	r.fillSlow()
}

func (r *reader) fillSlow() {
	// The quick form may have left bits behind those it counts.
	r.acc &= ^(^uint64(0) >> uint(r.n))
	for r.n <= 56 {
		b := uint64(0)
		switch {
		case r.at >= len(r.data):
			r.pad += 8
		case r.data[r.at] != 0xFF:
			b = uint64(r.data[r.at])
			r.at++
		case r.stuffed():
			b = 0xFF
			r.at += 2
		default: // a marker, or half of one
			r.pad += 8
		}
		r.acc |= b << uint(56-r.n)
		r.n += 8
	}
}

// stuffed reports whether the 0xFF at hand is data, which a zero follows. Fill bytes
// between are passed over.
func (r *reader) stuffed() bool {
	at := r.at + 1
	for at < len(r.data) && r.data[at] == 0xFF {
		at++
	}
	if at >= len(r.data) || r.data[at] != 0 {
		return false
	}
	r.at = at - 1
	return true
}

// overrun reports whether bits were taken that are not in the data.
func (r *reader) overrun() bool { return r.pad > r.n }

// take returns the next size bits, 0 to 16; fill before.
func (r *reader) take(size uint) uint32 {
	v := uint32(r.acc >> 1 >> (63 - size))
	r.acc <<= size
	r.n -= int(size)
	return v
}

// symbol decodes the next code; fill before. An impossible one is 17 bits long and
// means zero.
func (r *reader) symbol(h *huffman) (symbol byte) {
	e := h.fast[r.acc>>(64-lookBits)]
	if e&flagCode != 0 {
		r.acc <<= e & 31
		r.n -= int(e & 31)
		return byte(e >> 8)
	}
	if e != 0 { // the number's bits are counted in: take the code alone
		n := uint(e&31) - uint(e>>8&15)
		r.acc <<= n
		r.n -= int(n)
		return byte(e >> 8)
	}
	symbol, n := h.long(uint32(r.acc >> 48))
	r.bad = r.bad || n > 16
	r.acc <<= uint(n)
	r.n -= n
	return symbol
}

// drop forgets the bits that are left and goes back to where they were loaded from.
func (r *reader) drop() {
	r.at = r.position()
	r.acc, r.n, r.pad = 0, 0, 0
}

// next passes over bytes up to the next marker, which it returns: the end of the
// image if there is none.
func (r *reader) next() byte {
	for ; r.at+1 < len(r.data); r.at++ {
		if m := r.data[r.at+1]; r.data[r.at] == 0xFF && m != 0 && m != 0xFF {
			return m
		}
	}
	r.at = len(r.data)
	return mEOI
}

// position is where the data behind the bits taken begins.
func (r *reader) position() int {
	at := r.at
	if r.overrun() {
		return at
	}
	for left := (r.n - r.pad) / 8; left > 0; left-- {
		at--
		if r.data[at] == 0 && at > 0 && r.data[at-1] == 0xFF {
			at--
		}
	}
	return at
}
