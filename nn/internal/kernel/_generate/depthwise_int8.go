package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of depthwiseInt8Args.
const (
	dwqIn        = 0
	dwqOut       = 8
	dwqW         = 16
	dwqAfter     = 24
	dwqStarts    = 32
	dwqPlanes    = 40
	dwqInRows    = 48
	dwqOutRows   = 56
	dwqRow       = 64
	dwqOutRow    = 72
	dwqInOff     = 80
	dwqOutOff    = 88
	dwqControls  = 96
	dwqStartStep = 104
	dwqSlope     = 112
	dwqFloats    = 116
	dwqInside    = 120
	dwqColumns   = 128
	dwqMasks     = 136
)

// depthwiseAfter of the package: scale, bias, output zero, input zero.
const (
	dwqScale     = 0
	dwqBias      = 4
	dwqZero      = 8
	dwqInZero    = 12
	dwqAfterSize = 16
)

// depthwiseInt8Kernel is a depthwise convolution of bytes that walks down a strip
// of eight or, with AVX512_VBMI, sixteen columns.
type depthwiseInt8Kernel struct {
	dot       *dot256Instruction
	wide      bool
	k, stride int
}

func (d depthwiseInt8Kernel) name() string {
	if d.wide {
		return fmt.Sprintf("depthwiseVBMIk%ds%d", d.k, d.stride)
	}
	return fmt.Sprintf("depthwise%sk%ds%d", d.dot.prefix, d.k, d.stride)
}

func (d depthwiseInt8Kernel) columns() int {
	if d.wide {
		return 16
	}
	return 8
}

// parts is how many registers of gathered taps a row of the filter takes.
func (d depthwiseInt8Kernel) parts() int {
	perLane := 4
	if d.dot == madd {
		perLane = 2
	}
	return (d.k + perLane - 1) / perLane
}

// alive is how many output rows an input row can add to.
func (d depthwiseInt8Kernel) alive() int { return (d.k + d.stride - 1) / d.stride }

func depthwiseInt8Kernels() []depthwiseInt8Kernel {
	var list []depthwiseInt8Kernel
	for _, d := range []depthwiseInt8Kernel{{dot: madd}, {dot: vnni256}, {dot: evex256}, {dot: evex256, wide: true}} {
		for _, d.k = range []int{3, 5} {
			for d.stride = 1; d.stride <= 2; d.stride++ {
				list = append(list, d)
			}
		}
	}
	return list
}

func depthwiseInt8All(c *build.Context) {
	order := byteOrder(c, "depthwiseOrder")
	blocks := blockOrder(c, 16)
	for _, d := range depthwiseInt8Kernels() {
		g := &depthwiseInt8Generator{depthwiseInt8Kernel: d, order: order}
		if d.wide {
			g.order = blocks
		}
		g.generate(c)
	}
}

// depthwiseInt8Generator writes one kernel.
type depthwiseInt8Generator struct {
	depthwiseInt8Kernel
	args
	order                                operand.Mem
	w, after, starts, controls, src, dst reg.GPVirtual
	row, outRow, y, n                    reg.GPVirtual
	sums, taps, filter                   []reg.VecPhysical // filter: weights that have registers
	gathers                              []reg.VecPhysical // of wide kernels: how taps are gathered
	weight, spare, raw, zeros, shuffle   reg.VecPhysical
	scale, bias, zero                    reg.VecPhysical
	labels                               int
}

// allot gives registers out.
func (g *depthwiseInt8Generator) allot() {
	all := ymm[:16]
	if g.wide {
		all = zmm
	}
	take := func(n int) []reg.VecPhysical {
		list := all[:n]
		all = all[n:]
		return list
	}
	one := func() reg.VecPhysical { return take(1)[0] }
	g.sums, g.taps = take(g.alive()), take(g.parts())
	g.zeros, g.shuffle, g.weight = one(), one(), one()
	if g.wide {
		g.gathers = take(g.parts())
	} else {
		g.raw = one()
	}
	g.spare = g.weight
	if g.dot == madd {
		g.spare = one()
	}
	g.scale, g.bias, g.zero = one(), one(), one()
	if n := g.k * g.parts(); n <= len(all) {
		g.filter = take(n)
	}
}

// generate writes the kernel. Each input row is read and gathered once, all taps of
// an output in a lane, and added to the output rows that see it. Rows above and
// below the plane are gathered from the byte that stands for 0.
func (g *depthwiseInt8Generator) generate(c *build.Context) {
	g.args = function(c, g.name(), fmt.Sprintf("%s does a strip of %d columns of %dx%d filters with stride %d.", g.name(), g.columns(), g.k, g.k, g.stride))
	g.allot()
	g.w, g.after, g.starts, g.controls = g.load(dwqW), g.load(dwqAfter), g.load(dwqStarts), g.load(dwqControls)
	g.row, g.outRow = g.load(dwqRow), g.load(dwqOutRow)
	g.src, g.dst, g.y, g.n = c.GP64(), c.GP64(), c.GP64(), c.GP64()
	if g.wide {
		c.VMOVDQU32(g.order, g.shuffle)
		c.MOVQ(g.mem(dwqColumns), g.n)
		c.KMOVW(g.n.As32(), reg.K1)
		c.MOVQ(g.mem(dwqMasks), g.n)
		for p := range g.parts() {
			c.VMOVDQU32(operand.Mem{Base: g.controls, Disp: 64 * p}, g.gathers[p])
			c.KMOVQ(operand.Mem{Base: g.n, Disp: 8 * p}, []reg.Register{reg.K2, reg.K3}[p])
		}
	} else {
		c.VMOVDQU(g.order, g.shuffle)
	}

	c.Label("plane")
	for _, table := range []struct {
		at, off int
		to      reg.GPVirtual
	}{{dwqIn, dwqInOff, g.src}, {dwqOut, dwqOutOff, g.dst}} {
		c.MOVQ(g.mem(table.at), g.n)
		c.MOVQ(operand.Mem{Base: g.n}, table.to)
		c.ADDQ(g.mem(table.off), table.to)
		c.ADDQ(operand.Imm(8), g.mem(table.at))
	}
	g.spread(operand.Mem{Base: g.after, Disp: dwqInZero}, g.zeros)
	g.spread(operand.Mem{Base: g.after, Disp: dwqScale}, g.scale)
	g.spread(operand.Mem{Base: g.after, Disp: dwqBias}, g.bias)
	g.spread(operand.Mem{Base: g.after, Disp: dwqZero}, g.zero)
	for i, f := range g.filter {
		g.spread(operand.Mem{Base: g.w, Disp: 4 * i}, f)
	}
	for _, s := range g.sums {
		g.loadStart(s)
	}
	c.MOVQ(operand.I32(int32(-(g.k / 2))), g.y)
	for i := range g.k - g.stride {
		g.line(i, true)
	}
	c.CMPL(g.mem(dwqFloats), operand.Imm(0))
	c.JNE(operand.LabelRef("floats"))
	g.variants(false)
	c.Label("floats")
	g.variants(true)

	c.Label("next")
	c.ADDQ(operand.Imm(uint64(4*g.k*g.parts())), g.w)
	c.ADDQ(operand.Imm(dwqAfterSize), g.after)
	c.ADDQ(g.mem(dwqStartStep), g.starts)
	c.DECQ(g.mem(dwqPlanes))
	c.JNE(operand.LabelRef("plane"))
	c.VZEROUPPER()
	c.RET()
}

// variants writes the loops over output rows, with and without an activation.
func (g *depthwiseInt8Generator) variants(floats bool) {
	name := fmt.Sprintf("leaky%v", floats)
	g.c.CMPL(g.mem(dwqSlope), operand.U32(math.Float32bits(1)))
	g.c.JNE(operand.LabelRef(name))
	g.rows(floats, false)
	g.c.JMP(operand.LabelRef("next"))
	g.c.Label(name)
	g.rows(floats, true)
	if !floats {
		g.c.JMP(operand.LabelRef("next"))
	}
}

// rows writes the loops over output rows: those whose input rows lie inside the
// plane, and the last ones.
func (g *depthwiseInt8Generator) rows(floats, leaky bool) {
	c := g.c
	for _, inside := range []bool{true, false} {
		g.labels++
		loop, end := fmt.Sprintf("row%d", g.labels), fmt.Sprintf("end%d", g.labels)
		c.MOVQ(g.mem(dwqInside), g.n)
		if !inside {
			c.NEGQ(g.n)
			c.ADDQ(g.mem(dwqOutRows), g.n)
		}
		c.TESTQ(g.n, g.n)
		c.JEQ(operand.LabelRef(end))
		c.Label(loop)
		for i := range g.stride {
			g.line(g.k-g.stride+i, !inside)
		}
		g.store(floats, leaky)
		for i := range g.alive() - 1 {
			if g.wide {
				c.VMOVDQA32(g.sums[i+1], g.sums[i])
			} else {
				c.VMOVDQA(g.sums[i+1], g.sums[i])
			}
		}
		g.loadStart(g.sums[g.alive()-1])
		c.ADDQ(g.outRow, g.dst)
		c.DECQ(g.n)
		c.JNE(operand.LabelRef(loop))
		c.Label(end)
		if inside {
			c.ADDQ(g.mem(dwqInside), g.y)
			if g.stride == 2 {
				c.ADDQ(g.mem(dwqInside), g.y)
			}
		}
	}
}

func (g *depthwiseInt8Generator) spread(m operand.Mem, to reg.VecPhysical) { g.c.VPBROADCASTD(m, to) }

func (g *depthwiseInt8Generator) loadStart(s reg.VecPhysical) {
	if g.wide {
		g.c.VMOVDQU32(operand.Mem{Base: g.starts}, s)
	} else {
		g.c.VMOVDQU(operand.Mem{Base: g.starts}, s)
	}
}

// line adds an input row to the output rows whose row of the filter it meets: that
// of sum i is first-i*stride. If it may lie outside the plane, y says whether.
func (g *depthwiseInt8Generator) line(first int, maybeOutside bool) {
	c := g.c
	g.labels++
	gather := fmt.Sprintf("gather%d", g.labels)
	masks := []reg.Register{reg.K2, reg.K3}
	if maybeOutside {
		if !g.wide {
			c.VMOVDQA(g.zeros, g.raw)
		}
		for p := range g.parts() {
			if g.wide {
				c.VPERMB_Z(g.zeros, g.gathers[p], masks[p], g.taps[p])
			}
		}
		c.CMPQ(g.y, g.mem(dwqInRows))
		c.JCC(operand.LabelRef(gather)) // as an unsigned number it is below 0, too
	}
	switch {
	case g.wide:
		for p := range g.parts() {
			c.VPERMB_Z(operand.Mem{Base: g.src}, g.gathers[p], masks[p], g.taps[p])
		}
	case g.stride == 1:
		c.VBROADCASTI128(operand.Mem{Base: g.src}, g.raw)
	default:
		c.VMOVDQU(operand.Mem{Base: g.src}, g.raw.AsX())
		c.VINSERTI128(operand.Imm(1), operand.Mem{Base: g.src, Disp: 8}, g.raw, g.raw)
	}
	if maybeOutside {
		c.Label(gather)
		c.INCQ(g.y)
	}
	if !g.wide {
		for p := range g.parts() {
			c.VPSHUFB(operand.Mem{Base: g.controls, Disp: 32 * p}, g.raw, g.taps[p])
		}
	}
	for i := range g.alive() {
		dy := first - i*g.stride
		if dy < 0 || dy >= g.k {
			continue
		}
		for p := range g.parts() {
			weight := g.weight
			if g.filter != nil {
				weight = g.filter[dy*g.parts()+p]
			} else {
				g.spread(operand.Mem{Base: g.w, Disp: 4 * (dy*g.parts() + p)}, weight)
			}
			g.dot.multiply(c, weight, g.taps[p], g.sums[i], g.spare, false)
		}
	}
	c.ADDQ(g.row, g.src)
}

// store scales and activates a sum and stores it as float32 or as bytes.
func (g *depthwiseInt8Generator) store(floats, leaky bool) {
	c, sum, t := g.c, g.sums[0], g.weight
	c.VCVTDQ2PS(sum, sum)
	c.VFMADD213PS(g.bias, g.scale, sum)
	if leaky {
		if g.wide {
			c.VMULPS_BCST(g.mem(dwqSlope), sum, t)
		} else {
			c.VBROADCASTSS(g.mem(dwqSlope), t)
			c.VMULPS(sum, t, t)
		}
		c.VMAXPS(sum, t, sum)
	}
	dst := operand.Mem{Base: g.dst}
	switch {
	case floats && g.wide:
		c.VMOVUPS(sum, reg.K1, dst)
		return
	case floats:
		c.VMOVUPS(sum, dst)
		return
	}
	c.VCVTPS2DQ(sum, sum)
	c.VPACKSSDW(sum, sum, sum)
	c.VPADDSW(g.zero, sum, sum)
	c.VPACKUSWB(sum, sum, sum)
	c.VPERMD(sum, g.shuffle, sum)
	if g.wide {
		c.VMOVDQU(sum.AsX(), dst)
	} else {
		c.VMOVQ(sum.AsX(), dst)
	}
}
