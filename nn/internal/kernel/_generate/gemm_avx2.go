package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gemm2Kernel is an AVX2 micro-kernel of rows outputs and wide vectors of
// eight pixels.
type gemm2Kernel struct{ rows, wide int }

func (k gemm2Kernel) name() string { return fmt.Sprintf("gemm256r%dw%d", k.rows, k.wide) }

// gemm256Kernels lists the shapes that fit 16 registers: four rows of three
// vectors or six of two. Those of one vector do the end of a plane.
func gemm256Kernels() []gemm2Kernel {
	var list []gemm2Kernel
	for wide := 1; wide <= 3; wide++ {
		for rows := 1; rows <= 6; rows++ {
			if rows*wide+wide+1 <= 16 {
				list = append(list, gemm2Kernel{rows, wide})
			}
		}
	}
	return list
}

func gemm256All(c *build.Context) {
	table := tailMasks(c, "tailMasks")
	h := newHSwish(c)
	for _, k := range gemm256Kernels() {
		k.generate(c, table, h)
	}
}

// generate writes the kernel. The loop does two inputs a turn, without which
// its speed depends on where the code happens to lie. A single vector has two
// sums for each output so that FMAs need not wait for each other, and is stored
// under a mask, which is slow but rare; the field mask is its number of pixels.
func (k gemm2Kernel) generate(c *build.Context, table operand.Mem, h hswish) {
	a := function(c, k.name(), fmt.Sprintf("%s does row tiles of %d outputs for %d vectors of pixels.", k.name(), k.rows, k.wide))
	out, res, w, bias := a.load(argOut), a.load(argRes), a.load(argW), a.load(argBias)
	tiles, inOff, outOff := a.load(argTiles), a.load(argInOff), a.load(argOutOff)

	R, V := k.rows, k.wide
	parts := 1
	if V == 1 {
		parts = 2
	}
	sum := func(part, m, v int) reg.VecPhysical { return ymm[(part*R+m)*V+v] }
	first := parts * R * V
	input := func(v int) reg.VecPhysical { return ymm[first+v] }
	spare := min(2, 16-first-V)

	next := c.GP64() // as in the AVX-512 kernels
	c.LEAQ(operand.Mem{Base: inOff, Disp: 32 * V}, next)

	c.Label("tile")
	for m := range R {
		c.VBROADCASTSS(operand.Mem{Base: bias, Disp: 4 * m}, sum(0, m, 0))
		for v := 1; v < V; v++ {
			c.VMOVAPS(sum(0, m, 0), sum(0, m, v))
		}
		if parts == 2 {
			c.VXORPS(sum(1, m, 0), sum(1, m, 0), sum(1, m, 0))
		}
	}
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("sums"))
	for m := range R {
		q := c.GP64()
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		for v := range V {
			c.VADDPS(operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 32 * v}, sum(0, m, v), sum(0, m, v))
		}
	}
	c.ADDQ(operand.U32(8*R), res)

	c.Label("sums")
	in, n := a.load(argIn), a.load(argK)
	step := func(i int) {
		p := c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p)
		for v := range V {
			c.VMOVUPS(operand.Mem{Base: p, Index: inOff, Scale: 1, Disp: 32 * v}, input(v))
		}
		c.PREFETCHT1(operand.Mem{Base: p, Index: next, Scale: 1})
		for m := range R {
			weight := ymm[first+V+m%spare]
			c.VBROADCASTSS(operand.Mem{Base: w, Disp: 4 * (i*R + m)}, weight)
			for v := range V {
				c.VFMADD231PS(weight, input(v), sum(i%parts, m, v))
			}
		}
	}
	c.SUBQ(operand.Imm(2), n)
	c.JCS(operand.LabelRef("last"))
	c.Label("inputs")
	step(0)
	step(1)
	c.ADDQ(operand.U32(8*R), w)
	c.ADDQ(operand.Imm(16), in)
	c.SUBQ(operand.Imm(2), n)
	c.JCC(operand.LabelRef("inputs"))
	c.Label("last")
	c.CMPQ(n, operand.I8(-1))
	c.JNE(operand.LabelRef("store"))
	step(0)
	c.ADDQ(operand.U32(4*R), w)

	c.Label("store")
	c.ADDQ(operand.Imm(64), next)
	slope, scaled := ymm[first], ymm[first+1]
	if parts == 2 {
		for m := range R {
			c.VADDPS(sum(1, m, 0), sum(0, m, 0), sum(0, m, 0))
		}
	}
	mask := sum(parts-1, R-1, 0) // of no use by now if there are two parts
	if parts == 2 {
		at, count := c.GP64(), a.load(argMask)
		c.LEAQ(table, at)
		c.NEGQ(count)
		c.VMOVUPS(operand.Mem{Base: at, Index: count, Scale: 4, Disp: 32}, mask)
	}
	store := func(activate func(s reg.VecPhysical)) {
		for m := range R {
			q := c.GP64()
			c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
			for v := range V {
				s := sum(0, m, v)
				activate(s)
				dst := operand.Mem{Base: q, Index: outOff, Scale: 1, Disp: 32 * v}
				if parts == 2 {
					c.VMASKMOVPS(s, mask, dst)
				} else {
					c.VMOVUPS(s, dst)
				}
			}
		}
	}
	either(a, argHSwish, 0, func() {
		c.VBROADCASTSS(a.mem(argSlope), slope)
		store(func(s reg.VecPhysical) {
			c.VMULPS(s, slope, scaled)
			c.VMAXPS(s, scaled, s)
		})
	}, func() { store(func(s reg.VecPhysical) { h.avx2(s, scaled) }) })
	c.ADDQ(operand.U32(8*R), out)
	c.ADDQ(operand.U32(4*R), bias)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
}
