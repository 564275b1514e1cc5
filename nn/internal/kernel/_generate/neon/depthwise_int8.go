package main

import "fmt"

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
)

// Lanes of depthwiseAfter of the package.
const (
	dwqScale     = 0
	dwqBias      = 1
	dwqZero      = 2
	dwqInZero    = 3
	dwqAfterSize = 16
)

// depthwiseInt8Kernel is a depthwise convolution of bytes that walks down a strip
// of eight columns.
type depthwiseInt8Kernel struct {
	dot
	k, stride int
}

func (d depthwiseInt8Kernel) kernel() string {
	return fmt.Sprintf("depthwise%sk%ds%d", d.name, d.k, d.stride)
}

// parts is how many vectors of gathered taps four outputs take.
func (d depthwiseInt8Kernel) parts() int { return (d.k + 3) / 4 }

// alive is how many output rows an input row can add to.
func (d depthwiseInt8Kernel) alive() int { return (d.k + d.stride - 1) / d.stride }

func depthwiseInt8Kernels() []depthwiseInt8Kernel {
	var list []depthwiseInt8Kernel
	for _, t := range []dot{sdotKernels, baseKernels} {
		for _, k := range []int{3, 5} {
			for stride := 1; stride <= 2; stride++ {
				list = append(list, depthwiseInt8Kernel{t, k, stride})
			}
		}
	}
	return list
}

// Registers: sums of two vectors for each row alive, then what follows.
func (d depthwiseInt8Kernel) sums(row int) []int { return []int{2 * row, 2*row + 1} }

func (d depthwiseInt8Kernel) taps(part int) []int {
	first := 2*d.alive() + 2*part
	return []int{first, first + 1}
}

func (d depthwiseInt8Kernel) filter() int { return 2*d.alive() + 2*d.parts() }

func (d depthwiseInt8Kernel) controls() int { return d.filter() + (d.k*d.parts()+3)/4 }

func (d depthwiseInt8Kernel) rest() []int {
	first := d.controls() + 2*d.parts()
	return sequence(first, 32-first)
}

const (
	qW, qAfter, qStarts, qControls = "R1", "R2", "R3", "R4"
	qIn, qOut, qPlanes, qInRows    = "R5", "R6", "R7", "R8"
	qRow, qOutRow, qInOff, qOutOff = "R9", "R10", "R11", "R12"
	qSrc, qDst, qY, qN             = "R13", "R14", "R15", "R16"
	qStep, qFloats, qSlope, qTmp   = "R17", "R19", "R20", "R21"
	qAllRows, qOne                 = "R22", "R23"
)

// generate writes the kernel. Each input row is read and gathered once, all taps of
// an output in a lane, and added to the output rows that see it. Rows above and
// below the plane are gathered from the byte that stands for 0.
func (d depthwiseInt8Kernel) generate(s *source) {
	s.fn(d.kernel(), "(a *byte)", fmt.Sprintf("does a strip of eight columns of %dx%d filters with stride %d.", d.k, d.k, d.stride), 8)
	s.op("MOVD a+0(FP), R0")
	for _, l := range []struct {
		off int
		to  string
	}{{dwqW, qW}, {dwqAfter, qAfter}, {dwqStarts, qStarts}, {dwqControls, qControls}, {dwqIn, qIn}, {dwqOut, qOut},
		{dwqPlanes, qPlanes}, {dwqInRows, qInRows}, {dwqOutRows, qAllRows}, {dwqRow, qRow}, {dwqOutRow, qOutRow},
		{dwqInOff, qInOff}, {dwqOutOff, qOutOff}, {dwqStartStep, qStep}} {
		s.op("MOVD %d(R0), %s", l.off, l.to)
	}
	s.op("MOVWU %d(R0), %s", dwqFloats, qFloats)
	s.op("MOVWU %d(R0), %s", dwqSlope, qSlope)
	s.op("MOVW $0x3f800000, %s", qOne)
	rest := d.rest()
	zeros, flip, scale, bias, zero, raw, scratch := rest[0], rest[1], rest[2], rest[3], rest[4], rest[5:7], rest[7:]
	s.op("VMOVI $128, V%d.B16", flip)
	s.loads(qControls, 0, sequence(d.controls(), 2*d.parts()))

	s.label("plane")
	s.op("MOVD.P 8(%s), %s", qIn, qSrc)
	s.op("ADD %s, %s, %s", qInOff, qSrc, qSrc)
	s.op("MOVD.P 8(%s), %s", qOut, qDst)
	s.op("ADD %s, %s, %s", qOutOff, qDst, qDst)
	s.op("FMOVQ (%s), F%d", qAfter, raw[0])
	for lane, to := range []int{dwqScale: scale, dwqBias: bias, dwqZero: zero, dwqInZero: zeros} {
		s.op("VDUP V%d.S[%d], V%d.S4", raw[0], lane, to)
	}
	s.op("VEOR V%d.B16, V%d.B16, V%d.B16", flip, zeros, zeros)
	s.loads(qW, 0, sequence(d.filter(), (d.k*d.parts()+3)/4))
	for row := range d.alive() {
		s.loads(qStarts, 0, d.sums(row))
	}
	s.op("MOVD $-%d, %s", d.k/2, qY)
	s.op("MOVD %s, %s", qAllRows, qN)
	lines := 0
	line := func(first int) {
		lines++
		inside, gather := fmt.Sprintf("inside%d", lines), fmt.Sprintf("gather%d", lines)
		s.op("CMP %s, %s", qInRows, qY)
		s.op("BLO %s", inside) // as an unsigned number, what is below 0 is great
		s.move(zeros, raw[0])
		if d.stride == 2 {
			s.move(zeros, raw[1])
		}
		s.op("B %s", gather)
		s.label(inside)
		s.op("FMOVQ (%s), F%d", qSrc, raw[0])
		s.op("VEOR V%d.B16, V%d.B16, V%d.B16", flip, raw[0], raw[0])
		if d.stride == 2 {
			s.op("FMOVQ 8(%s), F%d", qSrc, raw[1])
			s.op("VEOR V%d.B16, V%d.B16, V%d.B16", flip, raw[1], raw[1])
		}
		s.label(gather)
		for part := range d.parts() {
			for v, t := range d.taps(part) {
				from := raw[0]
				if d.stride == 2 {
					from = raw[v]
				}
				s.op("VTBL V%d.B16, [V%d.B16], V%d.B16", d.controls()+2*part+v, from, t)
			}
		}
		for row := range d.alive() {
			dy := first - row*d.stride
			if dy < 0 || dy >= d.k {
				continue
			}
			for part := range d.parts() {
				i := dy*d.parts() + part
				d.multiply(s, d.sums(row), d.taps(part), d.filter()+i/4, i%4, scratch)
			}
		}
		s.op("ADD %s, %s, %s", qRow, qSrc, qSrc)
		s.op("ADD $1, %s, %s", qY, qY)
	}
	for i := range d.k - d.stride {
		line(i)
	}
	s.label("row")
	for i := range d.stride {
		line(d.k - d.stride + i)
	}
	d.store(s, scale, bias, zero, raw)
	for row := range d.alive() - 1 {
		for v, to := range d.sums(row) {
			s.move(d.sums(row + 1)[v], to)
		}
	}
	s.loads(qStarts, 0, d.sums(d.alive()-1))
	s.op("ADD %s, %s, %s", qOutRow, qDst, qDst)
	s.op("SUBS $1, %s, %s", qN, qN)
	s.op("BNE row")

	s.op("ADD $%d, %s, %s", 4*d.k*d.parts(), qW, qW)
	s.op("ADD $%d, %s, %s", dwqAfterSize, qAfter, qAfter)
	s.op("ADD %s, %s, %s", qStep, qStarts, qStarts)
	s.op("SUBS $1, %s, %s", qPlanes, qPlanes)
	s.op("BNE plane")
	s.op("RET")
}

// store scales and activates the sums of a row and stores them as float32 or as
// bytes; t are free registers.
func (d depthwiseInt8Kernel) store(s *source, scale, bias, zero int, t []int) {
	sums := d.sums(0)
	for i, x := range sums {
		s.scvtf(x, x)
		s.move(bias, t[i])
		s.fmlaAll(t[i], x, scale)
		s.move(t[i], x)
	}
	s.op("CMPW %s, %s", qOne, qSlope)
	s.op("BEQ activated")
	s.op("VDUP %s, V%d.S4", qSlope, t[1])
	for _, x := range sums {
		s.leaky([]int{x}, t[1], t[:1])
	}
	s.label("activated")
	s.op("CBNZ %s, floats", qFloats)
	for _, x := range sums {
		s.fcvtns(x, x)
	}
	s.narrow(t[0], sums[0], false)
	s.narrow(t[0], sums[1], true)
	s.addWords(t[0], t[0], zero)
	s.narrowToBytes(t[0], t[0], false)
	s.op("FMOVD F%d, (%s)", t[0], qDst)
	s.op("B stored")
	s.label("floats")
	s.stores(qDst, 0, sums)
	s.label("stored")
}
