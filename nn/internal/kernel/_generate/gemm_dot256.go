package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dot256Kernel is an int8 GEMM of vectors of eight lanes and 16 registers.
type dot256Kernel struct {
	rows, wide int
	dot        *dot256Instruction
}

// dot256Instruction is what tells the instruction sets apart.
type dot256Instruction struct {
	prefix          string                                 // of the kernels' names
	set             string                                 // what the kernels need
	rows            [3]int                                 // most rows of a kernel, by its vectors
	order           operand.Mem                            // of packed bytes
	pack, packBytes func(k dot256Kernel, c *build.Context) // planes of float32, of bytes
	// multiply adds the products of a lane's inputs and weights to sums. last says
	// that weights are not needed any more.
	multiply func(c *build.Context, weights, inputs, sums, spare reg.VecPhysical, last bool)
}

func (k dot256Kernel) name() string { return fmt.Sprintf("%sr%dw%d", k.dot.prefix, k.rows, k.wide) }
func (k dot256Kernel) packName() string {
	return fmt.Sprintf("%sPackw%d", k.dot.prefix, k.wide)
}

// madd does without VNNI. The instruction made for bytes, VPMADDUBSW, adds two
// products in 16 bits, where they do not fit; so inputs and weights are words
// here, two to a lane, which takes no more instructions.
var madd = &dot256Instruction{
	prefix: "madd256", set: "AVX2", rows: [3]int{1: 5, 2: 5},
	pack: dot256Kernel.packPairs, packBytes: dot256Kernel.packPairBytes,
	multiply: func(c *build.Context, weights, inputs, sums, spare reg.VecPhysical, last bool) {
		product := spare
		if last {
			product = weights
		}
		c.VPMADDWD(weights, inputs, product)
		c.VPADDD(product, sums, sums)
	},
}

// vnni256 has four bytes to a lane and VPDPBUSD of 256 bits, in the encoding of
// AVX-VNNI (Alder Lake and its small cores). evex256 is the same in the encoding
// of AVX512_VNNI with AVX512VL, for processors that have only that.
var (
	vnni256 = &dot256Instruction{
		prefix: "vnni256", set: "AVX-VNNI", rows: [3]int{1: 6, 2: 6},
		pack: dot256Kernel.packQuads256, packBytes: dot256Kernel.packQuadBytes,
		multiply: func(c *build.Context, weights, inputs, sums, _ reg.VecPhysical, _ bool) {
			vexVPDPBUSD(c, weights, inputs, sums)
		},
	}
	evex256 = &dot256Instruction{
		prefix: "evex256", set: "AVX512_VNNI and AVX512VL", rows: vnni256.rows,
		multiply: func(c *build.Context, weights, inputs, sums, _ reg.VecPhysical, _ bool) {
			raw(c, "VPDPBUSD", weights, inputs, sums)
		},
	}
)

// vexVPDPBUSD writes VPDPBUSD sum, x, w byte by byte, for neither avo nor Go's
// assembler knows its form for AVX-VNNI: VEX.256.66.0F38.W0 50 /r.
func vexVPDPBUSD(c *build.Context, w, x, sum reg.VecPhysical) {
	dst, v, rm := uint8(sum.PhysicalIndex()), uint8(x.PhysicalIndex()), uint8(w.PhysicalIndex())
	not := func(n uint8, i int) uint8 { return n>>i&1 ^ 1 }
	c.Comment(fmt.Sprintf("VPDPBUSD %s, %s, %s", w.Asm(), x.Asm(), sum.Asm()))
	b := []uint8{
		0xc4,
		not(dst, 3)<<7 | 1<<6 | not(rm, 3)<<5 | 2,
		(^v&15)<<3 | 1<<2 | 1,
		0x50,
		3<<6 | dst&7<<3 | rm&7,
	}
	raw(c, "LONG", operand.U32(binary.LittleEndian.Uint32(b)))
	raw(c, "BYTE", operand.U8(b[4]))
}

// kernels lists the shapes that fit 16 registers.
func (d *dot256Instruction) kernels() []dot256Kernel {
	var list []dot256Kernel
	for wide, most := range d.rows {
		for rows := 1; rows <= most; rows++ {
			list = append(list, dot256Kernel{rows, wide, d})
		}
	}
	return list
}

// all writes a file. The constants of a file are its own.
func (d *dot256Instruction) all(c *build.Context) {
	h, tails := newHSwish(c), tailMasks(c, d.prefix+"Tails")
	d.order = byteOrder(c, d.prefix+"Order")
	for _, k := range d.kernels() {
		if k.rows == 1 && d.pack != nil {
			d.pack(k, c)
			d.packBytes(k, c)
		}
	}
	for _, k := range d.kernels() {
		k.generate(c, tails, h)
	}
}

// packQuads256 is packQuads for vectors of eight pixels.
func (k dot256Kernel) packQuads256(c *build.Context) {
	order := c.StaticGlobal(fmt.Sprintf("quadOrderw%d", k.wide))
	c.DataAttributes(attrRodata)
	for i := range 32 {
		c.AddDatum(i, operand.U8(uint8(i%4*4+i/4%4)))
	}
	a := function(c, k.packName(), fmt.Sprintf("%s lays out quads of planes for %d vectors of pixels.", k.packName(), k.wide))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	inverse, zero, shuffle := reg.Y15, reg.Y14, reg.Y13
	c.VBROADCASTSS(a.mem(packInverse), inverse)
	c.VPBROADCASTW(a.mem(packZero), zero)
	c.VMOVDQU(order, shuffle)
	c.Label("quad")
	var p [4]reg.GPVirtual
	for i := range p {
		p[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p[i])
		c.PREFETCHT0(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 32 * k.wide})
	}
	for v := range k.wide {
		x := ymm[4*v : 4*v+4]
		for i := range p {
			c.VMULPS(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 32 * v}, inverse, x[i])
		}
		for i := range p {
			c.VCVTPS2DQ(x[i], x[i])
		}
		for i := 0; i < 4; i += 2 {
			c.VPACKSSDW(x[i+1], x[i], x[i])
			c.VPADDSW(zero, x[i], x[i])
		}
		c.VPACKUSWB(x[2], x[0], x[0])
		c.VPSHUFB(shuffle, x[0], x[0])
		c.VMOVDQU(x[0], operand.Mem{Base: to, Disp: 32 * v})
	}
	c.ADDQ(operand.Imm(32), in)
	c.ADDQ(operand.Imm(uint64(32*k.wide)), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("quad"))
	c.VZEROUPPER()
	c.RET()
}

// packPairs writes the kernel that turns floats of two planes into words, two to
// a lane: the bytes that the AVX-512 kernel makes.
func (k dot256Kernel) packPairs(c *build.Context) {
	order := c.StaticGlobal(fmt.Sprintf("pairOrderw%d", k.wide))
	c.DataAttributes(attrRodata)
	for i := range 32 {
		word := i % 16 / 2
		c.AddDatum(i, operand.U8(uint8((word%2*4+word/2)*2+i%2)))
	}
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
func (k dot256Kernel) generate(c *build.Context, tails operand.Mem, h hswish) {
	a := function(c, k.name(), fmt.Sprintf("%s does row tiles of %d outputs for %d vectors of pixels.", k.name(), k.rows, k.wide))
	out, res, w, afters := a.load(dotOut), a.load(dotRes), a.load(dotW), a.load(dotAfter)
	tiles, outOff := a.load(dotTiles), a.load(dotOutOff)

	R, V := k.rows, k.wide
	sum := func(m, v int) reg.VecPhysical { return ymm[m*V+v] }
	input := func(v int) reg.VecPhysical { return ymm[R*V+v] }
	spare := ymm[R*V+V : 16] // at least two once the inputs are done with
	after := ymm[R*V : 16]
	weights := max(1, min(2, len(spare)/2)) // registers that take turns

	c.Label("tile")
	for m := range R {
		c.VPBROADCASTD(operand.Mem{Base: afters, Disp: afterSize*m + afterStart}, sum(m, 0))
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
		weight := spare[m%weights]
		c.VPBROADCASTD(operand.Mem{Base: w, Disp: 4 * m}, weight)
		for v := range V {
			k.dot.multiply(c, weight, input(v), sum(m, v), spare[len(spare)-1-m%weights], v == V-1)
		}
	}
	c.ADDQ(operand.Imm(uint64(32*V)), x)
	c.ADDQ(operand.Imm(uint64(4*R)), w)
	c.DECQ(n)
	c.JNE(operand.LabelRef("step"))

	c.CMPQ(a.mem(dotBytes), operand.Imm(0))
	c.JNE(operand.LabelRef("bytes"))
	scale, bias := after[0], after[1]
	for m := range R {
		c.VBROADCASTSS(operand.Mem{Base: afters, Disp: afterSize*m + afterScale}, scale)
		c.VBROADCASTSS(operand.Mem{Base: afters, Disp: afterSize*m + afterBias}, bias)
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
	slope, scaled := after[0], after[1]
	mask := ymm[15]
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
	c.Label("stored")
	c.ADDQ(operand.Imm(uint64(8*R)), out)
	c.ADDQ(operand.Imm(uint64(afterSize*R)), afters)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
	c.Label("bytes")
	k.storeBytes(a, out, res, afters, outOff)
	c.JMP(operand.LabelRef("stored"))
}

// storeBytes scales, activates and rounds the sums and stores them as bytes, eight
// for every vector.
func (k dot256Kernel) storeBytes(a args, out, res, afters, outOff reg.GPVirtual) {
	c, R, V := a.c, k.rows, k.wide
	free := ymm[R*V : 16]
	x, y, order := free[0], free[1], free[2]
	c.VMOVDQU(k.dot.order, order)
	sums := func(m int) []reg.VecPhysical { return ymm[m*V : (m+1)*V] }
	for m := range R {
		c.VBROADCASTSS(operand.Mem{Base: afters, Disp: afterSize*m + afterScale}, x)
		c.VBROADCASTSS(operand.Mem{Base: afters, Disp: afterSize*m + afterBias}, y)
		for _, s := range sums(m) {
			c.VCVTDQ2PS(s, s)
			c.VFMADD213PS(y, x, s)
		}
	}
	c.TESTQ(res, res)
	c.JEQ(operand.LabelRef("activateBytes"))
	q, resOff := c.GP64(), c.GP64()
	c.MOVQ(a.mem(dotResOff), resOff)
	for m := range R {
		c.VBROADCASTSS(operand.Mem{Base: afters, Disp: afterSize*m + afterInverse}, x)
		c.MOVQ(operand.Mem{Base: res, Disp: 8 * m}, q)
		for v, s := range sums(m) {
			c.VFMADD231PS(operand.Mem{Base: q, Index: resOff, Scale: 1, Disp: 32 * v}, x, s)
		}
	}
	c.ADDQ(operand.Imm(uint64(8*R)), res)
	c.Label("activateBytes")
	c.CMPL(a.mem(dotSlope), operand.U32(math.Float32bits(1)))
	c.JEQ(operand.LabelRef("round"))
	c.VBROADCASTSS(a.mem(dotSlope), x)
	for m := range R {
		for _, s := range sums(m) {
			c.VMULPS(s, x, y)
			c.VMAXPS(s, y, s)
		}
	}
	c.Label("round")
	for m := range R {
		c.VPBROADCASTD(operand.Mem{Base: afters, Disp: afterSize*m + afterZero}, x)
		s := sums(m)
		for _, v := range s {
			c.VCVTPS2DQ(v, v)
		}
		c.VPACKSSDW(s[V-1], s[0], s[0])
		c.VPADDSW(x, s[0], s[0])
		c.VPACKUSWB(s[0], s[0], s[0])
		c.VPERMD(s[0], order, s[0])
		c.MOVQ(operand.Mem{Base: out, Disp: 8 * m}, q)
		dst := operand.Mem{Base: q, Index: outOff, Scale: 1}
		if V == 1 {
			c.VMOVQ(s[0].AsX(), dst)
		} else {
			c.VMOVDQU(s[0].AsX(), dst)
		}
	}
}

// byteOrder is the permutation that puts packed bytes in the order of pixels:
// each 128 bits hold four of every vector.
func byteOrder(c *build.Context, name string) operand.Mem {
	m := c.StaticGlobal(name)
	c.DataAttributes(attrRodata)
	for i := range 8 {
		c.AddDatum(4*i, operand.U32(uint32(i%2*4+i/2%2)))
	}
	return m
}

func (k dot256Kernel) packBytesName() string {
	return fmt.Sprintf("%sPackBytesw%d", k.dot.prefix, k.wide)
}

// packQuadBytes writes the kernel that lays quads of planes of bytes out. Two
// interleaved vectors of bytes, four pixels of every vector in each 128 bits, make
// the vectors of lanes.
func (k dot256Kernel) packQuadBytes(c *build.Context) {
	blocks := c.StaticGlobal(fmt.Sprintf("quadBlocksw%d", k.wide))
	c.DataAttributes(attrRodata)
	for i := range 8 {
		c.AddDatum(4*i, operand.U32(uint32(i%4*2+i/4)&3))
	}
	a := function(c, k.packBytesName(), fmt.Sprintf("%s lays out quads of planes of bytes for %d vectors of pixels.", k.packBytesName(), k.wide))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	c.VMOVDQU(blocks, reg.Y15)
	c.Label("quad")
	for i := range 4 {
		p := c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p)
		c.VPERMD(operand.Mem{Base: p, Index: inOff, Scale: 1}, reg.Y15, ymm[i])
		c.PREFETCHT0(operand.Mem{Base: p, Index: inOff, Scale: 1, Disp: 64})
	}
	c.VPUNPCKLBW(ymm[1], ymm[0], ymm[0])
	c.VPUNPCKLBW(ymm[3], ymm[2], ymm[2])
	c.VPUNPCKLWD(ymm[2], ymm[0], ymm[4])
	c.VMOVDQU(ymm[4], operand.Mem{Base: to})
	if k.wide == 2 {
		c.VPUNPCKHWD(ymm[2], ymm[0], ymm[5])
		c.VMOVDQU(ymm[5], operand.Mem{Base: to, Disp: 32})
	}
	c.ADDQ(operand.Imm(32), in)
	c.ADDQ(operand.Imm(uint64(32*k.wide)), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("quad"))
	c.VZEROUPPER()
	c.RET()
}

// packPairBytes writes the kernel that lays pairs of planes of bytes out as words.
func (k dot256Kernel) packPairBytes(c *build.Context) {
	a := function(c, k.packBytesName(), fmt.Sprintf("%s lays out pairs of planes of bytes for %d vectors of pixels.", k.packBytesName(), k.wide))
	in, to, steps, inOff := a.load(packIn), a.load(packTo), a.load(packSteps), a.load(packInOff)
	c.Label("pair")
	var p [2]reg.GPVirtual
	for i := range p {
		p[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: in, Disp: 8 * i}, p[i])
	}
	for v := range k.wide {
		for i := range p {
			c.VMOVQ(operand.Mem{Base: p[i], Index: inOff, Scale: 1, Disp: 8 * v}, xmm[i])
		}
		c.VPUNPCKLBW(xmm[1], xmm[0], xmm[0])
		c.VPMOVZXBW(xmm[0], ymm[0])
		c.VMOVDQU(ymm[0], operand.Mem{Base: to, Disp: 32 * v})
	}
	c.ADDQ(operand.Imm(16), in)
	c.ADDQ(operand.Imm(uint64(32*k.wide)), to)
	c.DECQ(steps)
	c.JNE(operand.LabelRef("pair"))
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
