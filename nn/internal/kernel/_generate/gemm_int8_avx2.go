package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// maddKernel is the int8 GEMM without VNNI. The instruction made for bytes,
// VPMADDUBSW, adds two products in 16 bits, where they do not fit; so inputs and
// weights are words here, two to a lane, which takes no more instructions.
type maddKernel struct{ rows, wide int }

func (k maddKernel) name() string     { return fmt.Sprintf("madd256r%dw%d", k.rows, k.wide) }
func (k maddKernel) packName() string { return fmt.Sprintf("maddPack256w%d", k.wide) }

// maddKernels lists the shapes that fit 16 registers: sums, inputs, and two each
// of weights and products.
func maddKernels() []maddKernel {
	var list []maddKernel
	for wide := 1; wide <= 2; wide++ {
		for rows := 1; rows <= 5; rows++ {
			list = append(list, maddKernel{rows, wide})
		}
	}
	return list
}

func maddAll(c *build.Context) {
	h, tails := newHSwish(c), tailMasks(c, "maddTails")
	order := c.StaticGlobal("pairOrder")
	c.DataAttributes(attrRodata)
	for i := range 32 {
		word := i % 16 / 2
		c.AddDatum(i, operand.U8(uint8((word%2*4+word/2)*2+i%2)))
	}
	for wide := 1; wide <= 2; wide++ {
		maddKernel{1, wide}.pack(c, order)
	}
	for _, k := range maddKernels() {
		k.generate(c, tails, h)
	}
}

// pack writes the kernel that turns floats of two planes into words, two to a
// lane: what the AVX-512 kernel makes, less zero.
func (k maddKernel) pack(c *build.Context, order operand.Mem) {
	a := function(c, k.packName(), fmt.Sprintf("%s lays out pairs of planes for %d vectors of pixels.", k.packName(), k.wide))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	inverse, zero, top, bottom, shuffle := reg.Y15, reg.Y14, reg.Y13, reg.Y12, reg.Y11
	c.VBROADCASTSS(a.mem(packInverse), inverse)
	c.VPBROADCASTW(a.mem(packZero), zero)
	c.VPCMPEQW(top, top, top)
	c.VPSRLW(operand.Imm(8), top, top)
	c.VPXOR(bottom, bottom, bottom)
	c.VMOVDQU(order, shuffle)
	c.Label("pair")
	var p [2]reg.GPVirtual
	for i := range p {
		p[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p[i])
		c.PREFETCHT0(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 32 * k.wide})
	}
	for v := range k.wide {
		x := ymm[2*v : 2*v+2]
		for i := range p {
			c.VMULPS(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 32 * v}, inverse, x[i])
			c.VCVTPS2DQ(x[i], x[i])
		}
		c.VPACKSSDW(x[1], x[0], x[0])
		c.VPADDSW(zero, x[0], x[0])
		c.VPMINSW(top, x[0], x[0])
		c.VPMAXSW(bottom, x[0], x[0])
		c.VPSHUFB(shuffle, x[0], x[0])
		c.VMOVDQU(x[0], operand.Mem{Base: to, Disp: 32 * v})
	}
	c.ADDQ(operand.Imm(16), in)
	c.ADDQ(operand.Imm(uint64(32*k.wide)), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("pair"))
	c.VZEROUPPER()
	c.RET()
}

// generate writes the kernel. As in the float32 kernels a single vector is stored
// under a mask, of which the field mask is the number of pixels.
func (k maddKernel) generate(c *build.Context, tails operand.Mem, h hswish) {
	a := function(c, k.name(), fmt.Sprintf("%s does row tiles of %d outputs for %d vectors of pixels.", k.name(), k.rows, k.wide))
	out, res, w, after := a.load(dotOut), a.load(dotRes), a.load(dotW), a.load(dotAfter)
	tiles, outOff := a.load(dotTiles), a.load(dotOutOff)

	R, V := k.rows, k.wide
	sum := func(m, v int) reg.VecPhysical { return ymm[m*V+v] }
	input := func(v int) reg.VecPhysical { return ymm[R*V+v] }
	spare := ymm[R*V+V:]

	c.Label("tile")
	for m := range R {
		c.VPBROADCASTD(operand.Mem{Base: after, Disp: afterSize * m}, sum(m, 0))
		for v := 1; v < V; v++ {
			c.VMOVDQA(sum(m, 0), sum(m, v))
		}
	}
	x, n := a.load(dotX), a.load(dotSteps)
	c.Label("step")
	for v := range V {
		c.VMOVDQU(operand.Mem{Base: x, Disp: 32 * v}, input(v))
	}
	for m := range R {
		weight := spare[m%2]
		c.VPBROADCASTD(operand.Mem{Base: w, Disp: 4 * m}, weight)
		for v := range V {
			product := weight // the last one may take its place
			if v < V-1 {
				product = spare[2+m%2]
			}
			c.VPMADDWD(weight, input(v), product)
			c.VPADDD(product, sum(m, v), sum(m, v))
		}
	}
	c.ADDQ(operand.Imm(uint64(32*V)), x)
	c.ADDQ(operand.Imm(uint64(4*R)), w)
	c.DECQ(n)
	c.JNE(operand.LabelRef("step"))

	scale, bias := spare[0], spare[1]
	for m := range R {
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + 4}, scale)
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + 8}, bias)
		for v := range V {
			c.VCVTDQ2PS(sum(m, v), sum(m, v))
			c.VMULPS(scale, sum(m, v), sum(m, v))
			c.VADDPS(bias, sum(m, v), sum(m, v))
		}
	}
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("store"))
	for m := range R {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		for v := range V {
			c.VADDPS(operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 32 * v}, sum(m, v), sum(m, v))
		}
	}
	c.ADDQ(operand.Imm(uint64(8*R)), res)
	c.Label("store")
	slope, scaled, mask := spare[0], spare[1], input(0)
	if V == 1 {
		at, count := c.GP64(), a.load(dotMask)
		c.LEAQ(tails, at)
		c.NEGQ(count)
		c.VMOVUPS(operand.Mem{Base: at, Index: count, Scale: 4, Disp: 32}, mask)
	}
	store := func(activate func(x reg.VecPhysical)) {
		for m := range R {
			q := c.GP64()
			c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
			for v := range V {
				activate(sum(m, v))
				dst := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 32 * v}
				if V == 1 {
					c.VMASKMOVPS(sum(m, v), mask, dst)
				} else {
					c.VMOVUPS(sum(m, v), dst)
				}
			}
		}
	}
	either(a, dotHSwish, 0, func() {
		c.VBROADCASTSS(a.mem(dotSlope), slope)
		store(func(x reg.VecPhysical) {
			c.VMULPS(x, slope, scaled)
			c.VMAXPS(x, scaled, x)
		})
	}, func() { store(func(x reg.VecPhysical) { h.avx2(x, scaled) }) })
	c.ADDQ(operand.Imm(uint64(8*R)), out)
	c.ADDQ(operand.Imm(uint64(afterSize*R)), after)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
}

// tailMasks is a table of eight lanes that are on and eight that are off: from
// 8-n lanes on it begins with n that are on.
func tailMasks(c *build.Context, name string) operand.Mem {
	table := c.StaticGlobal(name)
	c.DataAttributes(attrRodata)
	for i := range 16 {
		lane := uint32(0)
		if i < 8 {
			lane = 0xffffffff
		}
		c.AddDatum(4*i, operand.U32(lane))
	}
	return table
}
