package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// colourAll writes the conversion of JFIF samples, bit for bit that of the pure
// Go twin.
func colourAll(c *build.Context) {
	word := func(name string, v int32) operand.Mem {
		w := uint32(v)
		return constants(c, name, w, w, w, w, w, w, w, w)
	}
	k := &colours{
		middle:    word("chromaMiddle", 128),
		half:      word("chromaHalf", 1<<15),
		redOfCr:   word("redOfCr", 91881),
		greenOfCb: word("greenOfCb", -22554),
		greenOfCr: word("greenOfCr", -46802),
		blueOfCb:  word("blueOfCb", 116130),
		most:      word("sampleMost", 255),
		low:       constants(c, "pairsLow", 0, 0, 1, 1, 2, 2, 3, 3),
		high:      constants(c, "pairsHigh", 4, 4, 5, 5, 6, 6, 7, 7),
	}
	k.rgb(c, "rgb444", "rgb444 converts blocks of eight pixels with a chroma sample each.", 1)
	k.rgb(c, "rgb422", "rgb422 converts blocks of sixteen pixels with a chroma sample for two.", 2)
	bgrAll(c)
}

type colours struct {
	middle, half, redOfCr, greenOfCb, greenOfCr, blueOfCb, most, low, high operand.Mem
}

func (k *colours) rgb(c *build.Context, name, doc string, pixels int) {
	start(c, name, "func(red, green, blue *float32, luma, cb, cr *byte, blocks int)", doc)
	out := []reg.GPVirtual{param(c, "red"), param(c, "green"), param(c, "blue")}
	luma, cb, cr, n := param(c, "luma"), param(c, "cb"), param(c, "cr"), param(c, "blocks")
	least, most := reg.Y15, reg.Y14
	c.VPXOR(least, least, least)
	c.VMOVDQU(k.most, most)
	c.VMOVDQU(k.low, reg.Y13)
	c.VMOVDQU(k.high, reg.Y12)
	c.Label("next")
	c.VPMOVZXBD(operand.Mem{Base: cb}, reg.Y0)
	c.VPMOVZXBD(operand.Mem{Base: cr}, reg.Y1)
	c.VPSUBD(k.middle, reg.Y0, reg.Y0)
	c.VPSUBD(k.middle, reg.Y1, reg.Y1)
	terms := []reg.VecPhysical{reg.Y2, reg.Y3, reg.Y4}
	c.VPMULLD(k.redOfCr, reg.Y1, reg.Y2)
	c.VPMULLD(k.greenOfCb, reg.Y0, reg.Y3)
	c.VPMULLD(k.greenOfCr, reg.Y1, reg.Y5)
	c.VPADDD(reg.Y5, reg.Y3, reg.Y3)
	c.VPMULLD(k.blueOfCb, reg.Y0, reg.Y4)
	for _, t := range terms {
		c.VPADDD(k.half, t, t)
	}
	for half := range pixels {
		y := reg.Y5
		c.VPMOVZXBD(operand.Mem{Base: luma, Disp: 8 * half}, y)
		c.VPSLLD(operand.Imm(16), y, y)
		for i, t := range terms {
			v := ymm[6+i]
			if pixels == 2 {
				c.VPERMD(t, []reg.VecPhysical{reg.Y13, reg.Y12}[half], v)
				t = v
			}
			c.VPADDD(y, t, v)
			c.VPSRAD(operand.Imm(16), v, v)
			c.VPMAXSD(least, v, v)
			c.VPMINSD(most, v, v)
			c.VCVTDQ2PS(v, v)
			c.VMOVUPS(v, operand.Mem{Base: out[i], Disp: 32 * half})
		}
	}
	for _, p := range out {
		c.ADDQ(operand.U32(32*pixels), p)
	}
	c.ADDQ(operand.Imm(uint64(8*pixels)), luma)
	c.ADDQ(operand.Imm(8), cb)
	c.ADDQ(operand.Imm(8), cr)
	c.DECQ(n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}

// bgrAll writes the reader of interleaved bytes.
func bgrAll(c *build.Context) {
	var order [3]operand.Mem
	for channel, name := range []string{"takeBlue", "takeGreen", "takeRed"} {
		var words [8]uint32
		for i := range words {
			words[i] = 0x80808000 | uint32(3*(i%4)+channel)
		}
		order[channel] = constants(c, name, words[:]...)
	}
	start(c, "bgr", "func(red, green, blue *float32, pix *byte, blocks int)",
		"bgr takes blocks of eight pixels apart; it reads four bytes beyond the last.")
	out := []reg.GPVirtual{param(c, "blue"), param(c, "green"), param(c, "red")}
	pix, n := param(c, "pix"), param(c, "blocks")
	for i, m := range order {
		c.VMOVDQU(m, ymm[13+i])
	}
	c.Label("next")
	c.VMOVDQU(operand.Mem{Base: pix}, reg.X0)
	c.VINSERTI128(operand.Imm(1), operand.Mem{Base: pix, Disp: 12}, reg.Y0, reg.Y0)
	for i, p := range out {
		c.VPSHUFB(ymm[13+i], reg.Y0, ymm[1+i])
		c.VCVTDQ2PS(ymm[1+i], ymm[1+i])
		c.VMOVUPS(ymm[1+i], operand.Mem{Base: p})
		c.ADDQ(operand.Imm(32), p)
	}
	c.ADDQ(operand.Imm(24), pix)
	c.DECQ(n)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}
