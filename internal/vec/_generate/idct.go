package main

import (
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// graph holds the constants of the transforms in memory.
type graph struct {
	middle, root2, twoCos2, rotateIn, rotateOut operand.Mem
	cos1, cos2, cos3                            operand.Mem
	order                                       operand.Mem
}

func eight(c *build.Context, name string, v float64) operand.Mem {
	w := math.Float32bits(float32(v))
	return constants(c, name, w, w, w, w, w, w, w, w)
}

// idctAll writes the transforms of JPEG blocks. Every operation is the one of the
// pure Go twin, in its order and without fused steps, so that results are equal.
func idctAll(c *build.Context) {
	cos := func(k int) float64 { return math.Cos(float64(k) * math.Pi / 8) }
	g := &graph{
		middle:    constants(c, "idctMiddle", math.Float32bits(128.5), 0, 0, 0, 0, 0, 0, 0),
		root2:     eight(c, "idctRoot2", math.Sqrt2),
		twoCos2:   eight(c, "idctTwoCos2", 2*cos(1)),
		rotateIn:  eight(c, "idctRotateIn", 2*(cos(1)-cos(3))),
		rotateOut: eight(c, "idctRotateOut", 2*(cos(1)+cos(3))),
		cos1:      eight(c, "idctCos1", cos(1)),
		cos2:      eight(c, "idctCos2", cos(2)),
		cos3:      eight(c, "idctCos3", cos(3)),
		order:     constants(c, "idctOrder", 0, 4, 1, 5, 2, 6, 3, 7),
	}
	g.idct8(c)
	g.idct4(c)
}

// load reads the eight columns of frequencies, times the table, and adds what
// centres and rounds samples to the first coefficient.
func (g *graph) load(c *build.Context, coef, table reg.GPVirtual) {
	for v := range 8 {
		c.VPMOVSXWD(operand.Mem{Base: coef, Disp: 16 * v}, ymm[v])
		c.VCVTDQ2PS(ymm[v], ymm[v])
		c.VMULPS(operand.Mem{Base: table, Disp: 32 * v}, ymm[v], ymm[v])
	}
	c.VADDPS(g.middle, reg.Y0, reg.Y0)
}

// butterfly8 transforms y0 to y7 in place; y8 to y15 are used.
func (g *graph) butterfly8(c *build.Context) {
	y := ymm
	add := func(a, b, to int) { c.VADDPS(y[b], y[a], y[to]) }
	sub := func(a, b, to int) { c.VSUBPS(y[b], y[a], y[to]) } // to = a - b
	mul := func(m operand.Mem, a, to int) { c.VMULPS(m, y[a], y[to]) }
	// Even part: e0 to e3 in y8 to y11.
	add(0, 4, 12) // a
	sub(0, 4, 13) // b
	add(2, 6, 14) // c
	sub(2, 6, 15)
	mul(g.root2, 15, 15)
	sub(15, 14, 15) // d
	add(12, 14, 8)
	sub(12, 14, 11)
	add(13, 15, 9)
	sub(13, 15, 10)
	// Odd part: o0 to o3 in y12 to y15.
	add(5, 3, 0) // z13
	sub(5, 3, 2) // z10
	add(1, 7, 4) // z11
	sub(1, 7, 6) // z12
	add(4, 0, 12)
	sub(4, 0, 4)
	mul(g.root2, 4, 4) // t
	add(2, 6, 0)
	mul(g.twoCos2, 0, 0) // z5
	mul(g.rotateOut, 2, 2)
	sub(0, 2, 2)
	sub(2, 12, 13)
	sub(4, 13, 14)
	mul(g.rotateIn, 6, 6)
	sub(0, 6, 6)
	sub(6, 14, 15)
	for i := range 4 {
		add(8+i, 12+i, i)
		sub(8+i, 12+i, 7-i)
	}
}

func (g *graph) idct8(c *build.Context) {
	start(c, "idct8", "func(dst *byte, stride int, coef *int16, table *float32)", "idct8 writes the 8x8 samples of a block.")
	dst, stride, coef, table := param(c, "dst"), param(c, "stride"), param(c, "coef"), param(c, "table")
	g.load(c, coef, table)
	g.butterfly8(c)
	transpose(c)
	g.butterfly8(c)
	stride3, fifth := c.GP64(), c.GP64()
	c.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	to := rows(c, dst, stride, stride3, fifth)
	for i := range 8 {
		c.VCVTTPS2DQ(ymm[i], ymm[i])
	}
	c.VMOVDQU(g.order, reg.Y15)
	for half := range 2 {
		y := ymm[4*half:]
		c.VPACKSSDW(y[1], y[0], y[0])
		c.VPACKSSDW(y[3], y[2], y[2])
		c.VPACKUSWB(y[2], y[0], y[0])
		c.VPERMD(y[0], reg.Y15, y[0])
		x := []reg.VecPhysical{reg.X0, reg.X4}[half]
		high := []reg.VecPhysical{reg.X1, reg.X5}[half]
		c.VEXTRACTI128(operand.Imm(1), y[0], high)
		c.VMOVQ(x, to[4*half])
		c.VPEXTRQ(operand.Imm(1), x, to[4*half+1])
		c.VMOVQ(high, to[4*half+2])
		c.VPEXTRQ(operand.Imm(1), high, to[4*half+3])
	}
	finish(c)
}

// butterfly4 folds y0 to y7 and leaves four results in y0 to y3; y8 to y12 are
// used.
func (g *graph) butterfly4(c *build.Context) {
	y := ymm
	add := func(a, b, to int) { c.VADDPS(y[b], y[a], y[to]) }
	sub := func(a, b, to int) { c.VSUBPS(y[b], y[a], y[to]) }
	mul := func(m operand.Mem, a, to int) { c.VMULPS(m, y[a], y[to]) }
	sub(1, 7, 1)
	sub(2, 6, 2)
	sub(3, 5, 3)
	mul(g.cos2, 2, 2)
	add(0, 2, 8) // e0
	sub(0, 2, 9) // e1
	mul(g.cos1, 1, 10)
	mul(g.cos3, 3, 11)
	add(10, 11, 10) // o0
	mul(g.cos3, 1, 11)
	mul(g.cos1, 3, 12)
	sub(11, 12, 11) // o1
	add(8, 10, 0)
	add(9, 11, 1)
	sub(9, 11, 2)
	sub(8, 10, 3)
}

func (g *graph) idct4(c *build.Context) {
	start(c, "idct4", "func(dst *byte, stride int, coef *int16, table *float32)", "idct4 writes the 4x4 means of a block's samples.")
	dst, stride, coef, table := param(c, "dst"), param(c, "stride"), param(c, "coef"), param(c, "table")
	g.load(c, coef, table)
	g.butterfly4(c)
	for i := 4; i < 8; i++ {
		c.VXORPS(ymm[i], ymm[i], ymm[i])
	}
	transpose(c)
	g.butterfly4(c)
	for i := range 4 {
		c.VCVTTPS2DQ(ymm[i], ymm[i])
	}
	c.VPACKSSDW(reg.X1, reg.X0, reg.X0)
	c.VPACKSSDW(reg.X3, reg.X2, reg.X2)
	c.VPACKUSWB(reg.X2, reg.X0, reg.X0)
	for i := range 4 {
		c.VPEXTRD(operand.Imm(uint64(i)), reg.X0, operand.Mem{Base: dst})
		if i < 3 {
			c.ADDQ(stride, dst)
		}
	}
	finish(c)
}
