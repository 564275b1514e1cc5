package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of depthwiseArgs.
const (
	dwIn     = 0
	dwOut    = 8
	dwW      = 16
	dwBias   = 24
	dwPlanes = 32
	dwRows   = 40
	dwRow    = 48
	dwOutRow = 56
	dwInOff  = 64
	dwOutOff = 72
	dwSlope  = 80
	dwHSwish = 84
	dwMasks  = 88
)

// Masks of a strip, by their index in depthwiseArgs and their register. The
// left ones hold for the first vector, the others for the last one; before says
// which lanes of the vector before the last have a second neighbour.
const (
	maskLeft2 = iota
	maskLeft1
	maskHere
	maskRight1
	maskRight2
	maskBefore
)

var maskReg = []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4, reg.K5, reg.K6}

// depthwiseKernel works on a vertical strip of a plane: wide full vectors side
// by side, and half a vector if half is 1. It walks down the input rows and adds
// each row to the sums of all output rows that see it, so a row is loaded once
// for each column of the filter and no vector is ever shuffled (stride 1).
type depthwiseKernel struct {
	k, stride  int
	wide, half int
	split      bool // two sums for each output, to shorten the chains of FMAs
}

func (d depthwiseKernel) vectors() int { return d.wide + d.half }
func (d depthwiseKernel) shape() int   { return d.wide<<1 | d.half }
func (d depthwiseKernel) name() string {
	return fmt.Sprintf("depthwise512k%ds%dw%dh%d", d.k, d.stride, d.wide, d.half)
}

func depthwise512Kernels() []depthwiseKernel {
	return []depthwiseKernel{
		{3, 1, 0, 1, true}, {3, 1, 1, 0, true}, {3, 1, 1, 1, false}, {3, 1, 2, 0, false}, {3, 1, 2, 1, false}, {3, 1, 3, 0, false},
		{5, 1, 0, 1, true}, {5, 1, 1, 0, false}, {5, 1, 1, 1, false},
		{3, 2, 0, 1, false}, {3, 2, 1, 0, false}, {3, 2, 1, 1, false}, {3, 2, 2, 0, false}, {3, 2, 2, 1, false}, {3, 2, 3, 0, false},
		{5, 2, 0, 1, false}, {5, 2, 1, 0, false}, {5, 2, 1, 1, false},
	}
}

func depthwise512All(c *build.Context) {
	index, h := lanePairs(c), newHSwish(c)
	for _, d := range depthwise512Kernels() {
		g := &depthwiseGen{depthwiseKernel: d, c: c, h: h}
		g.begin()
		if d.stride == 1 {
			g.stride1()
		} else {
			g.stride2(index)
		}
		g.end()
	}
}

// depthwiseGen holds the registers of one kernel while it is written.
type depthwiseGen struct {
	depthwiseKernel
	c       *build.Context
	h       hswish
	a       args
	stores  int // places in the code that store a row
	src     reg.GPVirtual
	dst     reg.GPVirtual
	row     reg.GPVirtual
	outRow  reg.GPVirtual
	rows    reg.GPVirtual
	w, bias reg.GPVirtual
	in, out reg.GPVirtual
	planes  reg.GPVirtual
	next    int   // first free vector register
	weights []int // registers of the first filter taps; the others stay in memory
}

// begin reads the arguments and starts the loop over planes.
func (g *depthwiseGen) begin() {
	c := g.c
	g.a = function(c, g.name(), fmt.Sprintf("%s does a strip of %d.%d vectors of a %dx%d depthwise with stride %d.", g.name(), g.wide, 5*g.half, g.k, g.k, g.stride))
	g.in, g.out, g.w, g.bias = g.a.load(dwIn), g.a.load(dwOut), g.a.load(dwW), g.a.load(dwBias)
	g.planes, g.row, g.outRow = g.a.load(dwPlanes), g.a.load(dwRow), g.a.load(dwOutRow)
	for i, k := range maskReg {
		c.KMOVW(g.a.mem(dwMasks+2*i), k)
	}
	c.Label("plane")
	g.src, g.dst = c.GP64(), c.GP64()
	c.MOVQ(operand.Mem{Base: g.in}, g.src)
	c.ADDQ(g.a.mem(dwInOff), g.src)
	c.MOVQ(operand.Mem{Base: g.out}, g.dst)
	c.ADDQ(g.a.mem(dwOutOff), g.dst)
	g.rows = g.a.load(dwRows)
}

// end closes the loop over planes.
func (g *depthwiseGen) end() {
	c := g.c
	c.ADDQ(operand.Imm(8), g.in)
	c.ADDQ(operand.Imm(8), g.out)
	c.ADDQ(operand.U32(4*g.k*g.k), g.w)
	c.ADDQ(operand.Imm(4), g.bias)
	c.DECQ(g.planes)
	c.JNE(operand.LabelRef("plane"))
	c.VZEROUPPER()
	c.RET()
}

// take reserves n vector registers and returns the first.
func (g *depthwiseGen) take(n int) int {
	g.next += n
	if g.next > 32 {
		panic(g.name() + " needs too many registers")
	}
	return g.next - n
}

// keepWeights loads as many filter taps as there are registers left.
func (g *depthwiseGen) keepWeights() {
	for i := 0; i < g.k*g.k && g.next < 32; i++ {
		r := g.take(1)
		g.c.VBROADCASTSS(operand.Mem{Base: g.w, Disp: 4 * i}, zmm[r])
		g.weights = append(g.weights, r)
	}
}

// vec returns register i in the width of vector v of the strip.
func (g *depthwiseGen) vec(i, v int) reg.VecPhysical {
	if v == g.wide {
		return ymm[i]
	}
	return zmm[i]
}

// fma adds tap*x to sum, or sets it if first is set.
func (g *depthwiseGen) fma(tap, x, sum, v int, first bool) {
	mem := operand.Mem{Base: g.w, Disp: 4 * tap}
	switch kept := tap < len(g.weights); {
	case kept && first:
		g.c.VMULPS(g.vec(g.weights[tap], v), g.vec(x, v), g.vec(sum, v))
	case kept:
		g.c.VFMADD231PS(g.vec(g.weights[tap], v), g.vec(x, v), g.vec(sum, v))
	case first:
		g.c.VMULPS_BCST(mem, g.vec(x, v), g.vec(sum, v))
	default:
		g.c.VFMADD231PS_BCST(mem, g.vec(x, v), g.vec(sum, v))
	}
}

// setBias starts a sum.
func (g *depthwiseGen) setBias(sum, v int) {
	g.c.VBROADCASTSS(operand.Mem{Base: g.bias}, g.vec(sum, v))
}

// store activates the sums of a row and writes them. sum and temp name the
// registers of a vector.
func (g *depthwiseGen) store(sum, temp func(v int) int) {
	each := func(activate func(s, t reg.VecPhysical)) {
		for v := range g.vectors() {
			activate(g.vec(sum(v), v), g.vec(temp(v), v))
			g.write(g.vec(sum(v), v), v)
		}
	}
	g.stores++
	either(g.a, dwHSwish, g.stores, func() {
		each(func(s, t reg.VecPhysical) {
			g.c.VMULPS_BCST(g.a.mem(dwSlope), s, t)
			g.c.VMAXPS(s, t, s)
		})
	}, func() { each(g.h.avx512) })
}

func (g *depthwiseGen) write(s reg.VecPhysical, v int) {
	dst := operand.Mem{Base: g.dst, Disp: 64 * v}
	if v == g.vectors()-1 {
		g.c.VMOVUPS(s, maskReg[maskHere], dst)
	} else {
		g.c.VMOVUPS(s, dst)
	}
}

// loadColumn loads vector v of the input row, shifted by dx columns, with zeros
// where the row ends.
func (g *depthwiseGen) loadColumn(dx, v, x int) {
	src := operand.Mem{Base: g.src, Disp: 64*v + 4*dx}
	last := g.vectors() - 1
	mask := -1
	switch {
	case v == last && dx == 0:
		mask = maskHere
	case v == last && dx == 1:
		mask = maskRight1
	case v == last && dx == 2:
		mask = maskRight2
	case v == last-1 && dx == 2:
		mask = maskBefore
	case v == 0 && dx == -1:
		mask = maskLeft1
	case v == 0 && dx == -2:
		mask = maskLeft2
	}
	if mask < 0 {
		g.c.VMOVUPS(src, g.vec(x, v))
		return
	}
	g.c.VMOVUPS_Z(src, maskReg[mask], g.vec(x, v))
}

// stride1 writes the walk down a strip. sums[i] belongs to the output row whose
// filter's row k-1-i meets the present input row; sums[0] is complete after it.
func (g *depthwiseGen) stride1() {
	c, k, V, pad := g.c, g.k, g.vectors(), g.k/2
	parts := 1
	if g.split {
		parts = 2
	}
	sums := g.take(parts * k * V)
	sum := func(part, i, v int) int { return sums + (part*k+i)*V + v }
	temps := g.take(min(2, 32-g.next))
	if V > 1 && g.next < 32 {
		g.take(1)
	}
	tempCount := g.next - temps
	g.keepWeights()

	wait := c.GP64() // input rows until the first output row is complete, less one
	c.MOVQ(operand.U32(uint32(pad)), wait)
	for v := range V {
		for i := range k {
			g.setBias(sum(0, i, v), v)
			for part := 1; part < parts; part++ {
				z := zmm[sum(part, i, v)]
				c.VPXORD(z, z, z)
			}
		}
	}
	c.Label("row")
	turn := 0
	for j := range k {
		part := j % parts
		for v := range V {
			x := temps + turn%tempCount
			turn++
			g.loadColumn(j-pad, v, x)
			for i := range k {
				first := part > 0 && j == part && i == k-1
				g.fma((k-1-i)*k+j, x, sum(part, i, v), v, first)
			}
		}
	}
	c.ADDQ(g.row, g.src)
	c.Label("complete")
	c.DECQ(wait)
	c.JNS(operand.LabelRef("shift"))
	if g.split {
		for v := range V {
			s := g.vec(sum(0, 0, v), v)
			c.VADDPS(g.vec(sum(1, 0, v), v), s, s)
		}
	}
	g.store(func(v int) int { return sum(0, 0, v) }, func(v int) int { return temps + v%tempCount })
	c.ADDQ(g.outRow, g.dst)
	c.Label("shift")
	for v := range V {
		for part := range parts {
			for i := range k - 1 {
				c.VMOVAPS(g.vec(sum(part, i+1, v), v), g.vec(sum(part, i, v), v))
			}
		}
		g.setBias(sum(0, k-1, v), v)
	}
	// Below the last input row, what is left of the sums is stored.
	c.DECQ(g.rows)
	c.JG(operand.LabelRef("row"))
	c.CMPQ(g.rows, operand.I8(-pad))
	c.JG(operand.LabelRef("complete"))
}

// stride2 writes the walk for stride 2: each turn takes two input rows. Rows
// are sorted into even and odd columns by two shuffles; the neighbours of those
// come from lane shifts that take in one more float from memory. The zero guard
// stands in for a row below an odd last row.
func (g *depthwiseGen) stride2(index [2]operand.Mem) {
	c, k, V, pad := g.c, g.k, g.vectors(), g.k/2
	perVector := 2 // output rows y, y+1 and for k = 5, before them, y-1
	if k == 5 {
		perVector = 3
	}
	sums := g.take(perVector * V)
	sum := func(row, v int) int { return sums + (row+perVector-2)*V + v } // row -1, 0, 1
	even, odd, evenIndex, oddIndex := g.take(1), g.take(1), g.take(1), g.take(1)
	temps := g.take(min(2, 32-g.next))
	tempCount := g.next - temps
	c.VMOVUPS(index[0], zmm[evenIndex])
	c.VMOVUPS(index[1], zmm[oddIndex])
	g.keepWeights()

	// walk calls f for every vector and the k columns of the filter with the
	// register that holds the inputs they meet in a row.
	walk := func(row operand.Mem, f func(v, j, x int)) {
		for v := range V {
			r := func(i int) reg.VecPhysical { return g.vec(i, v) }
			at := func(disp int) operand.Mem { m := row; m.Disp += 128*v + disp; return m }
			width, last := 64, v == V-1
			if v == g.wide {
				width = 32
			}
			temp := temps + v%tempCount
			c.VMOVUPS(at(0), r(even))
			c.VMOVUPS(at(width), r(temp))
			c.VMOVAPS(r(even), r(odd))
			c.VPERMT2PS(r(temp), r(evenIndex), r(even))
			if last {
				c.VPERMT2PS_Z(r(temp), r(oddIndex), maskReg[maskRight1], r(odd))
			} else {
				c.VPERMT2PS(r(temp), r(oddIndex), r(odd))
			}
			f(v, pad, even)
			f(v, pad+1, odd)
			for i := 1; i <= pad; i++ {
				if v == 0 {
					c.VBROADCASTSS_Z(at(-4*i), maskReg[maskLeft1], r(temp))
				} else {
					c.VBROADCASTSS(at(-4*i), r(temp))
				}
				x := odd
				if i == 2 {
					x = even
				}
				c.VALIGND(operand.Imm(uint64(width/4-1)), r(temp), r(x), r(temp))
				f(v, pad-i, temp)
			}
			if pad == 2 {
				c.VBROADCASTSS(at(2*width), r(temp))
				if last {
					c.VALIGND_Z(operand.Imm(1), r(even), r(temp), maskReg[maskRight2], r(temp))
				} else {
					c.VALIGND(operand.Imm(1), r(even), r(temp), r(temp))
				}
				f(v, pad+2, temp)
			}
		}
	}
	bias := func(row int) {
		for v := range V {
			g.setBias(sum(row, v), v)
		}
	}
	store := func(row int) {
		g.store(func(v int) int { return sum(row, v) }, func(v int) int { return temps + v%tempCount })
	}
	shift := func(from, to int) {
		for v := range V {
			c.VMOVAPS(g.vec(sum(from, v), v), g.vec(sum(to, v), v))
		}
	}
	first := operand.Mem{Base: g.src}
	second := operand.Mem{Base: g.src, Index: g.row, Scale: 1}
	next := func() {
		c.LEAQ(operand.Mem{Base: g.src, Index: g.row, Scale: 2}, g.src)
		c.DECQ(g.rows)
		c.JNE(operand.LabelRef("row"))
	}

	if k == 3 {
		bias(0)
		c.Label("row")
		walk(first, func(v, j, x int) { g.fma(3+j, x, sum(0, v), v, false) })
		bias(1)
		walk(second, func(v, j, x int) {
			g.fma(6+j, x, sum(0, v), v, false)
			g.fma(j, x, sum(1, v), v, false)
		})
		store(0)
		c.ADDQ(g.outRow, g.dst)
		shift(1, 0)
		next()
		return
	}
	bias(-1)
	bias(0)
	bias(1)
	wait := c.GP64()
	c.MOVQ(operand.U32(1), wait)
	c.Label("row")
	walk(first, func(v, j, x int) {
		g.fma(20+j, x, sum(-1, v), v, false)
		g.fma(10+j, x, sum(0, v), v, false)
		g.fma(j, x, sum(1, v), v, false)
	})
	c.DECQ(wait)
	c.JNS(operand.LabelRef("odd"))
	store(-1)
	c.ADDQ(g.outRow, g.dst)
	c.Label("odd")
	walk(second, func(v, j, x int) {
		g.fma(15+j, x, sum(0, v), v, false)
		g.fma(5+j, x, sum(1, v), v, false)
	})
	shift(0, -1)
	shift(1, 0)
	bias(1)
	next()
	store(-1)
}
