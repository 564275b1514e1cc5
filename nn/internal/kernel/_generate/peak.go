package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peakAll writes loops of nothing but independent multiply-adds, twelve chains
// of them: more than the latency of any processor times its units.
func peakAll(c *build.Context) {
	peak(c, "peakAVX2", "AVX2", ymm)
	peak(c, "peakAVX512", "AVX-512", zmm)
}

const peakChains = 12

func peak(c *build.Context, name, set string, v []reg.VecPhysical) {
	start(c, name, "func(rounds int)", name+" does 12 "+set+" multiply-adds on registers in each round.")
	rounds := param(c, "rounds")
	for i := range peakChains + 2 {
		c.VXORPS(ymm[i], ymm[i], ymm[i])
	}
	c.Label("next")
	for i := range peakChains {
		c.VFMADD231PS(v[peakChains], v[peakChains+1], v[i])
	}
	c.SUBQ(operand.Imm(1), rounds)
	c.JNE(operand.LabelRef("next"))
	finish(c)
}
