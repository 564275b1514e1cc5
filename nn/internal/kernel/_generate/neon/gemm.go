package main

import "fmt"

// Offsets of gemmArgs.
const (
	argIn     = 0
	argOut    = 8
	argRes    = 16
	argW      = 24
	argBias   = 32
	argK      = 40
	argTiles  = 48
	argInOff  = 56
	argOutOff = 64
	argLast   = 72
	argSlope  = 80
	argHSwish = 84
)

// gemmKernel is a micro-kernel of rows outputs and vectors of four pixels.
type gemmKernel struct{ rows, vectors int }

func (k gemmKernel) name() string { return fmt.Sprintf("gemmNEONr%dv%d", k.rows, k.vectors) }

// weights is the number of registers that hold the weights of two inputs.
func (k gemmKernel) weights() int { return (k.rows + 1) / 2 }

// gemmKernels lists the shapes that fit 32 registers: sums, a row of inputs,
// and the weights of two inputs. The widest ones for few and for many rows, 4x6,
// 6x4 and 8x3, hold 24 sums each.
func gemmKernels() []gemmKernel {
	var list []gemmKernel
	for rows := 1; rows <= 8; rows++ {
		for vectors := 1; vectors <= 6; vectors++ {
			k := gemmKernel{rows, vectors}
			if k.rows*k.vectors <= 24 && k.rows*k.vectors+k.vectors+k.weights() <= 32 {
				list = append(list, k)
			}
		}
	}
	return list
}

// vectors of a GEMM kernel: sums from 0, then inputs, then weights.
func (k gemmKernel) sum(row, v int) int { return row*k.vectors + v }

func (k gemmKernel) inputs() []int { return sequence(k.rows*k.vectors, k.vectors) }

func (k gemmKernel) weight(i int) (register, lane int) {
	return k.rows*k.vectors + k.vectors + i/4, i % 4
}

func sequence(first, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = first + i
	}
	return list
}

// generate writes the kernel. Two inputs are done a turn: their addresses come
// in one load, and the weights of two fill registers better than those of one.
// The last turn has its own code, which loads nothing for a next one.
// Weights are multiplied as lanes of a register, without being spread.
func (k gemmKernel) generate(s *source) {
	s.fn(k.name(), "(a *byte)", fmt.Sprintf("does row tiles of %d outputs for %d vectors of pixels.", k.rows, k.vectors), 8)
	s.op("MOVD a+0(FP), R0")
	for i, off := range []int{argIn, argOut, argRes, argW, argBias, argK, argTiles, argInOff, argOutOff, argLast} {
		s.op("MOVD %d(R0), R%d", off, i+1)
	}
	const (
		in, out, res, w, bias = "R1", "R2", "R3", "R4", "R5"
		count, tiles          = "R6", "R7"
		inOff, outOff, last   = "R8", "R9", "R10"
		cursor, pairs         = "R11", "R12"
		first, second, temp   = "R13", "R14", "R15"
		slope                 = "R16"
	)
	s.op("ADD $%d, R0, %s", argSlope, slope)

	s.label("tile")
	for row := range k.rows {
		s.op("VLD1R.P 4(%s), [V%d.S4]", bias, k.sum(row, 0))
		for v := 1; v < k.vectors; v++ {
			s.move(k.sum(row, 0), k.sum(row, v))
		}
	}
	s.op("MOVD %s, %s", in, cursor)
	s.op("LSR $1, %s, %s", count, pairs)
	s.op("CBZ %s, odd", pairs)
	s.op("LDP.P 16(%s), (%s, %s)", cursor, first, second)
	k.loadWeights(s, w, 0, 4*k.early())
	s.op("ADD %s, %s, %s", inOff, first, first)
	s.loads(first, 0, k.inputs())
	s.op("SUBS $1, %s, %s", pairs, pairs)
	s.op("BEQ last")

	for _, turn := range []string{"pair", "last"} {
		s.label(turn)
		k.loadWeights(s, w, 4*k.early(), 2*k.rows)
		s.op("ADD %s, %s, %s", inOff, second, second)
		k.step(s, 0, second)
		if turn == "last" {
			k.step(s, k.rows, "")
			break
		}
		s.op("LDP.P 16(%s), (%s, %s)", cursor, first, second)
		s.op("SUBS $1, %s, %s", pairs, pairs)
		k.loadWeights(s, w, 0, 4*k.early())
		s.op("ADD %s, %s, %s", inOff, first, first)
		k.step(s, k.rows, first)
		s.op("BNE pair")
	}

	s.label("odd")
	s.op("TBZ $0, %s, finish", count)
	s.op("MOVD (%s), %s", cursor, first)
	k.loadWeights(s, w, 0, k.rows)
	s.op("ADD %s, %s, %s", inOff, first, first)
	s.loads(first, 0, k.inputs())
	k.step(s, 0, "")

	s.label("finish")
	s.op("CBZ %s, activate", res)
	for row := range k.rows {
		s.op("MOVD.P 8(%s), %s", res, first)
		s.op("ADD %s, %s, %s", outOff, first, first)
		s.loads(first, 0, k.inputs())
		for v, x := range k.inputs() {
			s.fadd(k.sum(row, v), k.sum(row, v), x)
		}
	}
	s.label("activate")
	// Inputs and weights are done with, so their registers are free.
	sums := k.rows * k.vectors
	s.op("MOVWU %d(R0), %s", argHSwish, temp)
	s.op("CBNZ %s, hswish", temp)
	s.broadcast(sums, slope)
	s.leaky(sequence(0, sums), sums, sequence(sums+1, k.vectors+k.weights()-1))
	s.label("store")
	s.op("CMP $4, %s", last)
	s.op("BNE part")
	for row := range k.rows {
		k.store(s, row, out, outOff, first, k.vectors)
	}
	s.op("SUBS $1, %s, %s", tiles, tiles)
	s.op("BNE tile")
	s.op("RET")

	s.label("hswish")
	s.hswish(sequence(0, sums), sequence(sums, 32-sums), temp)
	s.op("B store")

	s.label("part")
	for row := range k.rows {
		k.store(s, row, out, outOff, first, k.vectors-1)
		s.storePart(k.sum(row, k.vectors-1), first, 16*(k.vectors-1), last, temp, fmt.Sprintf("row%d", row))
	}
	s.op("SUBS $1, %s, %s", tiles, tiles)
	s.op("BNE tile")
	s.op("RET")
}

// early is how many registers of weights only the first of two inputs needs.
// While the second is added, they are filled for the next turn.
func (k gemmKernel) early() int { return k.rows / 4 }

// loadWeights reads the weights from to to-1 of a turn, no more, because the
// last ones end the slice.
func (k gemmKernel) loadWeights(s *source, w string, from, to int) {
	register, _ := k.weight(from)
	n := to - from
	for ; n >= 8; n -= 8 {
		s.op("FLDPQ.P 32(%s), (F%d, F%d)", w, register, register+1)
		register += 2
	}
	if n >= 4 {
		s.op("FMOVQ.P 16(%s), F%d", w, register)
		register, n = register+1, n-4
	}
	if n >= 2 {
		s.op("FMOVD.P 8(%s), F%d", w, register)
	}
	switch n {
	case 1:
		s.op("FMOVS.P 4(%s), F%d", w, register)
	case 3:
		s.op("VLD1.P 4(%s), V%d.S[2]", w, register)
	}
}

// step adds one input, whose weights begin at weight. As soon as two vectors of
// it are done with, those of the input at next take their place, unless next is
// empty: cores that do not reorder instructions need the loads this early.
func (k gemmKernel) step(s *source, weight int, next string) {
	for v, x := range k.inputs() {
		for row := range k.rows {
			register, lane := k.weight(weight + row)
			s.fmla(k.sum(row, v), x, register, lane)
		}
		if next == "" {
			continue
		}
		if v%2 == 1 {
			s.loads(next, 16*(v-1), []int{x - 1, x})
		} else if v == k.vectors-1 {
			s.loads(next, 16*v, []int{x})
		}
	}
}

// store writes the first n vectors of a row of sums and leaves the address of
// the row in addr.
func (k gemmKernel) store(s *source, row int, out, outOff, addr string, n int) {
	s.op("MOVD.P 8(%s), %s", out, addr)
	s.op("ADD %s, %s, %s", outOff, addr, addr)
	s.stores(addr, 0, sequence(k.sum(row, 0), n))
}
