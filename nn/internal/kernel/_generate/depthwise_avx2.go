package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dwMaskTable is the offset of the AVX2 masks in depthwiseArgs: eight lanes of
// 32 bits for each of the first five masks.
const dwMaskTable = 104

// depthwise2Kernel is depthwiseKernel for AVX2. A strip is one or two vectors
// of eight columns; the last strip of a row overlaps the one before it, so that
// it is full too. Only planes of less than eight columns need the narrow form,
// which stores under a mask. Filter taps are stored eight times each because
// AVX2 cannot multiply by a broadcast operand in memory.
type depthwise2Kernel struct {
	k, stride, vectors int
	narrow             bool
}

func (d depthwise2Kernel) shape() int {
	if d.narrow {
		return d.vectors<<1 | 1
	}
	return d.vectors << 1
}

func (d depthwise2Kernel) name() string {
	form := ""
	if d.narrow {
		form = "narrow"
	}
	return fmt.Sprintf("depthwise256k%ds%dv%d%s", d.k, d.stride, d.vectors, form)
}

func depthwise256Kernels() []depthwise2Kernel {
	var list []depthwise2Kernel
	for _, k := range []int{3, 5} {
		for stride := 1; stride <= 2; stride++ {
			list = append(list, depthwise2Kernel{k, stride, 1, false}, depthwise2Kernel{k, stride, 1, true})
			if stride == 1 {
				list = append(list, depthwise2Kernel{k, stride, 2, false})
			}
		}
	}
	return list
}

func depthwise256All(c *build.Context) {
	h := newHSwish(c)
	for _, d := range depthwise256Kernels() {
		g := &depthwise2Gen{depthwise2Kernel: d, c: c, h: h}
		g.begin()
		if d.stride == 1 {
			g.stride1()
		} else {
			g.stride2()
		}
		g.end()
	}
}

type depthwise2Gen struct {
	depthwise2Kernel
	c                *build.Context
	h                hswish
	a                args
	stores           int // places in the code that store a row
	src, dst, rows   reg.GPVirtual
	row, outRow      reg.GPVirtual
	w, bias, in, out reg.GPVirtual
	planes, masks    reg.GPVirtual
	next             int
	weights          []int
}

func (g *depthwise2Gen) begin() {
	c := g.c
	g.a = function(c, g.name(), fmt.Sprintf("%s does a strip of %d vectors of a %dx%d depthwise with stride %d.", g.name(), g.vectors, g.k, g.k, g.stride))
	g.in, g.out, g.w, g.bias = g.a.load(dwIn), g.a.load(dwOut), g.a.load(dwW), g.a.load(dwBias)
	g.planes, g.row, g.outRow = g.a.load(dwPlanes), g.a.load(dwRow), g.a.load(dwOutRow)
	g.masks = g.a.load(dwMaskTable)
	c.Label("plane")
	g.src, g.dst = c.GP64(), c.GP64()
	c.MOVQ(operand.Mem{Base: g.in}, g.src)
	c.ADDQ(g.a.mem(dwInOff), g.src)
	c.MOVQ(operand.Mem{Base: g.out}, g.dst)
	c.ADDQ(g.a.mem(dwOutOff), g.dst)
	g.rows = g.a.load(dwRows)
}

func (g *depthwise2Gen) end() {
	c := g.c
	c.ADDQ(operand.Imm(8), g.in)
	c.ADDQ(operand.Imm(8), g.out)
	c.ADDQ(operand.U32(32*g.k*g.k), g.w)
	c.ADDQ(operand.Imm(4), g.bias)
	c.DECQ(g.planes)
	c.JNE(operand.LabelRef("plane"))
	c.VZEROUPPER()
	c.RET()
}

func (g *depthwise2Gen) take(n int) int {
	g.next += n
	if g.next > 16 {
		panic(g.name() + " needs too many registers")
	}
	return g.next - n
}

func (g *depthwise2Gen) keepWeights() {
	for i := 0; i < g.k*g.k && g.next < 16; i++ {
		r := g.take(1)
		g.c.VMOVUPS(g.weight(i), ymm[r])
		g.weights = append(g.weights, r)
	}
}

func (g *depthwise2Gen) weight(tap int) operand.Mem {
	return operand.Mem{Base: g.w, Disp: 32 * tap}
}

// tap returns the weight as an operand of an instruction.
func (g *depthwise2Gen) tap(tap int) operand.Op {
	if tap < len(g.weights) {
		return ymm[g.weights[tap]]
	}
	return g.weight(tap)
}

func (g *depthwise2Gen) mask(i int) operand.Mem {
	return operand.Mem{Base: g.masks, Disp: 32 * i}
}

func (g *depthwise2Gen) setBias(sum int) {
	g.c.VBROADCASTSS(operand.Mem{Base: g.bias}, ymm[sum])
}

// sideMask returns the mask of a column shift, or -1 for none.
func sideMask(dx int) int {
	switch dx {
	case -2:
		return maskLeft2
	case -1:
		return maskLeft1
	case 1:
		return maskRight1
	case 2:
		return maskRight2
	}
	return -1
}

// store activates the sums of a row, whose registers sum names, and writes them.
func (g *depthwise2Gen) store(sum func(v int) int, temp, temp2 int) {
	c := g.c
	each := func(activate func(s, t reg.VecPhysical)) {
		for v := range g.vectors {
			activate(ymm[sum(v)], ymm[temp])
			g.write(ymm[sum(v)], temp2, v)
		}
	}
	g.stores++
	either(g.a, dwHSwish, g.stores, func() {
		each(func(s, t reg.VecPhysical) {
			c.VBROADCASTSS(g.a.mem(dwSlope), t)
			c.VMULPS(s, t, t)
			c.VMAXPS(s, t, s)
		})
	}, func() { each(g.h.avx2) })
}

func (g *depthwise2Gen) write(s reg.VecPhysical, temp2, v int) {
	c := g.c
	dst := operand.Mem{Base: g.dst, Disp: 32 * v}
	if g.narrow {
		c.VMOVUPS(g.mask(maskHere), ymm[temp2])
		c.VMASKMOVPS(s, ymm[temp2], dst)
		return
	}
	c.VMOVUPS(s, dst)
}

func (g *depthwise2Gen) stride1() {
	c, k, V, pad := g.c, g.k, g.vectors, g.k/2
	parts := 3 - V // one vector alone has two sums for each output
	sums := g.take(parts * k * V)
	sum := func(part, i, v int) int { return sums + (part*k+i)*V + v }
	xs := g.take(2)
	temp := g.take(1)
	g.keepWeights()

	wait := c.GP64()
	c.MOVQ(operand.U32(uint32(pad)), wait)
	for v := range V {
		for i := range k {
			g.setBias(sum(0, i, v))
			if parts == 2 {
				z := ymm[sum(1, i, v)]
				c.VXORPS(z, z, z)
			}
		}
	}
	c.Label("row")
	for j := range k {
		part := j % parts
		for v := range V {
			x := ymm[xs+(j*V+v)%2]
			dx := j - pad
			c.VMOVUPS(operand.Mem{Base: g.src, Disp: 32*v + 4*dx}, x)
			if m := sideMask(dx); m >= 0 && (dx < 0 && v == 0 || dx > 0 && v == V-1) {
				c.VANDPS(g.mask(m), x, x)
			}
		}
		for i := range k {
			tap := (k-1-i)*k + j
			w := g.tap(tap)
			if V == 2 && tap >= len(g.weights) {
				c.VMOVUPS(w, ymm[temp])
				w = ymm[temp]
			}
			for v := range V {
				x, s := ymm[xs+(j*V+v)%2], ymm[sum(part, i, v)]
				if part == 1 && j == 1 && i == k-1 {
					c.VMULPS(w, x, s)
				} else {
					c.VFMADD231PS(w, x, s)
				}
			}
		}
	}
	c.ADDQ(g.row, g.src)
	c.Label("complete")
	c.DECQ(wait)
	c.JNS(operand.LabelRef("shift"))
	if parts == 2 {
		for v := range V {
			s := sum(0, 0, v)
			c.VADDPS(ymm[sum(1, 0, v)], ymm[s], ymm[s])
		}
	}
	g.store(func(v int) int { return sum(0, 0, v) }, temp, xs)
	c.ADDQ(g.outRow, g.dst)
	c.Label("shift")
	for v := range V {
		for part := range parts {
			for i := range k - 1 {
				c.VMOVAPS(ymm[sum(part, i+1, v)], ymm[sum(part, i, v)])
			}
		}
		g.setBias(sum(0, k-1, v))
	}
	c.DECQ(g.rows)
	c.JG(operand.LabelRef("row"))
	c.CMPQ(g.rows, operand.I8(-pad))
	c.JG(operand.LabelRef("complete"))
}

// stride2 keeps the columns of a vector in the order in which a shuffle within
// 128 bits leaves them, masks included, and puts them right before the store.
func (g *depthwise2Gen) stride2() {
	c, k, pad := g.c, g.k, g.k/2
	sums := g.take(k/2 + 1)
	before, here, after := sums, sums+1, sums+2
	if k == 3 {
		here, after = sums, sums+1
	}
	lo, hi, x := g.take(1), g.take(1), g.take(1)
	g.keepWeights()
	walk := func(row operand.Mem, f func(j, x int)) {
		for j := 0; j < k; j++ {
			dx := j - pad
			if j%2 == 0 {
				a, b := row, row
				a.Disp += 4 * dx
				b.Disp += 4*dx + 32
				c.VMOVUPS(a, ymm[lo])
				c.VMOVUPS(b, ymm[hi])
				c.VSHUFPS(operand.Imm(0x88), ymm[hi], ymm[lo], ymm[x])
			} else {
				c.VSHUFPS(operand.Imm(0xdd), ymm[hi], ymm[lo], ymm[x])
			}
			if m := sideMask(dx); m >= 0 {
				c.VANDPS(g.mask(m), ymm[x], ymm[x])
			}
			f(j, x)
		}
	}
	fma := func(tap, x, sum int) { c.VFMADD231PS(g.tap(tap), ymm[x], ymm[sum]) }
	store := func(sum int) {
		c.VPERMPD(operand.Imm(0xd8), ymm[sum], ymm[sum])
		g.store(func(int) int { return sum }, x, lo)
		c.ADDQ(g.outRow, g.dst)
	}
	first := operand.Mem{Base: g.src}
	second := operand.Mem{Base: g.src, Index: g.row, Scale: 1}
	if k == 3 {
		g.setBias(here)
		c.Label("row")
		walk(first, func(j, x int) { fma(3+j, x, here) })
		g.setBias(after)
		walk(second, func(j, x int) {
			fma(6+j, x, here)
			fma(j, x, after)
		})
		store(here)
		c.VMOVAPS(ymm[after], ymm[here])
		c.LEAQ(operand.Mem{Base: g.src, Index: g.row, Scale: 2}, g.src)
		c.DECQ(g.rows)
		c.JNE(operand.LabelRef("row"))
		return
	}
	for _, s := range []int{before, here, after} {
		g.setBias(s)
	}
	wait := c.GP64()
	c.MOVQ(operand.U32(1), wait)
	c.Label("row")
	walk(first, func(j, x int) {
		fma(20+j, x, before)
		fma(10+j, x, here)
		fma(j, x, after)
	})
	c.DECQ(wait)
	c.JNS(operand.LabelRef("odd"))
	store(before)
	c.Label("odd")
	walk(second, func(j, x int) {
		fma(15+j, x, here)
		fma(5+j, x, after)
	})
	c.VMOVAPS(ymm[here], ymm[before])
	c.VMOVAPS(ymm[after], ymm[here])
	g.setBias(after)
	c.LEAQ(operand.Mem{Base: g.src, Index: g.row, Scale: 2}, g.src)
	c.DECQ(g.rows)
	c.JNE(operand.LabelRef("row"))
	store(before)
}
