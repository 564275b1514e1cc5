package main

import "fmt"

// Instructions on integers that Go's assembler lacks, in the syntax of the manual.

// sdot adds the products of four bytes of n and the four bytes of lane of m to each
// 32-bit lane of d (FEAT_DotProd).
func (s *source) sdot(d, n, m, lane int) {
	code := 0x4f80e000 | uint32(lane&1)<<21 | uint32(m)<<16 | uint32(lane>>1)<<11 | uint32(n)<<5 | uint32(d)
	s.word(code, "sdot v%d.4s, v%d.16b, v%d.4b[%d]", d, n, m, lane)
}

func (s *source) pair(code uint32, format string, d, n int) {
	s.word(code|uint32(n)<<5|uint32(d), format, d, n)
}

func (s *source) operands(code uint32, format string, d, n, m int) {
	s.word(code|uint32(m)<<16|uint32(n)<<5|uint32(d), format, d, n, m)
}

func (s *source) scvtf(d, n int) { s.pair(0x4e21d800, "scvtf v%d.4s, v%d.4s", d, n) }

// narrow saturates the 32-bit lanes of n to the lower, or upper, 16-bit lanes of d.
func (s *source) narrow(d, n int, upper bool) {
	if upper {
		s.pair(0x4e614800, "sqxtn2 v%d.8h, v%d.4s", d, n)
	} else {
		s.pair(0x0e614800, "sqxtn v%d.4h, v%d.4s", d, n)
	}
}

// narrowToBytes saturates the 16-bit lanes of n to unsigned bytes.
func (s *source) narrowToBytes(d, n int, upper bool) {
	if upper {
		s.pair(0x6e212800, "sqxtun2 v%d.16b, v%d.8h", d, n)
	} else {
		s.pair(0x2e212800, "sqxtun v%d.8b, v%d.8h", d, n)
	}
}

func (s *source) addWords(d, n, m int) {
	s.operands(0x4e600c00, "sqadd v%d.8h, v%d.8h, v%d.8h", d, n, m)
}

func (s *source) fmlaAll(d, n, m int) { s.three(0x4e20cc00, "fmla", d, n, m) }

// dot is what the int8 kernels multiply with.
type dot struct {
	name    string // in the kernels' names
	native  bool   // SDOT; else four instructions that every processor has
	matrix  bool   // SMMLA, in GEMMs only
	scratch int    // registers it takes
}

var (
	smmlaKernels = dot{name: "SMMLA", matrix: true}
	sdotKernels  = dot{name: "SDOT", native: true}
	baseKernels  = dot{name: "Int8NEON", scratch: 3}
)

// smmla adds to d, a matrix of two by two, the products of eight bytes in two rows of
// n and of m (FEAT_I8MM).
func (s *source) smmla(d, n, m int) {
	s.operands(0x4e80a400, "smmla v%d.4s, v%d.16b, v%d.16b", d, n, m)
}

// multiply adds lane of m times the bytes of inputs to sums; free are registers.
// Two products of a byte and a weight fit 16 bits, because -128 meets no -128.
func (t dot) multiply(s *source, sums, inputs []int, m, lane int, free []int) {
	if t.native {
		for i, d := range sums {
			s.sdot(d, inputs[i], m, lane)
		}
		return
	}
	low, high, weight := free[0], free[1], free[2]
	s.op("VDUP V%d.S[%d], V%d.S4", m, lane, weight)
	for i, d := range sums {
		s.operands(0x0e20c000, "smull v%d.8h, v%d.8b, v%d.8b", low, inputs[i], weight)
		s.operands(0x4e20c000, "smull2 v%d.8h, v%d.16b, v%d.16b", high, inputs[i], weight)
		s.operands(0x4e60bc00, "addp v%d.8h, v%d.8h, v%d.8h", low, low, high)
		s.pair(0x4e606800, "sadalp v%d.4s, v%d.8h", d, low)
	}
}

// Offsets of dotArgs.
const (
	dotX      = 0
	dotOut    = 8
	dotRes    = 16
	dotW      = 24
	dotAfter  = 32
	dotSteps  = 40
	dotTiles  = 48
	dotOutOff = 56
	dotLast   = 64
	dotSlope  = 72
	dotHSwish = 76
	dotBytes  = 80
	dotResOff = 88
)

// Lanes of the first 16 bytes of dotAfterSum, and what follows.
const (
	afterStart   = 0
	afterScale   = 1
	afterBias    = 2
	afterZero    = 3
	afterInverse = 16
	afterSize    = 20
)

// dotKernel is an int8 GEMM of rows outputs and vectors of four pixels.
type dotKernel struct {
	dot
	rows, vectors int
}

func (k dotKernel) kernel() string { return fmt.Sprintf("gemm%sr%dv%d", k.name, k.rows, k.vectors) }

// rounded is the number of rows that there are weights of: SMMLA takes two.
func (k dotKernel) rounded() int {
	if k.matrix {
		return (k.rows + 1) / 2 * 2
	}
	return k.rows
}

// weights is the number of registers of weights.
func (k dotKernel) weights() int {
	if k.matrix {
		return k.rounded() / 2
	}
	return (k.rows + 3) / 4
}

// inputs is the number of registers of inputs.
func (k dotKernel) inputs() int {
	if k.matrix {
		return 2 * k.vectors
	}
	return k.vectors
}

// dotKernels lists the shapes that fit 32 registers.
func dotKernels(t dot) []dotKernel {
	var list []dotKernel
	for rows := 1; rows <= 8; rows++ {
		for vectors := 1; vectors <= 6; vectors++ {
			k := dotKernel{t, rows, vectors}
			if k.rounded()*vectors <= 24 && k.rounded()*vectors+k.inputs()+k.weights()+max(t.scratch, 1) <= 32 {
				list = append(list, k)
			}
		}
	}
	return list
}

func (k dotKernel) sums(row int) []int { return sequence(row*k.vectors, k.vectors) }

// free are the registers behind the sums.
func (k dotKernel) free() []int { return sequence(k.rounded()*k.vectors, 32-k.rounded()*k.vectors) }

func int8All(s *source) {
	s.hswishConstants()
	quadsData(s)
	for vectors := 1; vectors <= 6; vectors++ {
		packFloats(s, vectors, false)
		packBytes(s, vectors, false)
		packFloats(s, vectors, true)
		packBytes(s, vectors, true)
	}
	for _, t := range []dot{smmlaKernels, sdotKernels, baseKernels} {
		for _, k := range dotKernels(t) {
			k.generate(s)
		}
	}
}

const (
	gX, gOut, gRes, gW, gAfter   = "R1", "R2", "R3", "R4", "R5"
	gSteps, gTiles, gOutOff      = "R6", "R7", "R8"
	gLast, gSlope, gBytes, gRes2 = "R9", "R10", "R11", "R12"
	gCursor, gCount, gAddr, gTmp = "R13", "R14", "R15", "R16"
)

// generate writes the kernel: sums in registers over all steps, then floats, bias,
// residual and activation, and bytes if outputs are.
func (k dotKernel) generate(s *source) {
	s.fn(k.kernel(), "(a *byte)", fmt.Sprintf("does row tiles of %d outputs for %d vectors of pixels.", k.rows, k.vectors), 8)
	s.op("MOVD a+0(FP), R0")
	for i, off := range []int{dotX, dotOut, dotRes, dotW, dotAfter, dotSteps, dotTiles, dotOutOff, dotLast} {
		s.op("MOVD %d(R0), R%d", off, i+1)
	}
	s.op("ADD $%d, R0, %s", dotSlope, gSlope)
	s.op("MOVD %d(R0), %s", dotBytes, gBytes)
	s.op("MOVD %d(R0), %s", dotResOff, gRes2)
	free := k.free()
	inputs, free := free[:k.inputs()], free[k.inputs():]
	weights, scratch := free[:k.weights()], free[k.weights():]

	s.label("tile")
	for row := range k.rounded() {
		if row < k.rows {
			s.op("FMOVQ %d(%s), F%d", row*afterSize, gAfter, inputs[0])
		}
		for _, d := range k.sums(row) {
			s.op("VDUP V%d.S[%d], V%d.S4", inputs[0], afterStart, d)
		}
	}
	if k.matrix {
		k.blocks(s, inputs[0])
	}
	s.op("MOVD %s, %s", gX, gCursor)
	s.op("MOVD %s, %s", gSteps, gCount)
	s.label("step")
	s.loads(gCursor, 0, inputs)
	s.loads(gW, 0, weights)
	s.op("ADD $%d, %s, %s", 16*k.inputs(), gCursor, gCursor)
	if k.matrix {
		s.op("ADD $%d, %s, %s", 16*k.weights(), gW, gW)
	} else {
		s.op("ADD $%d, %s, %s", 4*k.rows, gW, gW)
	}
	s.op("SUBS $1, %s, %s", gCount, gCount)
	if k.matrix {
		for v := range k.vectors {
			for row := 0; row < k.rounded(); row += 2 {
				s.smmla(k.sums(row)[v], weights[row/2], inputs[2*v])
				s.smmla(k.sums(row + 1)[v], weights[row/2], inputs[2*v+1])
			}
		}
	} else {
		for row := range k.rows {
			k.multiply(s, k.sums(row), inputs, weights[row/4], row%4, scratch)
		}
	}
	s.op("BNE step")
	if k.matrix {
		k.blocks(s, inputs[0])
	}

	s.op("CBNZ %s, bytes", gBytes)
	k.floats(s)
	k.next(s)
	s.label("bytes")
	k.bytes(s)
	k.next(s)
}

// blocks turns two rows of four pixels into two blocks of two rows and two pixels,
// as SMMLA has them, or back: it swaps the inner halves.
func (k dotKernel) blocks(s *source, temp int) {
	for row := 0; row < k.rounded(); row += 2 {
		for v, a := range k.sums(row) {
			b := k.sums(row + 1)[v]
			s.op("VZIP1 V%d.D2, V%d.D2, V%d.D2", b, a, temp)
			s.op("VZIP2 V%d.D2, V%d.D2, V%d.D2", b, a, b)
			s.move(temp, a)
		}
	}
}

// next goes on to the next row tile.
func (k dotKernel) next(s *source) {
	s.op("ADD $%d, %s, %s", k.rows*afterSize, gAfter, gAfter)
	s.op("SUBS $1, %s, %s", gTiles, gTiles)
	s.op("BNE tile")
	s.op("RET")
}

// floats ends a tile whose outputs are float32.
func (k dotKernel) floats(s *source) {
	free := k.free()
	e, scale, bias := free[0], free[1], free[2]
	for row := range k.rows {
		s.op("FMOVQ %d(%s), F%d", row*afterSize, gAfter, e)
		s.op("VDUP V%d.S[%d], V%d.S4", e, afterScale, scale)
		s.op("VDUP V%d.S[%d], V%d.S4", e, afterBias, bias)
		for _, d := range k.sums(row) {
			s.scvtf(d, d)
		}
		for _, d := range k.sums(row) {
			s.fmul(d, d, scale)
		}
		for _, d := range k.sums(row) {
			s.fadd(d, d, bias)
		}
	}
	s.op("CBZ %s, activate", gRes)
	for row := range k.rows {
		s.op("MOVD.P 8(%s), %s", gRes, gAddr)
		s.op("ADD %s, %s, %s", gOutOff, gAddr, gAddr)
		for v, d := range k.sums(row) {
			s.loads(gAddr, 16*v, free[:1])
			s.fadd(d, d, free[0])
		}
	}
	s.label("activate")
	all := sequence(0, k.rows*k.vectors)
	s.op("MOVWU %d(R0), %s", dotHSwish, gTmp)
	s.op("CBNZ %s, hswish", gTmp)
	s.broadcast(free[0], gSlope)
	s.leaky(all, free[0], free[1:])
	s.label("store")
	s.op("CMP $4, %s", gLast)
	s.op("BNE part")
	for row := range k.rows {
		k.row(s, gOut, gOutOff)
		s.stores(gAddr, 0, k.sums(row))
	}
	s.op("B stored")
	s.label("hswish")
	s.hswish(all, free, gTmp)
	s.op("B store")
	s.label("part")
	for row := range k.rows {
		k.row(s, gOut, gOutOff)
		s.stores(gAddr, 0, k.sums(row)[:k.vectors-1])
		s.storePart(k.sums(row)[k.vectors-1], gAddr, 16*(k.vectors-1), gLast, gTmp, fmt.Sprintf("row%d", row))
	}
	s.label("stored")
}

// row leaves the address of the next row of a table in gAddr.
func (k dotKernel) row(s *source, table, off string) {
	s.op("MOVD.P 8(%s), %s", table, gAddr)
	s.op("ADD %s, %s, %s", off, gAddr, gAddr)
}

// bytes ends a tile whose outputs are bytes.
func (k dotKernel) bytes(s *source) {
	free := k.free()
	e, scale, bias, t := free[0], free[1], free[2], free[3]
	for row := range k.rows {
		s.op("FMOVQ %d(%s), F%d", row*afterSize, gAfter, e)
		s.op("VDUP V%d.S[%d], V%d.S4", e, afterScale, scale)
		s.op("VDUP V%d.S[%d], V%d.S4", e, afterBias, bias)
		for _, d := range k.sums(row) {
			s.scvtf(d, d)
			s.move(bias, t)
			s.fmlaAll(t, d, scale)
			s.move(t, d)
		}
	}
	s.op("CBZ %s, activateBytes", gRes)
	for row := range k.rows {
		s.op("ADD $%d, %s, %s", row*afterSize+afterInverse, gAfter, gTmp)
		s.op("VLD1R (%s), [V%d.S4]", gTmp, scale)
		k.row(s, gRes, gRes2)
		for v, d := range k.sums(row) {
			s.loads(gAddr, 16*v, []int{e})
			s.fmlaAll(d, e, scale)
		}
	}
	s.label("activateBytes")
	s.op("MOVWU (%s), %s", gSlope, gTmp)
	s.op("MOVW $0x3f800000, %s", gAddr)
	s.op("CMPW %s, %s", gAddr, gTmp)
	s.op("BEQ round")
	s.broadcast(e, gSlope)
	s.leaky(sequence(0, k.rows*k.vectors), e, free[1:])
	s.label("round")
	for row := range k.rows {
		s.op("FMOVQ %d(%s), F%d", row*afterSize, gAfter, e)
		s.op("VDUP V%d.S[%d], V%d.S4", e, afterZero, bias)
		k.row(s, gOut, gOutOff)
		sums := k.sums(row)
		for _, d := range sums {
			s.fcvtns(d, d)
		}
		for v := 0; v < k.vectors; v += 2 {
			s.narrow(t, sums[v], false)
			if v+1 < k.vectors {
				s.narrow(t, sums[v+1], true)
			}
			s.addWords(t, t, bias)
			s.narrowToBytes(t, t, false)
			if v+1 < k.vectors {
				s.op("FMOVD F%d, %d(%s)", t, 4*v, gAddr)
			} else {
				s.op("FMOVS F%d, %d(%s)", t, 4*v, gAddr)
			}
		}
	}
}

// Offsets of packArgs.
const (
	packIn      = 0
	packTo      = 8
	packSteps   = 16
	packInOff   = 24
	packInverse = 32
	packZero    = 36
)

// pack writes a kernel that lays inputs out: of four planes, in R6 to R9, four bytes
// of a pixel in a lane, moved from 0..255 to -128..127; for SMMLA eight bytes, of
// eight planes. quads leaves those of some vectors in registers.
func pack(s *source, name, doc string, vectors int, matrix bool, atOnce int, quads func(first, n int, to []int)) {
	if matrix {
		name, doc = name+"Pairs", doc+" Of eight planes, for SMMLA."
	}
	s.fn(fmt.Sprintf("%sv%d", name, vectors), "(a *byte)", fmt.Sprintf(doc, vectors), 8)
	s.op("MOVD a+0(FP), R0")
	for i, off := range []int{packIn, packTo, packSteps, packInOff} {
		s.op("MOVD %d(R0), R%d", off, i+1)
	}
	s.op("VMOVI $128, V31.B16")
	s.op("ADD $%d, R0, R5", packInverse)
	s.broadcast(30, "R5")
	s.op("ADD $%d, R0, R5", packZero)
	s.op("VLD1R (R5), [V29.H8]")
	s.op("MOVD $quads<>(SB), R5")
	s.op("VLD1 (R5), [V28.B16]")
	s.label("step")
	for first := 0; first < vectors; first += atOnce {
		n := min(atOnce, vectors-first)
		low, high := sequence(16, n), sequence(20, n)
		planes := func(off int, to []int) {
			s.op("LDP %d(R1), (R6, R7)", off)
			s.op("LDP %d(R1), (R8, R9)", off+16)
			for i := 6; i <= 9; i++ {
				s.op("ADD R4, R%d, R%d", i, i)
			}
			quads(first, n, to)
		}
		planes(0, low)
		if !matrix {
			s.stores("R2", 16*first, low)
			continue
		}
		planes(32, high)
		for i := range n {
			s.op("VZIP1 V%d.S4, V%d.S4, V%d.S4", high[i], low[i], 24)
			s.op("VZIP2 V%d.S4, V%d.S4, V%d.S4", high[i], low[i], 25)
			s.stores("R2", 32*(first+i), []int{24, 25})
		}
	}
	planes, size := 4, 16
	if matrix {
		planes, size = 8, 32
	}
	s.op("ADD $%d, R1, R1", 8*planes)
	s.op("ADD $%d, R2, R2", size*vectors)
	s.op("SUBS $1, R3, R3")
	s.op("BNE step")
	s.op("RET")
}

// quadsData is the byte order that turns four values of each of four channels into
// four quads.
func quadsData(s *source) {
	s.text.WriteString("\nDATA quads<>+0(SB)/8, $0x0d0905010c080400\nDATA quads<>+8(SB)/8, $0x0f0b07030e0a0602\nGLOBL quads<>(SB), RODATA|NOPTR, $16\n")
}

// packFloats writes the kernel that rounds planes of float32.
func packFloats(s *source, vectors int, matrix bool) {
	pack(s, "packFloats", "rounds planes of float32 and lays them out for %d vectors of pixels.", vectors, matrix, 1, func(first, _ int, to []int) {
		for i := range 4 {
			s.loads(fmt.Sprintf("R%d", 6+i), 16*first, []int{i})
		}
		for i := range 4 {
			s.fmul(i, i, 30)
		}
		for i := range 4 {
			s.fcvtns(i, i)
		}
		for i := range 4 {
			s.narrow(4+i/2, i, i%2 == 1)
		}
		for i := range 2 {
			s.addWords(4+i, 4+i, 29)
		}
		for i := range 2 {
			s.narrowToBytes(6, 4+i, i == 1)
		}
		s.op("VEOR V31.B16, V6.B16, V6.B16")
		s.op("VTBL V28.B16, [V6.B16], V%d.B16", to[0])
	})
}

// packBytes writes the kernel that interleaves planes of bytes.
func packBytes(s *source, vectors int, matrix bool) {
	pack(s, "packBytes", "lays planes of bytes out for %d vectors of pixels.", vectors, matrix, 4, func(first, n int, to []int) {
		for i := range 4 {
			s.op("FMOVQ %d(R%d), F%d", 4*first, 6+i, i)
		}
		for i := range 4 {
			s.op("VEOR V31.B16, V%d.B16, V%d.B16", i, i)
		}
		s.op("VZIP1 V1.B16, V0.B16, V4.B16")
		s.op("VZIP1 V3.B16, V2.B16, V5.B16")
		s.op("VZIP2 V1.B16, V0.B16, V6.B16")
		s.op("VZIP2 V3.B16, V2.B16, V7.B16")
		for v := range n {
			low := 4 + v/2*2
			s.op("VZIP%d V%d.H8, V%d.H8, V%d.H8", 1+v%2, low+1, low, to[v])
		}
	})
}
