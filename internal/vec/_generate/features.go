package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// featuresAll writes the loops over feature maps and logits.
func featuresAll(c *build.Context) {
	weigh(c)
	interleave(c)
	separate(c)
	maxInto(c)
	atLeast(c)
	e := newExponential(c)
	meanBin(c, e)
	meanProbability(c, e)
}

// weigh keeps 64 floats of an output in registers, and 24 or 8 at a time of
// what is left over, and runs over the taps for each.
func weigh(c *build.Context) {
	start(c, "weigh", "func(dst, src *float32, taps *byte, per, outs, n int)",
		"weigh sets outs outputs of n floats to weighted sums of per runs each; n is a multiple of eight.")
	dst, src, taps := param(c, "dst"), param(c, "src"), param(c, "taps")
	per, outs, n := param(c, "per"), param(c, "outs"), param(c, "n")
	s, left, tap, k, at := c.GP64(), c.GP64(), c.GP64(), c.GP64(), c.GP64()
	weight := reg.Y15
	block := func(vectors int, label string) {
		for i := range vectors {
			c.VXORPS(ymm[i], ymm[i], ymm[i])
		}
		c.MOVQ(taps, tap)
		c.MOVQ(per, k)
		c.Label(label)
		c.MOVLQSX(operand.Mem{Base: tap}, at)
		c.VBROADCASTSS(operand.Mem{Base: tap, Disp: 4}, weight)
		for i := range vectors {
			c.VFMADD231PS(operand.Mem{Base: s, Index: at, Scale: 4, Disp: 32 * i}, weight, ymm[i])
		}
		c.ADDQ(operand.Imm(8), tap)
		c.DECQ(k)
		c.JNE(operand.LabelRef(label))
		for i := range vectors {
			c.VMOVUPS(ymm[i], operand.Mem{Base: dst, Disp: 32 * i})
		}
		c.ADDQ(operand.U32(32*vectors), dst)
		c.ADDQ(operand.U32(32*vectors), s)
		c.SUBQ(operand.U32(8*vectors), left)
	}
	c.Label("output")
	c.MOVQ(src, s)
	c.MOVQ(n, left)
	c.Label("wide")
	c.CMPQ(left, operand.Imm(64))
	c.JLT(operand.LabelRef("three"))
	block(8, "wideTap")
	c.JMP(operand.LabelRef("wide"))
	c.Label("three") // eight rows of three colours
	c.CMPQ(left, operand.Imm(24))
	c.JLT(operand.LabelRef("narrow"))
	block(3, "threeTap")
	c.JMP(operand.LabelRef("three"))
	c.Label("narrow")
	c.TESTQ(left, left)
	c.JEQ(operand.LabelRef("next"))
	block(1, "narrowTap")
	c.JMP(operand.LabelRef("narrow"))
	c.Label("next")
	c.MOVQ(tap, taps) // where the last block's taps ended
	c.DECQ(outs)
	c.JNE(operand.LabelRef("output"))
	finish(c)
}

// transpose turns the 8x8 floats in y0 to y7; y8 to y15 are used.
func transpose(c *build.Context) {
	y := ymm
	for i := 0; i < 8; i += 2 {
		c.VUNPCKLPS(y[i+1], y[i], y[8+i])
		c.VUNPCKHPS(y[i+1], y[i], y[9+i])
	}
	for i := 0; i < 8; i += 4 {
		c.VSHUFPS(operand.Imm(0x44), y[10+i], y[8+i], y[i])
		c.VSHUFPS(operand.Imm(0xee), y[10+i], y[8+i], y[i+1])
		c.VSHUFPS(operand.Imm(0x44), y[11+i], y[9+i], y[i+2])
		c.VSHUFPS(operand.Imm(0xee), y[11+i], y[9+i], y[i+3])
	}
	for i := range 4 {
		c.VPERM2F128(operand.Imm(0x31), y[i+4], y[i], y[12+i])
		c.VPERM2F128(operand.Imm(0x20), y[i+4], y[i], y[i])
	}
	for i := range 4 {
		c.VMOVAPS(y[12+i], y[i+4])
	}
}

// pointers reads eight pointers from the table at p.
func pointers(c *build.Context, p reg.GPVirtual) (at [8]reg.GPVirtual) {
	for i := 7; i >= 0; i-- {
		if i == 0 {
			c.MOVQ(operand.Mem{Base: p}, p)
			at[0] = p
			break
		}
		at[i] = c.GP64()
		c.MOVQ(operand.Mem{Base: p, Disp: 8 * i}, at[i])
	}
	return at
}

// rows are the addresses of eight rows stride apart: base, and four strides on.
func rows(c *build.Context, base, stride, stride3, fifth reg.GPVirtual) [8]operand.Mem {
	c.LEAQ(operand.Mem{Base: base, Index: stride, Scale: 4}, fifth)
	var m [8]operand.Mem
	for i, b := range []reg.GPVirtual{base, fifth} {
		m[4*i] = operand.Mem{Base: b}
		m[4*i+1] = operand.Mem{Base: b, Index: stride, Scale: 1}
		m[4*i+2] = operand.Mem{Base: b, Index: stride, Scale: 2}
		m[4*i+3] = operand.Mem{Base: b, Index: stride3, Scale: 1}
	}
	return m
}

func interleave(c *build.Context) {
	start(c, "interleave", "func(dst *float32, stride int, planes *byte, blocks int)",
		"interleave transposes blocks of eight floats of each of eight planes into rows that are stride bytes apart.")
	dst, stride, blocks := param(c, "dst"), param(c, "stride"), param(c, "blocks")
	at := pointers(c, param(c, "planes"))
	stride3, fifth := c.GP64(), c.GP64()
	c.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	c.Label("next")
	for i, p := range at {
		c.VMOVUPS(operand.Mem{Base: p}, ymm[i])
		c.ADDQ(operand.Imm(32), p)
	}
	transpose(c)
	for i, m := range rows(c, dst, stride, stride3, fifth) {
		c.VMOVUPS(ymm[i], m)
	}
	c.LEAQ(operand.Mem{Base: dst, Index: stride, Scale: 8}, dst)
	c.DECQ(blocks)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

func separate(c *build.Context) {
	start(c, "separate", "func(planes *byte, src *float32, stride, blocks int)",
		"separate transposes blocks of eight rows that are stride bytes apart into eight floats of each of eight planes.")
	src, stride, blocks := param(c, "src"), param(c, "stride"), param(c, "blocks")
	at := pointers(c, param(c, "planes"))
	stride3, fifth := c.GP64(), c.GP64()
	c.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	c.Label("next")
	for i, m := range rows(c, src, stride, stride3, fifth) {
		c.VMOVUPS(m, ymm[i])
	}
	transpose(c)
	for i, p := range at {
		c.VMOVUPS(ymm[i], operand.Mem{Base: p})
		c.ADDQ(operand.Imm(32), p)
	}
	c.LEAQ(operand.Mem{Base: src, Index: stride, Scale: 8}, src)
	c.DECQ(blocks)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

func maxInto(c *build.Context) {
	start(c, "maxInto", "func(dst, src *float32, n int)", "maxInto sets dst = max(dst, src), dst where src is NaN; n is a multiple of eight.")
	dst, src, n := param(c, "dst"), param(c, "src"), param(c, "n")
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: src}, reg.Y0)
	c.VMAXPS(operand.Mem{Base: dst}, reg.Y0, reg.Y0)
	c.VMOVUPS(reg.Y0, operand.Mem{Base: dst})
	c.ADDQ(operand.Imm(32), src)
	c.ADDQ(operand.Imm(32), dst)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

func atLeast(c *build.Context) {
	start(c, "atLeast", "func(mask *byte, src *float32, n int, floor float32)", "atLeast sets a bit a float, whether it is >= floor; n is a multiple of eight.")
	mask, src, n := param(c, "mask"), param(c, "src"), param(c, "n")
	broadcastParam(c, "floor", reg.Y15)
	bits := c.GP32()
	const notLessOrdered = 13
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: src}, reg.Y0)
	c.VCMPPS(operand.Imm(notLessOrdered), reg.Y15, reg.Y0, reg.Y0)
	c.VMOVMSKPS(reg.Y0, bits)
	c.MOVB(bits.As8(), operand.Mem{Base: mask})
	c.ADDQ(operand.Imm(32), src)
	c.INCQ(mask)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

// exponential is how exp(x) is computed: as 2^n * exp(r) with n the nearest
// integer to x/ln 2 and |r| <= ln(2)/2, where seven terms of the series are exact
// to a float32's last place. ln 2 is subtracted in two parts, the first short
// enough for n times it to be exact.
type exponential struct {
	c                       *build.Context
	least, log2e, high, low operand.Mem
	series                  []operand.Mem
}

// number is a constant in memory.
func number(c *build.Context, name string, v float32) operand.Mem {
	return constants(c, name, math.Float32bits(v))
}

func newExponential(c *build.Context) exponential {
	const ln2High = 0.693359375
	e := exponential{c: c, least: number(c, "least", -87), log2e: number(c, "log2e", math.Log2E),
		high: number(c, "ln2High", ln2High), low: number(c, "ln2Low", math.Ln2-ln2High)}
	factorial := 1.0
	for i := range 8 {
		factorial *= float64(max(i, 1))
		e.series = append(e.series, number(c, fmt.Sprint("term", i), float32(1/factorial)))
	}
	return e
}

// load fills y11 to y15, which of expects.
func (e exponential) load() {
	for i, m := range []operand.Mem{e.least, e.log2e, e.high, e.low, e.series[7]} {
		e.c.VBROADCASTSS(m, ymm[15-i])
	}
}

// of sets to to exp(x) for x of at most 0; x, k and t are used up.
func (e exponential) of(x, to, k, t reg.VecPhysical) {
	c := e.c
	c.VMAXPS(reg.Y15, x, x)
	c.VMULPS(reg.Y14, x, k)
	c.VROUNDPS(operand.Imm(0), k, k)
	c.VFNMADD231PS(reg.Y13, k, x)
	c.VFNMADD231PS(reg.Y12, k, x)
	c.VMOVAPS(reg.Y11, to)
	for i := 6; i >= 0; i-- {
		c.VBROADCASTSS(e.series[i], t)
		c.VFMADD213PS(t, x, to)
	}
	c.VCVTPS2DQ(k, k)
	c.VPSLLD(operand.Imm(23), k, k)
	c.VPADDD(k, to, to)
}

func meanBin(c *build.Context, e exponential) {
	f := math.Float32bits
	bins := constants(c, "bins", f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7))
	start(c, "meanBin", "func(out, logits *float32, rows int)", "meanBin sets out to the mean bin under the softmax of each row of eight logits.")
	out, logits, n := param(c, "out"), param(c, "logits"), param(c, "rows")
	x, power, k, t := reg.Y0, reg.Y1, reg.Y2, reg.Y3
	e.load()
	c.VMOVUPS(bins, reg.Y10)
	c.Label("next")
	c.VMOVUPS(operand.Mem{Base: logits}, x)
	c.VPERM2F128(operand.Imm(0x01), x, x, t)
	c.VMAXPS(t, x, t)
	c.VSHUFPS(operand.Imm(0x4e), t, t, k)
	c.VMAXPS(k, t, t)
	c.VSHUFPS(operand.Imm(0xb1), t, t, k)
	c.VMAXPS(k, t, t) // the greatest, in all lanes
	c.VSUBPS(t, x, x)
	e.of(x, power, k, t)
	c.VMULPS(reg.Y10, power, t)
	c.VHADDPS(power, t, t) // weighted, weighted, plain, plain in each half
	c.VHADDPS(t, t, t)
	c.VEXTRACTF128(operand.Imm(1), t, reg.X2)
	c.VADDPS(reg.X2, reg.X3, reg.X3)
	c.VMOVSHDUP(reg.X3, reg.X2)
	c.VDIVSS(reg.X2, reg.X3, reg.X3)
	c.VMOVSS(reg.X3, operand.Mem{Base: out})
	c.ADDQ(operand.Imm(32), logits)
	c.ADDQ(operand.Imm(4), out)
	c.DECQ(n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

// meanProbability adds up the logarithms of two probabilities. That of a logit z
// is min(z, 0) - log(1 + u) with u = exp(-|z|), and log(1 + u) is twice the
// inverse hyperbolic tangent of u/(2 + u), which is at most 1/3: seven terms of
// the series 1, 1/3, 1/5... are exact to a float32's last place.
func meanProbability(c *build.Context, e exponential) {
	var series []operand.Mem
	for i := range 7 {
		series = append(series, number(c, fmt.Sprint("odd", 2*i+1), float32(2/float64(2*i+1))))
	}
	two := number(c, "two", 2)
	sign := constants(c, "sign", 1<<31)
	start(c, "meanProbability", "func(out, x, y *float32, n int, first, second float32)",
		"meanProbability sets out to the geometric mean of the probabilities of the logits x and y with the weights first and second; n is a multiple of eight.")
	out, n := param(c, "out"), param(c, "n")
	logits := []reg.GPVirtual{param(c, "x"), param(c, "y")}
	weights := []reg.VecPhysical{reg.Y10, reg.Y9}
	for i, name := range []string{"first", "second"} {
		broadcastParam(c, name, weights[i])
	}
	e.load()
	sum, z, u, k, t, low := reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5
	c.Label("next")
	c.VXORPS(sum, sum, sum)
	for i, from := range logits {
		c.VMOVUPS(operand.Mem{Base: from}, z)
		c.VXORPS(t, t, t)
		c.VMINPS(t, z, low)
		c.VBROADCASTSS(sign, t)
		c.VORPS(t, z, z)
		e.of(z, u, k, t)
		c.VBROADCASTSS(two, t)
		c.VADDPS(t, u, t)
		c.VDIVPS(t, u, u)
		c.VMULPS(u, u, k)
		c.VBROADCASTSS(series[6], z)
		for j := 5; j >= 0; j-- {
			c.VBROADCASTSS(series[j], t)
			c.VFMADD213PS(t, k, z)
		}
		c.VFNMADD231PS(u, z, low)
		c.VFMADD231PS(weights[i], low, sum)
		c.ADDQ(operand.Imm(32), from)
	}
	e.of(sum, u, k, t)
	c.VMOVUPS(u, operand.Mem{Base: out})
	c.ADDQ(operand.Imm(32), out)
	c.SUBQ(operand.Imm(8), n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}
