package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vnni multiplies four unsigned bytes of inputs in a lane by four signed bytes
// of weights. avo does not know the instruction, Go's assembler does.
var vnni = dotInstruction{
	prefix:  "vnni",
	integer: true,
	step:    func(c *build.Context, w, x, sum reg.VecPhysical) { raw(c, "VPDPBUSD", w, x, sum) },
	pack:    packQuads,
	order:   quadOrder,
}

// quadOrder is the byte shuffle within 128 bits that turns four values of each
// of four channels into four quads.
func quadOrder(c *build.Context) operand.Mem {
	m := c.StaticGlobal("quadOrder")
	c.DataAttributes(attrRodata)
	for i := range 64 {
		c.AddDatum(i, operand.U8(uint8(i%4*4+i/4%4)))
	}
	return m
}

// packQuads writes the kernel that turns floats of four planes into bytes, four
// to a lane: the nearest integer to x*inverse, moved by zero, within 0 to 255.
// The saturation of the packing instructions does the limiting.
func packQuads(k dotKernel, c *build.Context, order operand.Mem) {
	a := function(c, k.packName(), fmt.Sprintf("%s lays out quads of planes for %d.%d vectors of pixels.", k.packName(), k.wide, 5*k.half))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	inverse, zero, shuffle := 31, 30, 29
	c.VBROADCASTSS(a.mem(packInverse), zmm[inverse])
	c.VPBROADCASTW(a.mem(packZero), zmm[zero])
	c.VMOVDQU32(order, zmm[shuffle])
	c.Label("quad")
	var p [4]reg.GPVirtual
	for i := range p {
		p[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p[i])
	}
	V := k.vectors()
	for v := range V {
		x := func(i int) reg.VecPhysical { return k.vec(4*v+i, v) }
		for i := range p {
			c.VMULPS(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 64 * v}, k.vec(inverse, v), x(i))
		}
		for i := range p { // what the next tile of pixels needs
			c.PREFETCHT0(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 64 * (V + v)})
		}
		for i := range p {
			c.VCVTPS2DQ(x(i), x(i))
		}
		for i := 0; i < 4; i += 2 {
			c.VPACKSSDW(x(i+1), x(i), x(i))
			c.VPADDSW(k.vec(zero, v), x(i), x(i))
		}
		c.VPACKUSWB(x(2), x(0), x(0))
		c.VPSHUFB(k.vec(shuffle, v), x(0), x(0))
		c.VMOVDQU32(x(0), operand.Mem{Base: to, Disp: 64 * v})
	}
	c.ADDQ(operand.Imm(32), in)
	c.ADDQ(operand.U32(k.stepBytes()), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("quad"))
	c.VZEROUPPER()
	c.RET()
}

// blockOrder is the permutation of 32-bit words that lays the vectors of a tile,
// of four pixels in each 128 bits, one behind the other, or the reverse: a matrix
// of four words by lanes/4 transposed.
func blockOrder(c *build.Context, lanes int) operand.Mem {
	m := c.StaticGlobal("blockOrder")
	c.DataAttributes(attrRodata)
	for i := range lanes {
		c.AddDatum(4*i, operand.U32(uint32(i%4*(lanes/4)+i/4)))
	}
	return m
}

func (k dotKernel) packBytesName() string {
	return fmt.Sprintf("%sPackBytes512w%dh%d", k.dot.prefix, k.wide, k.half)
}

// packBytes writes the kernel that lays planes of bytes out. With four pixels of
// every vector in each 128 bits, interleaving four planes yields whole vectors.
func (k dotKernel) packBytes(c *build.Context, blocks operand.Mem) {
	a := function(c, k.packBytesName(), fmt.Sprintf("%s lays out quads of planes of bytes for %d.%d vectors of pixels.", k.packBytesName(), k.wide, 5*k.half))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	c.VMOVDQU32(blocks, reg.Z31)
	c.Label("quad")
	x, t := zmm[0:4], zmm[4:8]
	for i := range 4 {
		p := c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p)
		c.VPERMD(operand.Mem{Base: p, Index: inOff, Scale: 1}, reg.Z31, x[i])
		c.PREFETCHT0(operand.Mem{Base: p, Index: inOff, Scale: 1, Disp: 64})
	}
	V := k.vectors()
	c.VPUNPCKLBW(x[1], x[0], t[0])
	c.VPUNPCKLBW(x[3], x[2], t[1])
	if V > 2 {
		c.VPUNPCKHBW(x[1], x[0], t[2])
		c.VPUNPCKHBW(x[3], x[2], t[3])
	}
	for v := range V {
		lo := t[v/2*2 : v/2*2+2]
		if v%2 == 0 {
			c.VPUNPCKLWD(lo[1], lo[0], x[v])
		} else {
			c.VPUNPCKHWD(lo[1], lo[0], x[v])
		}
		dst := operand.Mem{Base: to, Disp: 64 * v}
		if k.isHalf(v) {
			c.VMOVDQU32(x[v].AsY(), dst)
		} else {
			c.VMOVDQU32(x[v], dst)
		}
	}
	c.ADDQ(operand.Imm(32), in)
	c.ADDQ(operand.U32(k.stepBytes()), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("quad"))
	c.VZEROUPPER()
	c.RET()
}
