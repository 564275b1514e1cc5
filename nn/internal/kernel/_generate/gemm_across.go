package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// acrossKernel is a micro-kernel whose vectors lie across outputs: pixels single
// pixels by wide full vectors of outputs, plus half a vector if half is 1. It
// pads outputs where gemmKernel pads pixels, so it suits small planes. The
// sums are transposed in registers before they are stored.
type acrossKernel struct{ pixels, wide, half int }

func (k acrossKernel) shape() int   { return k.wide<<1 | k.half }
func (k acrossKernel) vectors() int { return k.wide + k.half }
func (k acrossKernel) outputs() int { return 16*k.wide + 8*k.half }
func (k acrossKernel) name() string {
	return fmt.Sprintf("across512p%dw%dh%d", k.pixels, k.wide, k.half)
}

// across512Kernels lists the shapes. More than eight pixels or three vectors do
// not leave the registers that transposing takes; less than six pixels do not
// keep the FMAs busy.
func across512Kernels() []acrossKernel {
	var list []acrossKernel
	for pixels := 6; pixels <= 8; pixels++ {
		for _, s := range [][2]int{{0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}, {3, 0}} {
			list = append(list, acrossKernel{pixels, s[0], s[1]})
		}
	}
	return list
}

func across512All(c *build.Context) {
	// Which quarters of two vectors make two whole ones: those of outputs i and
	// i+4, and of i+8 and i+12.
	var pairs [2]operand.Mem
	for i, name := range []string{"lowPairs", "highPairs"} {
		pairs[i] = c.StaticGlobal(name)
		c.DataAttributes(attrRodata)
		for j, lane := range []uint64{0, 1, 8, 9, 2, 3, 10, 11} {
			c.AddDatum(8*j, operand.U64(lane+uint64(4*i)))
		}
	}
	h := newHSwish(c)
	for _, k := range across512Kernels() {
		k.generate(c, pairs, h)
	}
}

func (k acrossKernel) generate(c *build.Context, pairs [2]operand.Mem, h hswish) {
	a := function(c, k.name(), fmt.Sprintf("%s does tiles of %d outputs for %d pixels.", k.name(), k.outputs(), k.pixels))
	out, res, w, bias := a.load(argOut), a.load(argRes), a.load(argW), a.load(argBias)
	tiles, inOff, outOff := a.load(argTiles), a.load(argInOff), a.load(argOutOff)
	mask := a.load(argMask)
	c.KMOVW(mask.As32(), reg.K1)

	P, V := k.pixels, k.vectors()
	vec := func(i, v int) reg.VecPhysical {
		if v == k.wide {
			return ymm[i]
		}
		return zmm[i]
	}
	sum := func(p, v int) int { return p*V + v }
	first := P * V
	spare := 32 - first - V

	c.Label("tile")
	for v := range V {
		c.VMOVUPS(operand.Mem{Base: bias, Disp: 64 * v}, vec(sum(0, v), v))
		for p := 1; p < P; p++ {
			c.VMOVAPS(vec(sum(0, v), v), vec(sum(p, v), v))
		}
	}
	in, n := a.load(argIn), a.load(argK)
	c.Label("input")
	q := c.GP64()
	c.MOVQ(operand.Mem{Base: in}, q)
	c.ADDQ(operand.Imm(8), in)
	for v := range V {
		c.VMOVUPS(operand.Mem{Base: w, Disp: 64 * v}, vec(first+v, v))
		c.PREFETCHT0(operand.Mem{Base: w, Disp: 64*v + 2048})
	}
	for p := range P {
		x := first + V + p%spare
		c.VBROADCASTSS(operand.Mem{Base: q, Index: inOff, Scale: 1, Disp: 4 * p}, zmm[x])
		for v := range V {
			c.VFMADD231PS(vec(x, v), vec(first+v, v), vec(sum(p, v), v))
		}
	}
	c.ADDQ(operand.U32(4*k.outputs()), w)
	c.DECQ(n)
	c.JNE(operand.LabelRef("input"))

	// HSwish comes before the transposition, while vectors are full. What it
	// leaves passes through max(x, slope*x) unchanged, as slope is 1. With a
	// residual it is not done here.
	either(a, argHSwish, 0, func() {}, func() {
		for p := range P {
			for v := range V {
				h.avx512(vec(sum(p, v), v), vec(first+(p*V+v)%4, v))
			}
		}
	})
	for v := range V {
		r := func(i int) reg.VecPhysical { return vec(i, v) }
		rows := make([]int, 8) // sums of pixels; lanes of pixels that are not there are never stored
		for p := range rows {
			rows[p] = sum(min(p, P-1), v)
		}
		temps := make([]int, 8)
		for i := range temps {
			temps[i] = first + i
		}
		// Interleave pixels 0 and 1, 2 and 3, ..., then pairs of those: every
		// quarter of quads[i] holds pixels 0 to 3 of outputs i, i+4, i+8, i+12,
		// and of quads[4+i] pixels 4 to 7.
		for i := 0; i < 8; i += 2 {
			c.VUNPCKLPS(r(rows[i+1]), r(rows[i]), r(temps[i]))
			c.VUNPCKHPS(r(rows[i+1]), r(rows[i]), r(temps[i+1]))
		}
		quads := make([]int, 8)
		for i := range quads {
			quads[i] = first + 8 + i - P
			if i < P {
				quads[i] = rows[i]
			}
		}
		for h := range 2 {
			for i := range 2 {
				lo, hi := r(temps[4*h+i]), r(temps[4*h+2+i])
				c.VUNPCKLPD(hi, lo, r(quads[4*h+2*i]))
				c.VUNPCKHPD(hi, lo, r(quads[4*h+2*i+1]))
			}
		}
		// Join the quarters: whole[j] is eight pixels of one output, for full
		// vectors with that of another output, four further, in the upper half.
		for i := range 4 {
			lo, hi := r(quads[i]), r(quads[4+i])
			for j := range 2 {
				to := r(temps[2*i+j])
				if v == k.wide {
					c.VSHUFF32X4(operand.Imm(uint64(3*j)), hi, lo, to)
				} else {
					c.VMOVUPS(pairs[j], to)
					c.VPERMI2PD(hi, lo, to)
				}
			}
		}
		spareY := quads[0]
		each := func(finish func(output int, y reg.VecPhysical)) {
			for i := range 4 {
				for j := range 2 {
					whole := temps[2*i+j]
					if v == k.wide {
						finish(16*v+i+4*j, ymm[whole])
						continue
					}
					// First the upper half: work on the lower one clears it.
					c.VEXTRACTF64X4(operand.Imm(1), zmm[whole], ymm[spareY])
					finish(16*v+i+8*j+4, ymm[spareY])
					finish(16*v+i+8*j, ymm[whole])
				}
			}
		}
		scaled := ymm[quads[1]]
		store := func(output int, y reg.VecPhysical) {
			c.VMULPS_BCST(a.mem(argSlope), y, scaled)
			c.VMAXPS(y, scaled, y)
			q := c.GP64()
			c.MOVQ(operand.Mem{Base: out, Disp: 8 * output}, q)
			c.VMOVUPS(y, reg.K1, operand.Mem{Base: q, Index: outOff, Scale: 1})
		}
		plain, done := fmt.Sprintf("plain%d", v), fmt.Sprintf("done%d", v)
		c.TESTQ(res, res)
		c.JEQ(operand.LabelRef(plain))
		each(func(output int, y reg.VecPhysical) {
			q := c.GP64()
			c.MOVQ(operand.Mem{Base: res, Disp: 8 * output}, q)
			c.VADDPS_Z(operand.Mem{Base: q, Index: outOff, Scale: 1}, y, reg.K1, y)
			store(output, y)
		})
		if v == V-1 {
			c.ADDQ(operand.U32(8*k.outputs()), res)
		}
		c.JMP(operand.LabelRef(done))
		c.Label(plain)
		each(store)
		c.Label(done)
	}
	c.ADDQ(operand.U32(8*k.outputs()), out)
	c.ADDQ(operand.U32(4*k.outputs()), bias)
	c.DECQ(tiles)
	c.JNE(operand.LabelRef("tile"))
	c.VZEROUPPER()
	c.RET()
}
