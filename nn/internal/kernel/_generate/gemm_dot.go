package main

import (
	"fmt"
	"math"

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
	dotHSwish = 76
	dotBytes  = 80
	dotResOff = 88
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

// Offsets of dotAfterSum, what an output's sum goes through.
const (
	afterStart   = 0
	afterScale   = 4
	afterBias    = 8
	afterZero    = 12
	afterInverse = 16
	afterSize    = 20
)

// dotKernel is the twin of gemmKernel whose inputs and weights have 8 or 16
// bits. A step takes as many inputs at once as fit a 32-bit lane.
type dotKernel struct {
	gemmKernel
	dot dotInstruction
}

// dotInstruction is what tells the precisions apart.
type dotInstruction struct {
	prefix  string // of the kernels' names
	step    func(c *build.Context, weights, inputs, sums reg.VecPhysical)
	integer bool // sums are integers
	pack    func(k dotKernel, c *build.Context, order operand.Mem)
	order   func(c *build.Context) operand.Mem // for pack
}

func (k dotKernel) name() string {
	return fmt.Sprintf("%s512r%dw%dh%d", k.dot.prefix, k.rows, k.wide, k.half)
}

func (k dotKernel) packName() string {
	return fmt.Sprintf("%sPack512w%dh%d", k.dot.prefix, k.wide, k.half)
}

// kernels lists the shapes; those of one row stand for the ways to lay out
// inputs.
func (d dotInstruction) kernels() []dotKernel {
	var list []dotKernel
	for _, k := range gemm512Kernels() {
		list = append(list, dotKernel{k, d})
	}
	return list
}

func (d dotInstruction) all(c *build.Context) {
	h := newHSwish(c)
	order := d.order(c)
	var blocks operand.Mem
	if d.integer {
		blocks = blockOrder(c, 16)
	}
	for _, k := range d.kernels() {
		if k.rows == 1 {
			d.pack(k, c, order)
			if d.integer {
				k.packBytes(c, blocks)
			}
		}
	}
	for _, k := range d.kernels() {
		k.generate(c, h, blocks)
	}
}

// raw appends an instruction that avo does not know. Its operands are physical
// registers, of which avo keeps no count.
func raw(c *build.Context, opcode string, operands ...operand.Op) {
	c.Instruction(&ir.Instruction{Opcode: opcode, Operands: operands})
}

// stepBytes is the size of one step of packed inputs.
func (k gemmKernel) stepBytes() int { return 64*k.wide + 32*k.half }

// vec is register i as wide as vector v of pixels.
func (k gemmKernel) vec(i, v int) reg.VecPhysical {
	if k.isHalf(v) {
		return ymm[i]
	}
	return zmm[i]
}

// generate writes the kernel: sums in registers over all steps, then floats,
// bias, residual and activation.
func (k dotKernel) generate(c *build.Context, h hswish, blocks operand.Mem) {
	a := function(c, k.name(), fmt.Sprintf("%s does row tiles of %d outputs for %d.%d vectors of pixels.", k.name(), k.rows, k.wide, 5*k.half))
	out, res, w, after := a.load(dotOut), a.load(dotRes), a.load(dotW), a.load(dotAfter)
	tiles, outOff, mask := a.load(dotTiles), a.load(dotOutOff), a.load(dotMask)
	c.KMOVW(mask.As32(), reg.K1)

	V := k.vectors()
	sum := func(m, v int) reg.VecPhysical { return k.vec(m*V+v, v) }
	first := k.rows * V
	spare := 32 - first - V

	c.Label("tile")
	for m := range k.rows {
		c.VPBROADCASTD(operand.Mem{Base: after, Disp: afterSize*m + afterStart}, zmm[m*V])
		for v := 1; v < V; v++ {
			c.VMOVDQA32(zmm[m*V], zmm[m*V+v])
		}
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
		for v := range V {
			c.PREFETCHT0(operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v})
		}
	}
	x, n := a.load(dotX), a.load(dotSteps)
	c.Label("step")
	for v := range V {
		c.VMOVDQU32(operand.Mem{Base: x, Disp: 64 * v}, k.vec(first+v, v))
	}
	c.PREFETCHT0(operand.Mem{Base: w, Disp: 1024})
	for m := range k.rows {
		weight := first + V + m%spare
		c.VPBROADCASTD(operand.Mem{Base: w, Disp: 4 * m}, zmm[weight])
		for v := range V {
			k.dot.step(c, k.vec(weight, v), k.vec(first+v, v), sum(m, v))
		}
	}
	c.ADDQ(operand.U32(k.stepBytes()), x)
	c.ADDQ(operand.U32(4*k.rows), w)
	c.DECQ(n)
	c.JNE(operand.LabelRef("step"))

	if k.dot.integer {
		c.MOVQ(a.mem(dotBytes), n)
		c.TESTQ(n, n)
		c.JNE(operand.LabelRef("bytes"))
	}
	scale, bias := first, first+1
	for m := range k.rows {
		if k.dot.integer {
			c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + afterScale}, zmm[scale])
		}
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + afterBias}, zmm[bias])
		for v := range V {
			if k.dot.integer {
				c.VCVTDQ2PS(sum(m, v), sum(m, v))
				c.VMULPS(k.vec(scale, v), sum(m, v), sum(m, v))
			}
			c.VADDPS(k.vec(bias, v), sum(m, v), sum(m, v))
		}
	}
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("activate"))
	for m := range k.rows {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		for v := range V {
			src := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v}
			if v == V-1 {
				c.VADDPS_Z(src, sum(m, v), reg.K1, sum(m, v))
			} else {
				c.VADDPS(src, sum(m, v), sum(m, v))
			}
		}
	}
	c.ADDQ(operand.U32(8*k.rows), res)
	c.Label("activate")
	k.store(a, h, out, outOff, first)
	c.Label("stored")
	c.ADDQ(operand.U32(8*k.rows), out)
	c.ADDQ(operand.U32(afterSize*k.rows), after)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
	if k.dot.integer {
		c.Label("bytes")
		c.KMOVQ(n, reg.K2)
		k.storeBytes(a, blocks, out, res, after, outOff, first)
		c.JMP(operand.LabelRef("stored"))
	}
}

// storeBytes scales, activates and rounds the sums and stores them as bytes;
// registers from spent on are free. Packing words and then bytes leaves four
// pixels of every vector in each 128 bits, which one permutation puts in order.
func (k dotKernel) storeBytes(a args, blocks operand.Mem, out, res, after, outOff reg.GPVirtual, spent int) {
	c, V := a.c, k.vectors()
	sum := func(m, v int) reg.VecPhysical { return k.vec(m*V+v, v) }
	each := func(m int, f func(v int)) {
		for v := range V {
			f(v)
		}
	}
	order, factor := spent, spent+1
	c.VMOVDQU32(blocks, zmm[order])
	for m := range k.rows {
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + afterBias}, zmm[factor])
		each(m, func(v int) { c.VCVTDQ2PS(sum(m, v), sum(m, v)) })
		each(m, func(v int) {
			c.VFMADD132PS_BCST(operand.Mem{Base: after, Disp: afterSize*m + afterScale}, k.vec(factor, v), sum(m, v))
		})
	}
	q, resOff := c.GP64(), c.GP64()
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("activateBytes"))
	c.MOVQ(a.mem(dotResOff), resOff)
	for m := range k.rows {
		c.VBROADCASTSS(operand.Mem{Base: after, Disp: afterSize*m + afterInverse}, zmm[factor])
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		each(m, func(v int) {
			src := operand.Mem{Base: q, Index: resOff, Scale: 1, Disp: 64 * v}
			if v == V-1 {
				c.VFMADD231PS(src, k.vec(factor, v), reg.K1, sum(m, v))
			} else {
				c.VFMADD231PS(src, k.vec(factor, v), sum(m, v))
			}
		})
	}
	c.ADDQ(operand.U32(8*k.rows), res)
	c.Label("activateBytes")
	c.CMPL(a.mem(dotSlope), operand.U32(math.Float32bits(1)))
	c.JEQ(operand.LabelRef("round"))
	for m := range k.rows {
		each(m, func(v int) {
			scaled := k.vec(factor+v%2, v)
			c.VMULPS_BCST(a.mem(dotSlope), sum(m, v), scaled)
			c.VMAXPS(sum(m, v), scaled, sum(m, v))
		})
	}
	c.Label("round")
	for m := range k.rows {
		each(m, func(v int) { c.VCVTPS2DQ(sum(m, v), sum(m, v)) })
		c.VPBROADCASTD(operand.Mem{Base: after, Disp: afterSize*m + afterZero}, zmm[factor])
		lo := zmm[m*V]
		hi := lo
		c.VPACKSSDW(zmm[m*V+min(1, V-1)], lo, lo)
		c.VPADDSW(zmm[factor], lo, lo)
		if V > 2 {
			hi = zmm[m*V+2]
			c.VPACKSSDW(zmm[m*V+min(3, V-1)], hi, hi)
			c.VPADDSW(zmm[factor], hi, hi)
		}
		c.VPACKUSWB(hi, lo, lo)
		c.VPERMD(lo, zmm[order], lo)
		c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
		c.VMOVDQU8(lo, reg.K2, operand.Mem{Base: q, Index: outOff, Scale: 1})
	}
}

// store activates the sums and stores them; registers from spent on are free.
func (k dotKernel) store(a args, h hswish, out, outOff reg.GPVirtual, spent int) {
	c, V := a.c, k.vectors()
	each := func(activate func(x reg.VecPhysical, m, v int)) {
		for m := range k.rows {
			q := c.GP64()
			c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
			for v := range V {
				x := k.vec(m*V+v, v)
				activate(x, m, v)
				dst := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v}
				if v == V-1 {
					c.VMOVUPS(x, reg.K1, dst)
				} else {
					c.VMOVUPS(x, dst)
				}
			}
		}
	}
	either(a, dotHSwish, 0, func() {
		c.VBROADCASTSS(a.mem(dotSlope), zmm[spent])
		each(func(x reg.VecPhysical, _, v int) {
			c.VMULPS(x, k.vec(spent, v), k.vec(spent+1, v))
			c.VMAXPS(x, k.vec(spent+1, v), x)
		})
	}, func() {
		each(func(x reg.VecPhysical, m, v int) { h.avx512(x, k.vec(spent+(m*V+v)%2, v)) })
	})
}
