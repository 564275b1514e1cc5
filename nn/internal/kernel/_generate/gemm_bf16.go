package main

import (
	"encoding/binary"
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bf16 multiplies two bfloat16 inputs in a lane by two weights and adds both
// products to a float32.
var bf16 = dotInstruction{
	prefix: "bf16",
	step:   vdpbf16ps,
	pack:   packPairs,
	order:  func(*build.Context) operand.Mem { return operand.Mem{} },
}

// vdpbf16ps writes VDPBF16PS sum, x, w byte by byte, for neither avo nor Go's
// assembler knows it: EVEX.F3.0F38.W0 52 /r.
func vdpbf16ps(c *build.Context, w, x, sum reg.VecPhysical) {
	dst, v, rm := uint8(sum.PhysicalIndex()), uint8(x.PhysicalIndex()), uint8(w.PhysicalIndex())
	not := func(n uint8, i int) uint8 { return n>>i&1 ^ 1 }
	length := uint8(1) // 256 bits
	if sum.Size() == 64 {
		length = 2
	}
	c.Comment(fmt.Sprintf("VDPBF16PS %s, %s, %s", w.Asm(), x.Asm(), sum.Asm()))
	b := []uint8{
		0x62,
		not(dst, 3)<<7 | not(rm, 4)<<6 | not(rm, 3)<<5 | not(dst, 4)<<4 | 2,
		(^v&15)<<3 | 1<<2 | 2,
		length<<5 | not(v, 4)<<3,
		0x52,
		3<<6 | dst&7<<3 | rm&7,
	}
	raw(c, "LONG", operand.U32(binary.LittleEndian.Uint32(b)))
	raw(c, "WORD", operand.U16(binary.LittleEndian.Uint16(b[4:])))
}

// packPairs writes the kernel that rounds floats of two planes to bfloat16, two
// to a lane. Halves are rounded away from 0.
func packPairs(k dotKernel, c *build.Context, _ operand.Mem) {
	a := function(c, k.packName(), fmt.Sprintf("%s lays out pairs of planes for %d.%d vectors of pixels.", k.packName(), k.wide, 5*k.half))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	half := 31
	bits := c.GP32()
	c.MOVL(operand.U32(0x8000), bits)
	c.VPBROADCASTD(bits, zmm[half])
	c.MOVL(operand.U32(0xaaaaaaaa), bits)
	c.KMOVD(bits, reg.K1) // the upper half of every lane
	c.Label("pair")
	var p [2]reg.GPVirtual
	for i := range p {
		p[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p[i])
	}
	V := k.vectors()
	for v := range V {
		x := func(i int) reg.VecPhysical { return k.vec(2*v+i, v) }
		for i := range p {
			c.VPADDD(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 64 * v}, k.vec(half, v), x(i))
			c.PREFETCHT0(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 64 * (V + v)})
		}
		c.VPSRLD(operand.Imm(16), x(0), x(0))
		c.VPBLENDMW(x(1), x(0), reg.K1, x(0))
		c.VMOVDQU32(x(0), operand.Mem{Base: to, Disp: 64 * v})
	}
	c.ADDQ(operand.Imm(16), in)
	c.ADDQ(operand.U32(k.stepBytes()), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("pair"))
	c.VZEROUPPER()
	c.RET()
}
