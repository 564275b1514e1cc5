package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// hswish writes x * min(max(x/6 + 1/2, 0), 1) into kernels that store sums. Its
// constants are vectors of eight in memory, because a kernel has no registers to
// spare for them.
type hswish struct {
	c                      *build.Context
	sixth, half, zero, one operand.Mem
}

func newHSwish(c *build.Context) hswish {
	constant := func(name string, v float32) operand.Mem {
		m := c.StaticGlobal(name)
		c.DataAttributes(attrRodata)
		for i := range 8 {
			c.AddDatum(4*i, operand.U32(math.Float32bits(v)))
		}
		return m
	}
	return hswish{c, constant("hswishSixth", 1.0/6), constant("hswishHalf", 0.5), constant("hswishZero", 0), constant("hswishOne", 1)}
}

// avx512 activates x, using the register t.
func (h hswish) avx512(x, t reg.VecPhysical) {
	h.c.VMULPS_BCST(h.sixth, x, t)
	h.c.VADDPS_BCST(h.half, t, t)
	h.c.VMAXPS_BCST(h.zero, t, t)
	h.c.VMINPS_BCST(h.one, t, t)
	h.c.VMULPS(t, x, x)
}

// avx2 activates x of eight floats, using the register t.
func (h hswish) avx2(x, t reg.VecPhysical) {
	h.c.VMULPS(h.sixth, x, t)
	h.c.VADDPS(h.half, t, t)
	h.c.VMAXPS(h.zero, t, t)
	h.c.VMINPS(h.one, t, t)
	h.c.VMULPS(t, x, x)
}

// hswishIf jumps if the activation is HSwish, as the argument at offset says.
func hswishIf(a args, offset int, to string) {
	a.c.CMPL(a.mem(offset), operand.Imm(0))
	a.c.JNE(operand.LabelRef(to))
}

// either writes two ways to finish: plain, or curved if the activation is
// HSwish. n tells the places of a kernel apart.
func either(a args, offset, n int, plain, curved func()) {
	hswishLabel, done := fmt.Sprintf("hswish%d", n), fmt.Sprintf("activated%d", n)
	hswishIf(a, offset, hswishLabel)
	plain()
	a.c.JMP(operand.LabelRef(done))
	a.c.Label(hswishLabel)
	curved()
	a.c.Label(done)
}
