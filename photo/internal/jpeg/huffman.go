package jpeg

// lookBits is the length of codes that one look decodes: all but a few per mille
// of a photo's.
const lookBits = 10

// huffman decodes one table's symbols. A symbol of a run and a size, or of a size
// alone, is followed by size bits of a number; where code and number fit into
// lookBits, fast has it all.
type huffman struct {
	fast   [1 << lookBits]entry
	values [256]byte
	// Codes of length n are below ceiling[n], bits left-aligned in 16; the
	// symbol of code x is values[x>>(16-n) + offset[n]].
	ceiling [18]uint32
	offset  [17]int32
}

// entry is what the next lookBits bits mean, in fields of a word: bits 0-7 how
// many bits to take off, 8-15 the symbol, 16-31 the number, if it is among the
// bits; otherwise flagCode is set and only the code is. Zero means a longer code.
type entry uint32

const flagCode = 1 << 7

// table is number n of those that the file has defined. Files without any, as
// webcams write them, mean the standard ones: the first for luma, the second for
// chroma.
func (d *decoder) table(defined *[4]*huffman, n byte, class int) *huffman {
	if defined[n] == nil && n < 2 {
		defined[n] = standard()[class][n]
	}
	return defined[n]
}

// extend is the number that size bits stand for.
func extend(bits uint32, size uint) int32 {
	if size == 0 {
		return 0
	}
	v := int32(bits)
	if bits>>(size-1) == 0 {
		v += -1<<size + 1
	}
	return v
}

func (d *decoder) huffmanTables(body []byte) error {
	for len(body) > 0 {
		if len(body) < 17 || body[0]>>4 > 1 || body[0]&15 > 3 {
			return damage("Huffman table of a wrong length or number")
		}
		total := 0
		for _, n := range body[1:17] {
			total += int(n)
		}
		if total == 0 || total > 256 || len(body) < 17+total {
			return damage("Huffman table of a wrong length")
		}
		h := newHuffman((*[16]byte)(body[1:17]), body[17:17+total])
		if h == nil {
			return damage("Huffman table with too many codes")
		}
		if body[0]>>4 == 0 {
			for _, size := range body[17 : 17+total] {
				if size > 15 {
					return damage("first coefficient of more than 15 bits")
				}
			}
			d.dc[body[0]&15] = h
		} else {
			d.ac[body[0]&15] = h
		}
		body = body[17+total:]
	}
	return nil
}

// newHuffman makes a table of the numbers of codes of each length and the
// symbols in their order, or nil if there are more codes than fit.
func newHuffman(counts *[16]byte, values []byte) *huffman {
	h := &huffman{}
	copy(h.values[:], values)
	code, index := uint32(0), 0
	for n := 1; n <= 16; n++ {
		h.offset[n] = int32(index) - int32(code)
		for range counts[n-1] {
			if code>>n != 0 {
				return nil
			}
			if n <= lookBits {
				h.spread(code, n, values[index])
			}
			code, index = code+1, index+1
		}
		h.ceiling[n] = code << (16 - n)
		code <<= 1
	}
	h.ceiling[17] = 1 << 16 // no code at all
	return h
}

// spread fills in all looks that begin with a code.
func (h *huffman) spread(code uint32, n int, symbol byte) {
	size := uint(symbol & 15)
	free := uint(lookBits - n)
	for rest := range uint32(1) << free {
		e := entry(symbol)<<8 | entry(n) | flagCode
		if size <= free {
			v := extend(rest>>(free-size), size)
			e = entry(uint32(v)<<16) | entry(symbol)<<8 | entry(n+int(size))
		}
		h.fast[code<<free|rest] = e
	}
}

// long finds a code among the upper 16 bits of look; n is 17 if there is none.
func (h *huffman) long(look uint32) (symbol byte, n int) {
	n = 1
	for look >= h.ceiling[n] {
		if n++; n == 17 {
			return 0, 17
		}
	}
	return h.values[uint8(int32(look>>(16-n))+h.offset[n])], n
}
