package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	dotMask   = 64
	dotSlope  = 72
)

// Offsets of packArgs.
const (
	packIn      = 0
	packTo      = 8
	packSteps   = 16
	packInOff   = 24
	packInverse = 32
	packZero    = 36
)

// afterSize is the size of what an output's sum goes through: where it starts,
// its scale and its bias, 32 bits each.
const afterSize = 12

// vnniKernel is the int8 twin of productKernel: sums are 32-bit integers, and a
// step takes four inputs at once, one byte each in every 32-bit lane.
type vnniKernel struct{ productKernel }

func (k vnniKernel) name() string { return fmt.Sprintf("vnni512r%dw%dh%d", k.rows, k.wide, k.half) }

func vnniKernels() []vnniKernel {
	var list []vnniKernel
	for _, k := range product512Kernels() {
		list = append(list, vnniKernel{k})
	}
	return list
}

// vnniPacks lists the kernels that lay out inputs for each shape of pixels.
func vnniPacks() []vnniKernel {
	var list []vnniKernel
	for _, k := range product512Kernels() {
		if k.rows == 1 {
			list = append(list, vnniKernel{k})
		}
	}
	return list
}

func (k vnniKernel) packName() string { return fmt.Sprintf("vnniPack512w%dh%d", k.wide, k.half) }

func vnniAll(c *build.Context) {
	order := quadOrder(c)
	for _, k := range vnniPacks() {
		k.pack(c, order)
	}
	for _, k := range vnniKernels() {
		k.generate(c)
	}
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

// raw appends an instruction that Go's assembler knows and avo does not. Its
// operands are physical registers, of which avo keeps no count.
func raw(c *build.Context, opcode string, operands ...operand.Op) {
	c.Instruction(&ir.Instruction{Opcode: opcode, Operands: operands})
}

// pack writes the kernel that turns floats of four planes into bytes, four to a
// lane: the nearest integer to x*inverse, moved by zero, within 0 to 255. The
// saturation of the packing instructions does the limiting.
func (k vnniKernel) pack(c *build.Context, order operand.Mem) {
	a := function(c, k.packName(), fmt.Sprintf("%s lays out quads of planes for %d.%d vectors of pixels.", k.packName(), k.wide, 5*k.half))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	inverse, zero, shuffle := reg.Z31, reg.Z30, reg.Z29
	c.VBROADCASTSS(a.mem(packInverse), inverse)
	c.VPBROADCASTW(a.mem(packZero), zero)
	c.VMOVDQU32(order, shuffle)
	c.Label("quad")
	var p [4]reg.GPVirtual
	for i := range p {
		p[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p[i])
	}
	V := k.vectors()
	for v := range V {
		r := func(i int) reg.VecPhysical {
			if k.isHalf(v) {
				return ymm[i]
			}
			return zmm[i]
		}
		x := v * 4
		for i := range p {
			c.VMULPS(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 64 * v}, r(31), r(x+i))
		}
		for i := range p {
			// what the next tile of pixels needs
			c.PREFETCHT0(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 64 * (V + v)})
		}
		for i := range p {
			c.VCVTPS2DQ(r(x+i), r(x+i))
		}
		for i := 0; i < 4; i += 2 {
			c.VPACKSSDW(r(x+i+1), r(x+i), r(x+i))
			c.VPADDSW(r(30), r(x+i), r(x+i))
		}
		c.VPACKUSWB(r(x+2), r(x), r(x))
		c.VPSHUFB(r(29), r(x), r(x))
		c.VMOVDQU32(r(x), operand.Mem{Base: to, Disp: 64 * v})
	}
	c.ADDQ(operand.Imm(32), in)
	c.ADDQ(operand.U32(k.stepBytes()), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("quad"))
	c.VZEROUPPER()
	c.RET()
}

// stepBytes is the size of one step of packed inputs.
func (k productKernel) stepBytes() int { return 64*k.wide + 32*k.half }

// generate writes the kernel: sums in registers over all quads, then the way
// back to floats.
func (k vnniKernel) generate(c *build.Context) {
	a := function(c, k.name(), fmt.Sprintf("%s does row tiles of %d outputs for %d.%d vectors of pixels.", k.name(), k.rows, k.wide, 5*k.half))
	out, res, w, after := a.load(dotOut), a.load(dotRes), a.load(dotW), a.load(dotAfter)
	tiles, outOff, mask := a.load(dotTiles), a.load(dotOutOff), a.load(dotMask)
	c.KMOVW(mask.As32(), reg.K1)

	V := k.vectors()
	vec := func(i, v int) reg.VecPhysical {
		if k.isHalf(v) {
			return ymm[i]
		}
		return zmm[i]
	}
	sum := func(m, v int) reg.VecPhysical { return vec(m*V+v, v) }
	first := k.rows * V
	input := func(v int) reg.VecPhysical { return vec(first+v, v) }
	spare := 32 - first - V

	c.Label("tile")
	for m := range k.rows {
		c.VPBROADCASTD(operand.Mem{Base: after, Disp: afterSize * m}, zmm[m*V])
		for v := 1; v < V; v++ {
			c.VMOVDQA32(zmm[m*V], zmm[m*V+v])
		}
	}
	x, n := a.load(dotX), a.load(dotSteps)
	c.Label("step")
	for v := range V {
		c.VMOVDQU32(operand.Mem{Base: x, Disp: 64 * v}, input(v))
	}
	for m := range k.rows {
		weight := first + V + m%spare
		c.VPBROADCASTD(operand.Mem{Base: w, Disp: 4 * m}, zmm[weight])
		for v := range V {
			raw(c, "VPDPBUSD", vec(weight, v), input(v), sum(m, v))
		}
	}
	c.ADDQ(operand.U32(k.stepBytes()), x)
	c.ADDQ(operand.U32(4*k.rows), w)
	c.DECQ(n)
	c.JNE(operand.LabelRef("step"))

	scale, bias := first, first+1
	for m := range k.rows {
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + 4}, zmm[scale])
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + 8}, zmm[bias])
		for v := range V {
			c.VCVTDQ2PS(sum(m, v), sum(m, v))
			c.VMULPS(vec(scale, v), sum(m, v), sum(m, v))
			c.VADDPS(vec(bias, v), sum(m, v), sum(m, v))
		}
	}
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("store"))
	k.addResidual(c, res, outOff, sum)
	c.Label("store")
	slope, scaled := first, first+1
	c.VBROADCASTSS(a.mem(dotSlope), zmm[slope])
	for m := range k.rows {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
		for v := range V {
			c.VMULPS(sum(m, v), vec(slope, v), vec(scaled, v))
			c.VMAXPS(sum(m, v), vec(scaled, v), sum(m, v))
			dst := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v}
			if v == V-1 {
				c.VMOVUPS(sum(m, v), reg.K1, dst)
			} else {
				c.VMOVUPS(sum(m, v), dst)
			}
		}
	}
	c.ADDQ(operand.U32(8*k.rows), out)
	c.ADDQ(operand.U32(afterSize*k.rows), after)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
}

// addResidual adds the values of residual planes to the sums.
func (k productKernel) addResidual(c *build.Context, res, outOff reg.GPVirtual, sum func(m, v int) reg.VecPhysical) {
	for m := range k.rows {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		for v := range k.vectors() {
			src := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v}
			if v == k.vectors()-1 {
				c.VADDPS_Z(src, sum(m, v), reg.K1, sum(m, v))
			} else {
				c.VADDPS(src, sum(m, v), sum(m, v))
			}
		}
	}
	c.ADDQ(operand.U32(8*k.rows), res)
}
