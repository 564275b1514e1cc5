package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	attrNoSplit = attr.NOSPLIT
	attrRodata  = attr.RODATA | attr.NOPTR
)

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
	argMask   = 72
	argSlope  = 80
	argFloor  = 84
	argHSwish = 88
	argNext   = 96
	argStep   = 104
)

// gemmKernel is a micro-kernel of rows outputs and wide full vectors of
// pixels, plus half a vector if half is 1.
type gemmKernel struct{ rows, wide, half int }

func (k gemmKernel) shape() int   { return k.wide<<1 | k.half }
func (k gemmKernel) vectors() int { return k.wide + k.half }
func (k gemmKernel) name() string {
	return fmt.Sprintf("gemm512r%dw%dh%d", k.rows, k.wide, k.half)
}
func (k gemmKernel) registers() int    { return k.rows*k.vectors() + k.vectors() + 1 }
func (k gemmKernel) isHalf(v int) bool { return v == k.wide }

// gemm512Kernels lists the shapes that fit 32 registers: sums, one row of
// inputs and at least one weight. Above nine rows nothing is gained, because a
// plane is cut into tiles of three or four vectors anyway.
func gemm512Kernels() []gemmKernel {
	var list []gemmKernel
	for wide := 0; wide <= 4; wide++ {
		for half := 0; half <= 1; half++ {
			for rows := 1; rows <= 9; rows++ {
				k := gemmKernel{rows, wide, half}
				if v := k.vectors(); v >= 1 && v <= 4 && k.registers() <= 32 {
					list = append(list, k)
				}
			}
		}
	}
	return list
}

func gemm512All(c *build.Context) {
	h := newHSwish(c)
	for _, k := range gemm512Kernels() {
		k.generate512(c, h)
	}
}

// generate512 writes the kernel. Zen 4 runs a zmm FMA each cycle, which 2
// vector loads and the weight broadcasts of a tile leave room for; the half
// vector costs half of it, so borders are padded to 8 pixels, not 16.
func (k gemmKernel) generate512(c *build.Context, h hswish) {
	a := function(c, k.name(), fmt.Sprintf("%s does row tiles of %d outputs for %d.%d vectors of pixels.", k.name(), k.rows, k.wide, 5*k.half))
	out, res, w, bias := a.load(argOut), a.load(argRes), a.load(argW), a.load(argBias)
	tiles, inOff, outOff := a.load(argTiles), a.load(argInOff), a.load(argOutOff)
	mask := a.load(argMask)
	c.KMOVW(mask.As32(), reg.K1)

	V := k.vectors()
	vec := func(i, v int) reg.VecPhysical {
		if k.isHalf(v) {
			return ymm[i]
		}
		return zmm[i]
	}
	sum := func(m, v int) reg.VecPhysical { return vec(m*V+v, v) }
	first := k.rows * V // first register behind the sums
	input := func(v int) reg.VecPhysical { return vec(first+v, v) }
	spare := 32 - first - V

	// Each row tile fetches another cache line, of every input, of what the next
	// pixel tile will need.
	next := a.load(argNext)

	c.Label("tile")
	for m := range k.rows {
		c.VBROADCASTSS(operand.Mem{Base: bias, Disp: 4 * m}, zmm[m*V])
		for v := 1; v < V; v++ {
			c.VMOVAPS(zmm[m*V], zmm[m*V+v])
		}
	}
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("sums"))
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
	// A residual lies far away, and its sums wait for it: the next row tile's is
	// fetched now.
	c.CMPQ(tiles, operand.Imm(1))
	c.JEQ(operand.LabelRef("sums"))
	for m := range k.rows {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		for v := range V {
			c.PREFETCHT0(operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v})
		}
	}

	c.Label("sums")
	for m := range k.rows {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
		for v := range V {
			c.PREFETCHT0(operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v})
		}
	}
	in, n := a.load(argIn), a.load(argK)
	c.Label("input")
	p := c.GP64()
	c.MOVQ(operand.Mem{Base: in}, p)
	c.ADDQ(operand.Imm(8), in)
	for v := range V {
		src := operand.Mem{Base: p, Index: inOff, Scale: 1, Disp: 64 * v}
		if v == V-1 {
			c.VMOVUPS_Z(src, reg.K1, input(v))
		} else {
			c.VMOVUPS(src, input(v))
		}
	}
	c.PREFETCHT1(operand.Mem{Base: p, Index: next, Scale: 1})
	c.PREFETCHT0(operand.Mem{Base: w, Disp: 1024})
	for m := range k.rows {
		weight := first + V + m%spare
		c.VBROADCASTSS(operand.Mem{Base: w, Disp: 4 * m}, zmm[weight])
		for v := range V {
			c.VFMADD231PS(vec(weight, v), input(v), sum(m, v))
		}
	}
	c.ADDQ(operand.U32(4*k.rows), w)
	c.DECQ(n)
	c.JNE(operand.LabelRef("input"))

	c.ADDQ(a.mem(argStep), next)
	spent := first // of the inputs' registers, which are free now
	store := func(activate func(m, v int)) {
		for m := range k.rows {
			q := c.GP64()
			c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
			for v := range V {
				activate(m, v)
				dst := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 64 * v}
				if v == V-1 {
					c.VMOVUPS(sum(m, v), reg.K1, dst)
				} else {
					c.VMOVUPS(sum(m, v), dst)
				}
			}
		}
	}
	// With few inputs the epilogue counts: a ReLU, or nothing, is one maximum.
	hswishIf(a, argHSwish, "hswish")
	plainIf(a, operand.LabelRef("plain"))
	c.VBROADCASTSS(a.mem(argSlope), zmm[spent])
	store(func(m, v int) {
		c.VMULPS(sum(m, v), vec(spent, v), vec(spent+1, v))
		c.VMAXPS(sum(m, v), vec(spent+1, v), sum(m, v))
	})
	c.JMP(operand.LabelRef("stored"))
	c.Label("hswish")
	store(func(m, v int) { h.avx512(sum(m, v), vec(spent+(m*V+v)%2, v)) })
	c.JMP(operand.LabelRef("stored"))
	c.Label("plain")
	c.VBROADCASTSS(a.mem(argFloor), zmm[spent])
	store(func(m, v int) { c.VMAXPS(sum(m, v), vec(spent, v), sum(m, v)) })
	c.Label("stored")
	c.ADDQ(operand.U32(8*k.rows), out)
	c.ADDQ(operand.U32(4*k.rows), bias)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
}

// plainIf jumps if the activation is the maximum of a sum and argFloor.
func plainIf(a args, to operand.LabelRef) {
	for _, slope := range []float32{0, 1} {
		a.c.CMPL(a.mem(argSlope), operand.U32(math.Float32bits(slope)))
		a.c.JEQ(to)
	}
}
