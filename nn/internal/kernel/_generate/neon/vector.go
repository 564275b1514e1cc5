package main

import "fmt"

// vectorAll writes what streams through memory, eight floats a turn, and the
// other small kernels.
func vectorAll(s *source) {
	leaky(s)
	add(s)
	scale(s)
	sum(s)
	split(s)
	maxPool(s)
	resize(s)
	linear(s)
	curveAll(s)
}

// args loads the arguments of a function that are addresses and numbers, in the
// order of its signature, to R0 and on.
func (s *source) args(names ...string) {
	for i, name := range names {
		s.op("MOVD %s+%d(FP), R%d", name, 8*i, i)
	}
}

// floatArg spreads a float32 argument over v.
func (s *source) floatArg(name string, off, v int) {
	s.op("FMOVS %s+%d(FP), F%d", name, off, v)
	s.op("VDUP V%d.S[0], V%d.S4", v, v)
}

// next ends a loop that counts floats down in register n.
func (s *source) next(n string) {
	s.op("SUBS $8, %s, %s", n, n)
	s.op("BNE next")
}

func leaky(s *source) {
	s.fn("leakyNEON", "(x *byte, n int, slope float32)", "sets x = max(x, slope*x) for n floats, a multiple of 8 as in all functions of this file.", 20)
	s.args("x", "n")
	s.floatArg("slope", 16, 31)
	s.label("next")
	s.loads("R0", 0, []int{0, 1})
	s.leaky([]int{0, 1}, 31, []int{2, 3})
	s.op("FSTPQ.P (F0, F1), 32(R0)")
	s.next("R1")
	s.op("RET")
}

func add(s *source) {
	s.fn("addNEON", "(out, a, b *byte, n int, slope float32)", "sets out = max(a+b, slope*(a+b)) for n floats.", 36)
	s.args("out", "a", "b", "n")
	s.floatArg("slope", 32, 31)
	s.label("next")
	s.op("FLDPQ.P 32(R1), (F0, F1)")
	s.op("FLDPQ.P 32(R2), (F2, F3)")
	s.fadd(0, 0, 2)
	s.fadd(1, 1, 3)
	s.leaky([]int{0, 1}, 31, []int{2, 3})
	s.op("FSTPQ.P (F0, F1), 32(R0)")
	s.next("R3")
	s.op("RET")
}

func scale(s *source) {
	s.fn("scaleNEON", "(out, in *byte, n int, f float32)", "sets out = in * f for n floats.", 28)
	s.args("out", "in", "n")
	s.floatArg("f", 24, 31)
	s.label("next")
	s.op("FLDPQ.P 32(R1), (F0, F1)")
	s.fmul(0, 0, 31)
	s.fmul(1, 1, 31)
	s.op("FSTPQ.P (F0, F1), 32(R0)")
	s.next("R2")
	s.op("RET")
}

func sum(s *source) {
	s.fn("sumNEON", "(x *byte, n int) float32", "returns the sum of n floats.", 20)
	s.args("x", "n")
	s.op("VEOR V0.B16, V0.B16, V0.B16")
	s.op("VEOR V1.B16, V1.B16, V1.B16")
	s.label("next")
	s.op("FLDPQ.P 32(R0), (F2, F3)")
	s.fadd(0, 0, 2)
	s.fadd(1, 1, 3)
	s.next("R1")
	s.fadd(0, 0, 1)
	s.faddp(0, 0, 0)
	s.faddp(0, 0, 0)
	s.op("FMOVS F0, ret+16(FP)")
	s.op("RET")
}

func split(s *source) {
	s.fn("splitNEON", "(even, odd, src *byte, n int)", "sets even[i] = src[2*i] and odd[i] = src[2*i+1] for n floats each.", 32)
	s.args("even", "odd", "src", "n")
	s.label("next")
	s.op("VLD2.P 32(R2), [V0.S4, V1.S4]")
	s.op("VLD2.P 32(R2), [V2.S4, V3.S4]")
	s.op("FSTPQ.P (F0, F2), 32(R0)")
	s.op("FSTPQ.P (F1, F3), 32(R1)")
	s.next("R3")
	s.op("RET")
}

// maxPool does a row of the 3x3 max-pool with stride 2. The odd columns of a
// block are carried over to the next, whose first window begins with their last
// one.
func maxPool(s *source) {
	s.fn("maxPoolNEON", "(out, a, b, c *byte, blocks, last int, inside *byte)",
		"sets out[i] to the greatest of columns 2*i-1 to 2*i+1 of rows a, b and c in blocks of four outputs. The last block has last outputs; inside is the mask of those whose right column lies in the row.", 56)
	s.args("out", "a", "b", "c", "blocks", "last", "inside")
	const before, inside, infinity = 31, 30, 0xff800000
	s.op("MOVD $0x%x, R7", infinity)
	s.op("VDUP R7, V%d.S4", before)
	s.loads("R6", 0, []int{inside})
	block := func(isLast bool) {
		for i := range 3 {
			s.op("VLD2.P 32(R%d), [V%d.S4, V%d.S4]", 1+i, 2*i, 2*i+1)
		}
		for i := range 2 {
			s.fmax(i, i, i+2)
			s.fmax(i, i, i+4)
		}
		if isLast {
			s.op("VBIF V%d.B16, V0.B16, V1.B16", inside)
		}
		s.op("VEXT $12, V1.B16, V%d.B16, V2.B16", before)
		s.fmax(0, 0, 1)
		s.fmax(0, 0, 2)
	}
	s.op("SUBS $1, R4, R4")
	s.op("BEQ last")
	s.label("next")
	block(false)
	s.move(1, before)
	s.op("FMOVQ.P F0, 16(R0)")
	s.op("SUBS $1, R4, R4")
	s.op("BNE next")
	s.label("last")
	block(true)
	s.op("CMP $4, R5")
	s.op("BNE part")
	s.op("FMOVQ F0, (R0)")
	s.op("RET")
	s.label("part")
	s.storePart(0, "R0", 0, "R5", "R7", "done")
	s.op("RET")
}

// Offsets of resizeBlock and its size.
const (
	blockIn, blockOut      = 0, 4
	blockA, blockB, blockT = 8, 40, 72
	blockSize              = 104
)

// resize mixes the rows of eight inputs, then looks up the two neighbours of
// every output among the results.
func resize(s *source) {
	s.fn("resizeNEON", "(out, upper, lower, blocks *byte, n int, t float32)", "does n blocks of eight outputs of one row; t is the share of the lower input row.", 44)
	s.args("out", "upper", "lower", "blocks", "n")
	s.floatArg("t", 40, 31)
	s.label("next")
	s.op("MOVWU %d(R3), R5", blockIn)
	s.op("MOVWU %d(R3), R6", blockOut)
	s.op("ADD R5, R1, R7")
	s.op("ADD R5, R2, R8")
	s.op("ADD R6, R0, R9")
	s.loads("R7", 0, []int{0, 1})
	s.loads("R8", 0, []int{2, 3})
	s.op("ADD $%d, R3, R10", blockA)
	s.loads("R10", 0, []int{4, 5, 6, 7, 16, 17}) // a, b and t are neighbours
	for i := range 2 {
		s.fsub(2+i, 2+i, i)
		s.fmla(i, 2+i, 31, 0)
	}
	for i := range 2 {
		s.op("VTBL V%d.B16, [V0.B16, V1.B16], V%d.B16", 4+i, 18+i)
		s.op("VTBL V%d.B16, [V0.B16, V1.B16], V%d.B16", 6+i, 20+i)
	}
	for i := range 2 {
		s.fsub(20+i, 20+i, 18+i)
		s.op("VFMLA V%d.S4, V%d.S4, V%d.S4", 16+i, 20+i, 18+i)
	}
	s.stores("R9", 0, []int{18, 19})
	s.op("ADD $%d, R3, R3", blockSize)
	s.op("SUBS $1, R4, R4")
	s.op("BNE next")
	s.op("RET")
}

// linear reads weights once, so it is memory that limits it; two sums a row keep
// enough additions in flight.
func linear(s *source) {
	const rows, vector = 8, 16
	s.fn("linearNEON", "(sums, w, x *byte, n int)", fmt.Sprintf("sets %d sums to the products of interleaved rows of w and the n values of x, n a multiple of %d.", rows, vector), 32)
	s.args("sums", "w", "x", "n")
	for i := range 2 * rows {
		s.op("VEOR V%d.B16, V%d.B16, V%d.B16", i, i, i)
	}
	s.label("next")
	s.op("FLDPQ.P 32(R2), (F16, F17)")
	s.op("FLDPQ.P 32(R2), (F18, F19)")
	for r := range rows {
		w := 20 + 4*(r%3)
		s.loads("R1", 4*vector*r, sequence(w, 4))
		for i := range 4 {
			s.op("VFMLA V%d.S4, V%d.S4, V%d.S4", 16+i, w+i, 2*r+i%2)
		}
	}
	s.op("ADD $%d, R1, R1", 4*vector*rows)
	s.op("SUBS $%d, R3, R3", vector)
	s.op("BNE next")
	for r := range rows {
		s.fadd(r, 2*r, 2*r+1)
	}
	for n := rows; n > 2; n /= 2 {
		for r := range n / 2 {
			s.faddp(r, 2*r, 2*r+1)
		}
	}
	s.stores("R0", 0, []int{0, 1})
	s.op("RET")
}
