package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectorAll writes the kernels that stream through memory. Their speed is that
// of memory, so one AVX2 form serves both paths; n is a multiple of eight and
// the callers do what is left over in Go.
func vectorAll(c *build.Context) {
	addAVX2(c)
	leakyAVX2(c)
	scaleAVX2(c)
	sumAVX2(c)
	meansAVX512(c)
	index := lanePairs(c)
	splitAVX2(c)
	splitAVX512(c, index)
	maxPoolAVX2(c)
	maxPoolAVX512(c, index)
	resize(c, "resizeAVX2", ymm, 32)
	resize(c, "resizeAVX512", zmm, 64)
	linear(c, "linearAVX2", 2)
	linear(c, "linearAVX512", 1)
}

func start(c *build.Context, name, signature, doc string) {
	c.Function(name)
	c.Attributes(attrNoSplit)
	c.SignatureExpr(signature)
	c.Pragma("noescape")
	c.Doc(doc)
}

func param(c *build.Context, name string) reg.GPVirtual {
	r := c.GP64()
	c.Load(c.Param(name), r)
	return r
}

func broadcastParam(c *build.Context, name string, to reg.VecPhysical) {
	m, err := c.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	c.VBROADCASTSS(m.Addr, to)
}

func finish(c *build.Context) {
	c.VZEROUPPER()
	c.RET()
}

// leakyStore activates r with the slope in y15 and stores it; y14 is used.
func leakyStore(c *build.Context, r reg.VecPhysical, to operand.Mem) {
	c.VMULPS(r, reg.Y15, reg.Y14)
	c.VMAXPS(r, reg.Y14, r)
	c.VMOVUPS(r, to)
}

func addAVX2(c *build.Context) {
	start(c, "addAVX2", "func(out, x, y *byte, n int, slope float32)", "addAVX2 sets out = leaky(x + y).")
	out, x, y, n := param(c, "out"), param(c, "x"), param(c, "y"), param(c, "n")
	broadcastParam(c, "slope", reg.Y15)
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: x}, reg.Y0)
	c.VADDPS(operand.Mem{Base: y}, reg.Y0, reg.Y0)
	leakyStore(c, reg.Y0, operand.Mem{Base: out})
	for _, p := range []reg.GPVirtual{x, y, out} {
		c.ADDQ(operand.Imm(32), p)
	}
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

func leakyAVX2(c *build.Context) {
	start(c, "leakyAVX2", "func(x *byte, n int, slope float32)", "leakyAVX2 sets x = leaky(x).")
	x, n := param(c, "x"), param(c, "n")
	broadcastParam(c, "slope", reg.Y15)
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: x}, reg.Y0)
	leakyStore(c, reg.Y0, operand.Mem{Base: x})
	c.ADDQ(operand.Imm(32), x)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

func scaleAVX2(c *build.Context) {
	start(c, "scaleAVX2", "func(out, x *byte, n int, f float32)", "scaleAVX2 sets out = x * f.")
	out, x, n := param(c, "out"), param(c, "x"), param(c, "n")
	broadcastParam(c, "f", reg.Y15)
	c.Label("next")
	c.VMULPS(operand.Mem{Base: x}, reg.Y15, reg.Y0)
	c.VMOVUPS(reg.Y0, operand.Mem{Base: out})
	c.ADDQ(operand.Imm(32), x)
	c.ADDQ(operand.Imm(32), out)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

func sumAVX2(c *build.Context) {
	start(c, "sumAVX2", "func(x *byte, n int) float32", "sumAVX2 adds n values in eight partial sums.")
	x, n := param(c, "x"), param(c, "n")
	c.VXORPS(reg.Y0, reg.Y0, reg.Y0)
	c.Label("next")
	c.VADDPS(operand.Mem{Base: x}, reg.Y0, reg.Y0)
	c.ADDQ(operand.Imm(32), x)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	c.VEXTRACTF128(operand.Imm(1), reg.Y0, reg.X1)
	c.VADDPS(reg.X1, reg.X0, reg.X0)
	c.VHADDPS(reg.X0, reg.X0, reg.X0)
	c.VHADDPS(reg.X0, reg.X0, reg.X0)
	c.Store(reg.X0, c.ReturnIndex(0))
	finish(c)
}

// meansAVX512 adds sixteen partial sums, the last inputs under a mask; calls a
// plane would cost more than the work on planes of 7x7.
func meansAVX512(c *build.Context) {
	start(c, "meansAVX512", "func(out, in *byte, planes, n int, mask uint64, scale float32)",
		"meansAVX512 sets the value of every out plane to scale times the sum of the in plane: n vectors, of the last one the inputs of the mask.")
	outs, ins, planes, mask := param(c, "out"), param(c, "in"), param(c, "planes"), param(c, "mask")
	out, in, n := c.GP64(), c.GP64(), c.GP64()
	broadcastParam(c, "scale", reg.X3)
	c.KMOVW(mask.As32(), reg.K1)
	c.Label("plane")
	c.MOVQ(operand.Mem{Base: ins}, in)
	c.MOVQ(operand.Mem{Base: outs}, out)
	c.ADDQ(operand.Imm(8), ins)
	c.ADDQ(operand.Imm(8), outs)
	c.Load(c.Param("n"), n)
	c.VPXORD(reg.Z0, reg.Z0, reg.Z0)
	c.JMP(operand.LabelRef("count"))
	c.Label("next")
	c.VADDPS(operand.Mem{Base: in}, reg.Z0, reg.Z0)
	c.ADDQ(operand.Imm(64), in)
	c.Label("count")
	c.DECQ(n)
	c.JNE(operand.LabelRef("next"))
	c.VMOVUPS_Z(operand.Mem{Base: in}, reg.K1, reg.Z1)
	c.VADDPS(reg.Z1, reg.Z0, reg.Z0)
	c.VEXTRACTF64X4(operand.Imm(1), reg.Z0, reg.Y1)
	c.VADDPS(reg.Y1, reg.Y0, reg.Y0)
	c.VEXTRACTF128(operand.Imm(1), reg.Y0, reg.X1)
	c.VADDPS(reg.X1, reg.X0, reg.X0)
	c.VMOVHLPS(reg.X0, reg.X0, reg.X1)
	c.VADDPS(reg.X1, reg.X0, reg.X0)
	c.VMOVSHDUP(reg.X0, reg.X1)
	c.VADDSS(reg.X1, reg.X0, reg.X0)
	c.VMULSS(reg.X3, reg.X0, reg.X0)
	c.VMOVSS(reg.X0, operand.Mem{Base: out})
	c.DECQ(planes)
	c.JNE(operand.LabelRef("plane"))
	finish(c)
}

// evens gathers the even lanes of 16 floats given in two registers.
func evens(c *build.Context, lo, hi, to reg.VecPhysical) {
	c.VSHUFPS(operand.Imm(0x88), hi, lo, to)
	c.VPERMPD(operand.Imm(0xd8), to, to)
}

func odds(c *build.Context, lo, hi, to reg.VecPhysical) {
	c.VSHUFPS(operand.Imm(0xdd), hi, lo, to)
	c.VPERMPD(operand.Imm(0xd8), to, to)
}

func splitAVX2(c *build.Context) {
	start(c, "splitAVX2", "func(even, odd, src *byte, n int)", "splitAVX2 sets even[i] = src[2*i] and odd[i] = src[2*i+1].")
	even, odd, src, n := param(c, "even"), param(c, "odd"), param(c, "src"), param(c, "n")
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: src}, reg.Y0)
	c.VMOVUPS(operand.Mem{Base: src, Disp: 32}, reg.Y1)
	evens(c, reg.Y0, reg.Y1, reg.Y2)
	odds(c, reg.Y0, reg.Y1, reg.Y3)
	c.VMOVUPS(reg.Y2, operand.Mem{Base: even})
	c.VMOVUPS(reg.Y3, operand.Mem{Base: odd})
	c.ADDQ(operand.Imm(64), src)
	c.ADDQ(operand.Imm(32), even)
	c.ADDQ(operand.Imm(32), odd)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

// splitAVX512 does the same for n a multiple of sixteen.
func splitAVX512(c *build.Context, index [2]operand.Mem) {
	start(c, "splitAVX512", "func(even, odd, src *byte, n int)", "splitAVX512 sets even[i] = src[2*i] and odd[i] = src[2*i+1].")
	even, odd, src, n := param(c, "even"), param(c, "odd"), param(c, "src"), param(c, "n")
	c.VMOVUPS(index[0], reg.Z30)
	c.VMOVUPS(index[1], reg.Z29)
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: src}, reg.Z0)
	c.VMOVUPS(operand.Mem{Base: src, Disp: 64}, reg.Z1)
	c.PREFETCHT1(operand.Mem{Base: src, Disp: 4096})
	c.PREFETCHT1(operand.Mem{Base: src, Disp: 4160})
	c.VMOVAPS(reg.Z0, reg.Z2)
	c.VPERMT2PS(reg.Z1, reg.Z30, reg.Z0)
	c.VPERMT2PS(reg.Z1, reg.Z29, reg.Z2)
	c.VMOVUPS(reg.Z0, operand.Mem{Base: even})
	c.VMOVUPS(reg.Z2, operand.Mem{Base: odd})
	c.ADDQ(operand.U32(128), src)
	c.ADDQ(operand.Imm(64), even)
	c.ADDQ(operand.Imm(64), odd)
	c.SUBQ(operand.Imm(16), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

// maxPoolAVX2 does a row of the 3x3 max-pool with stride 2. The odd columns of
// one block are carried over to the next, whose windows begin with the last of
// them; right permutes the columns from 8 on of the last block.
func maxPoolAVX2(c *build.Context) {
	start(c, "maxPoolAVX2", "func(out, a, b, c *byte, n, back int, right *byte)",
		"maxPoolAVX2 sets out[i] to the greatest of columns 2*i-1 to 2*i+1 of rows a, b and c, and does a last block of eight back bytes before the end if back is not zero.")
	out, n, back := param(c, "out"), param(c, "n"), param(c, "back")
	rows := []reg.GPVirtual{param(c, "a"), param(c, "b"), param(c, "c")}
	right, before := reg.Y15, reg.Y14
	same := c.StaticGlobal("sameLanes")
	c.DataAttributes(attrRodata)
	for i := range 8 {
		c.AddDatum(4*i, operand.U32(i))
	}
	infinity := c.StaticGlobal("minusInfinity")
	c.DataAttributes(attrRodata)
	c.AddDatum(0, operand.U32(0xff800000))
	c.VBROADCASTSS(infinity, before)
	c.VMOVUPS(same, right)
	c.Label("next")
	c.CMPQ(n, operand.Imm(8))
	c.JNE(operand.LabelRef("block"))
	c.TESTQ(back, back)
	c.JNE(operand.LabelRef("block"))
	p := param(c, "right")
	c.VMOVUPS(operand.Mem{Base: p}, right)
	c.Label("block")
	for i, disp := range []int{0, 32} {
		r := ymm[i]
		c.VMOVUPS(operand.Mem{Base: rows[0], Disp: disp}, r)
		c.VMAXPS(operand.Mem{Base: rows[1], Disp: disp}, r, r)
		c.VMAXPS(operand.Mem{Base: rows[2], Disp: disp}, r, r)
	}
	c.VPERMPS(reg.Y1, right, reg.Y1)
	evens(c, reg.Y0, reg.Y1, reg.Y2)
	odds(c, reg.Y0, reg.Y1, reg.Y3)
	c.VPERM2F128(operand.Imm(0x21), reg.Y3, before, reg.Y4)
	c.VPALIGNR(operand.Imm(12), reg.Y4, reg.Y3, reg.Y4) // odd columns, one back
	c.VMOVAPS(reg.Y3, before)
	c.VMAXPS(reg.Y2, reg.Y3, reg.Y3)
	c.VMAXPS(reg.Y4, reg.Y3, reg.Y3)
	c.VMOVUPS(reg.Y3, operand.Mem{Base: out})
	for _, r := range rows {
		c.ADDQ(operand.Imm(64), r)
	}
	c.ADDQ(operand.Imm(32), out)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	c.TESTQ(back, back)
	c.JEQ(operand.LabelRef("done"))
	c.SUBQ(back, out)
	for i, r := range rows {
		c.SUBQ(back, r)
		c.SUBQ(back, r)
		if i == 0 {
			c.VBROADCASTSS(operand.Mem{Base: r, Disp: -4}, before)
			continue
		}
		c.VBROADCASTSS(operand.Mem{Base: r, Disp: -4}, reg.Y0)
		c.VMAXPS(reg.Y0, before, before)
	}
	c.MOVQ(operand.U32(8), n)
	c.XORQ(back, back)
	c.JMP(operand.LabelRef("next"))
	c.Label("done")
	finish(c)
}

// maxPoolAVX512 does the same, sixteen outputs at a time, with masks for the
// last ones, and for a row of several planes.
func maxPoolAVX512(c *build.Context, index [2]operand.Mem) {
	start(c, "maxPoolAVX512", "func(out, a, b, c *byte, planes, off, n int, here, right uint64, slope float32)",
		"maxPoolAVX512 sets out[i] to leaky of the greatest of columns 2*i-1 to 2*i+1 of rows a, b and c in n blocks of 16; the last one has the outputs of the mask here, and right tells whose last column lies in the row. The four are tables of planes; off is added to the addresses in out.")
	var tables, rows []reg.GPVirtual
	for _, name := range []string{"out", "a", "b", "c"} {
		tables, rows = append(tables, param(c, name)), append(rows, c.GP64())
	}
	planes, off, n := param(c, "planes"), param(c, "off"), c.GP64()
	here, right := param(c, "here"), param(c, "right")
	before, slope := reg.Z31, reg.Z28
	infinity := c.StaticGlobal("minusInfinityWide")
	c.DataAttributes(attrRodata)
	c.AddDatum(0, operand.U32(0xff800000))
	broadcastParam(c, "slope", slope)
	act := c.GP64() // 0 if the slope is 1
	c.VMOVD(reg.X28, act.As32())
	c.SUBL(operand.U32(math.Float32bits(1)), act.As32())
	c.VMOVUPS(index[0], reg.Z30)
	c.VMOVUPS(index[1], reg.Z29)
	c.Label("plane")
	for i, t := range tables {
		c.MOVQ(operand.Mem{Base: t}, rows[i])
		c.ADDQ(operand.Imm(8), t)
	}
	out := rows[0]
	rows = rows[1:]
	c.ADDQ(off, out)
	c.Load(c.Param("n"), n)
	c.VBROADCASTSS(infinity, before)
	c.KXNORW(reg.K1, reg.K1, reg.K1)
	c.KXNORW(reg.K2, reg.K2, reg.K2)
	c.Label("next")
	c.CMPQ(n, operand.Imm(1))
	c.JNE(operand.LabelRef("block"))
	c.KMOVW(here.As32(), reg.K1)
	c.KMOVW(right.As32(), reg.K2)
	c.Label("block")
	c.PREFETCHT1(operand.Mem{Base: out, Disp: 1024})
	for i, disp := range []int{0, 64} {
		r := zmm[i]
		c.VMOVUPS(operand.Mem{Base: rows[0], Disp: disp}, r)
		c.VMAXPS(operand.Mem{Base: rows[1], Disp: disp}, r, r)
		c.VMAXPS(operand.Mem{Base: rows[2], Disp: disp}, r, r)
	}
	c.VMOVAPS(reg.Z0, reg.Z2)
	c.VPERMT2PS(reg.Z1, reg.Z30, reg.Z0)
	c.VPERMT2PS(reg.Z1, reg.Z29, reg.Z2)
	c.VALIGND(operand.Imm(15), before, reg.Z2, reg.Z3)
	c.VMAXPS(reg.Z3, reg.Z0, reg.Z0)
	c.VMAXPS(reg.Z2, reg.Z0, reg.K2, reg.Z0)
	c.TESTQ(act, act)
	c.JEQ(operand.LabelRef("plain"))
	c.VMULPS(slope, reg.Z0, reg.Z1)
	c.VMAXPS(reg.Z1, reg.Z0, reg.Z0)
	c.Label("plain")
	c.VMOVUPS(reg.Z0, reg.K1, operand.Mem{Base: out})
	c.VMOVAPS(reg.Z2, before)
	for _, r := range rows {
		c.ADDQ(operand.U32(128), r)
	}
	c.ADDQ(operand.Imm(64), out)
	c.DECQ(n)
	c.JNE(operand.LabelRef("next"))
	c.DECQ(planes)
	c.JNE(operand.LabelRef("plane"))
	finish(c)
}

// lanePairs returns the lane numbers that gather the even and the odd ones of
// 32 floats in two registers.
func lanePairs(c *build.Context) (index [2]operand.Mem) {
	for i, name := range []string{"evenLanes", "oddLanes"} {
		index[i] = c.StaticGlobal(name)
		c.DataAttributes(attrRodata)
		for lane := range 16 {
			c.AddDatum(4*lane, operand.U32(2*lane+i))
		}
	}
	return index
}

// resize writes the bilinear resize of a plane, a block of columns after the
// other: the lanes and weights of a block stay in registers while it walks down
// the rows.
func resize(c *build.Context, name string, r []reg.VecPhysical, width int) {
	start(c, name, "func(out, in, blocks, rows *byte, blockCount, rowCount, stride int)",
		fmt.Sprintf("%s does blocks of %d columns in all rows of a plane; stride is that of out in bytes.", name, width/4))
	out, in := param(c, "out"), param(c, "in")
	blocks, n := param(c, "blocks"), param(c, "blockCount")
	stride := param(c, "stride")
	src, dst, row, upper, lower := c.GP64(), c.GP64(), c.GP64(), c.GP64(), c.GP64()
	left, right, t := r[4], r[5], r[6]
	c.Label("block")
	c.MOVLQSX(operand.Mem{Base: blocks}, src)
	c.MOVLQSX(operand.Mem{Base: blocks, Disp: 4}, dst)
	c.ADDQ(in, src)
	c.ADDQ(out, dst)
	for i, v := range []reg.VecPhysical{left, right, t} {
		c.VMOVUPS(operand.Mem{Base: blocks, Disp: 8 + width*i}, v)
	}
	c.ADDQ(operand.U32(8+3*width), blocks)
	c.Load(c.Param("rows"), row)
	rows := param(c, "rowCount")
	c.Label("row")
	c.MOVLQSX(operand.Mem{Base: row}, upper)
	c.MOVLQSX(operand.Mem{Base: row, Disp: 4}, lower)
	c.VBROADCASTSS(operand.Mem{Base: row, Disp: 8}, r[7])
	c.VMOVUPS(operand.Mem{Base: src, Index: upper, Scale: 1}, r[0])
	c.VMOVUPS(operand.Mem{Base: src, Index: lower, Scale: 1}, r[1])
	c.VSUBPS(r[0], r[1], r[1])
	c.VFMADD231PS(r[7], r[1], r[0])
	c.VPERMPS(r[0], left, r[2])
	c.VPERMPS(r[0], right, r[3])
	c.VSUBPS(r[2], r[3], r[3])
	c.VFMADD231PS(t, r[3], r[2])
	c.VMOVUPS(r[2], operand.Mem{Base: dst})
	c.ADDQ(stride, dst)
	c.ADDQ(operand.Imm(12), row)
	c.DECQ(rows)
	c.JNE(operand.LabelRef("row"))
	c.DECQ(n)
	c.JNE(operand.LabelRef("block"))
	finish(c)
}

// linear writes the dot products of eight interleaved rows with x, sixteen
// columns at a time in parts registers each.
func linear(c *build.Context, name string, parts int) {
	start(c, name, "func(sums, w, x *byte, n int)", fmt.Sprintf("%s sets the eight sums of a block; n is a multiple of sixteen.", name))
	sums, w, x, n := param(c, "sums"), param(c, "w"), param(c, "x"), param(c, "n")
	r := ymm
	width := 32
	if parts == 1 {
		r, width = zmm, 64
	}
	for i := range 8 {
		if parts == 1 {
			c.VPXORD(r[i], r[i], r[i])
		} else {
			c.VXORPS(r[i], r[i], r[i])
		}
	}
	c.Label("next")
	for p := range parts {
		c.VMOVUPS(operand.Mem{Base: x, Disp: width * p}, r[8+p])
	}
	for i := range 8 {
		for p := range parts {
			c.VFMADD231PS(operand.Mem{Base: w, Disp: 64*i + width*p}, r[8+p], r[i])
		}
	}
	c.ADDQ(operand.Imm(64), x)
	c.ADDQ(operand.U32(512), w)
	c.SUBQ(operand.Imm(16), n)
	c.JNE(operand.LabelRef("next"))
	if parts == 1 {
		for i := range 8 {
			c.VEXTRACTF64X4(operand.Imm(1), zmm[i], ymm[8])
			c.VADDPS(ymm[8], ymm[i], ymm[i])
		}
	}
	// Add neighbours three times: pairs, quarters, then the two halves.
	for i := 0; i < 8; i += 2 {
		c.VHADDPS(ymm[i+1], ymm[i], ymm[i])
	}
	c.VHADDPS(reg.Y2, reg.Y0, reg.Y0)
	c.VHADDPS(reg.Y6, reg.Y4, reg.Y4)
	c.VPERM2F128(operand.Imm(0x20), reg.Y4, reg.Y0, reg.Y1)
	c.VPERM2F128(operand.Imm(0x31), reg.Y4, reg.Y0, reg.Y2)
	c.VADDPS(reg.Y2, reg.Y1, reg.Y0)
	c.VMOVUPS(reg.Y0, operand.Mem{Base: sums})
	finish(c)
}
