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
		case r.at+1 < len(r.data) && r.data[r.at+1] == 0:
			b = 0xFF
			r.at += 2
		default: // a marker, or half of one
			r.pad += 8
		}
		r.acc |= b << uint(56-r.n)
		r.n += 8
	}
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

// symbol decodes the next code; fill before. ok is false if there is no such
// code.
func (r *reader) symbol(h *huffman) (symbol byte, ok bool) {
	e := h.fast[r.acc>>(64-lookBits)]
	if e&flagCode != 0 {
		r.acc <<= e & 31
		r.n -= int(e & 31)
		return byte(e >> 8), true
	}
	if e != 0 { // the number's bits are counted in: take the code alone
		n := uint(e&31) - uint(e>>8&15)
		r.acc <<= n
		r.n -= int(n)
		return byte(e >> 8), true
	}
	symbol, n := h.long(uint32(r.acc >> 48))
	if n > 16 {
		return 0, false
	}
	r.acc <<= uint(n)
	r.n -= n
	return symbol, true
}

// restartMarker passes over the rest of the last byte and the marker that must
// follow, number k of 0 to 7.
func (r *reader) restartMarker(k int) bool {
	// Whole bytes loaded but not taken go back; none of them was made up, and a
	// stuffed 0xFF among them took two.
	left := r.n / 8
	if r.pad > 0 {
		if r.overrun() {
			return false
		}
		left = (r.n - r.pad) / 8
	}
	for ; left > 0; left-- {
		r.at--
		if r.data[r.at] == 0 && r.at > 0 && r.data[r.at-1] == 0xFF {
			r.at--
		}
	}
	if r.at+2 > len(r.data) || r.data[r.at] != 0xFF || r.data[r.at+1] != byte(mRST0+k) {
		return false
	}
	r.at += 2
	r.acc, r.n, r.pad = 0, 0, 0
	return true
}

// position is where the data behind the bits taken begins.
func (r *reader) position() int {
	at := r.at
	for left := (r.n - r.pad) / 8; left > 0; left-- {
		at--
		if r.data[at] == 0 && at > 0 && r.data[at-1] == 0xFF {
			at--
		}
	}
	return at
}
