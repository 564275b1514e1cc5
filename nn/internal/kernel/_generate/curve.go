package main

import (
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// curveAll writes the activations that are not max(x, slope*x), in place, eight
// floats at a time.
func curveAll(c *build.Context) {
	constant := func(name string, v float32) operand.Mem {
		m := c.StaticGlobal(name)
		c.DataAttributes(attrRodata)
		c.AddDatum(0, operand.U32(math.Float32bits(v)))
		return m
	}
	three, six, sixth := constant("three", 3), constant("six", 6), constant("sixth", 1.0/6)

	curve := func(name, doc string, constants []operand.Mem, y func(x reg.VecPhysical, k []reg.VecPhysical)) {
		start(c, name, "func(x *byte, n int)", doc)
		p, n := param(c, "x"), param(c, "n")
		var k []reg.VecPhysical
		for i, m := range constants {
			c.VBROADCASTSS(m, ymm[15-i])
			k = append(k, ymm[15-i])
		}
		c.Label("next")
		c.VMOVUPS(operand.Mem{Base: p}, reg.Y0)
		y(reg.Y0, k)
		c.VMOVUPS(reg.Y0, operand.Mem{Base: p})
		c.ADDQ(operand.Imm(32), p)
		c.SUBQ(operand.Imm(8), n)
		c.JNE(operand.LabelRef("next"))
		finish(c)
	}
	clamp := func(x reg.VecPhysical, k []reg.VecPhysical) {
		c.VADDPS(k[0], x, reg.Y1)
		c.VXORPS(reg.Y2, reg.Y2, reg.Y2)
		c.VMAXPS(reg.Y1, reg.Y2, reg.Y1) // this order keeps NaN
		c.VMINPS(reg.Y1, k[1], reg.Y1)
		c.VMULPS(k[2], reg.Y1, reg.Y1)
	}
	curve("min6AVX2", "min6AVX2 sets x = min(x, 6).", []operand.Mem{six},
		func(x reg.VecPhysical, k []reg.VecPhysical) {
			c.VMINPS(x, k[0], x) // this order keeps NaN
		})
	curve("hsigmoidAVX2", "hsigmoidAVX2 sets x = min(max(x+3, 0), 6) / 6.", []operand.Mem{three, six, sixth},
		func(x reg.VecPhysical, k []reg.VecPhysical) {
			clamp(x, k)
			c.VMOVAPS(reg.Y1, x)
		})
	curve("hswishAVX2", "hswishAVX2 sets x = x * min(max(x+3, 0), 6) / 6.", []operand.Mem{three, six, sixth},
		func(x reg.VecPhysical, k []reg.VecPhysical) {
			clamp(x, k)
			c.VMULPS(reg.Y1, x, x)
		})

	// exp(-x) = 2^n * exp(r) with n the nearest integer to -x/ln 2 and
	// |r| <= ln(2)/2, where seven terms of the series are exact to a float32's
	// last place. ln 2 is subtracted in two parts, the first short enough for
	// n times it to be exact.
	const ln2High = 0.693359375
	constants := []operand.Mem{
		constant("least", -87), constant("most", 87),
		constant("log2e", math.Log2E), constant("ln2High", ln2High), constant("ln2Low", math.Ln2-ln2High),
	}
	factorial := 1.0
	var series []operand.Mem
	for i, name := range []string{"one", "term1", "term2", "term3", "term4", "term5", "term6", "term7"} {
		if i > 0 {
			factorial *= float64(i)
		}
		series = append(series, constant(name, float32(1/factorial)))
	}
	constants = append(constants, series[7], series[0])
	curve("sigmoidAVX2", "sigmoidAVX2 sets x = 1 / (1 + exp(-x)).", constants,
		func(x reg.VecPhysical, k []reg.VecPhysical) {
			least, most, log2e, high, low, last, one := k[0], k[1], k[2], k[3], k[4], k[5], k[6]
			n, e, term := reg.Y1, reg.Y2, reg.Y3
			c.VMAXPS(x, least, x) // this order keeps NaN
			c.VMINPS(x, most, x)
			c.VXORPS(reg.Y4, reg.Y4, reg.Y4)
			c.VSUBPS(x, reg.Y4, x)
			c.VMULPS(log2e, x, n)
			c.VROUNDPS(operand.Imm(0), n, n)
			c.VFNMADD231PS(high, n, x)
			c.VFNMADD231PS(low, n, x)
			c.VMOVAPS(last, e)
			for i := 6; i >= 0; i-- {
				c.VBROADCASTSS(series[i], term)
				c.VFMADD213PS(term, x, e)
			}
			c.VCVTPS2DQ(n, n)
			c.VPSLLD(operand.Imm(23), n, n)
			c.VPADDD(n, e, e)
			c.VADDPS(one, e, e)
			c.VDIVPS(e, one, x)
		})
}
