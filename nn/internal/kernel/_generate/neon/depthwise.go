package main

import "fmt"

// Offsets of depthwiseArgs.
const (
	dwIn      = 0
	dwOut     = 8
	dwW       = 16
	dwBias    = 24
	dwPlanes  = 32
	dwRows    = 40
	dwRow     = 48
	dwOutRow  = 56
	dwInOff   = 64
	dwOutOff  = 72
	dwLastIn  = 80
	dwLastOut = 88
	dwMasks   = 96
	dwSlope   = 104
	dwHSwish  = 108
)

// depthwiseKernel does a strip of vectors of four columns of whole planes. The
// last vector of a strip has an address of its own: at the right border it moves
// left until it is full, and what it does again comes out the same.
type depthwiseKernel struct{ k, stride, vectors int }

func (d depthwiseKernel) name() string {
	return fmt.Sprintf("depthwiseNEONk%ds%dv%d", d.k, d.stride, d.vectors)
}

func depthwiseKernels() []depthwiseKernel {
	var list []depthwiseKernel
	for _, k := range []int{3, 5} {
		for stride := 1; stride <= 2; stride++ {
			most := 4
			if k == 5 && stride == 1 {
				most = 3 // five rows of sums are alive
			}
			for v := 1; v <= most; v++ {
				list = append(list, depthwiseKernel{k, stride, v})
			}
		}
	}
	return list
}

func (d depthwiseKernel) pad() int { return d.k / 2 }

// Turn y reads stride input rows from row stride*y on. They complete output row
// y-delay and begin output row y+ahead; the rows between are under way.
func (d depthwiseKernel) delay() int { return d.pad() / d.stride }
func (d depthwiseKernel) ahead() int { return (d.stride - 1 + d.pad()) / d.stride }
func (d depthwiseKernel) alive() int { return d.delay() + d.ahead() + 1 }

// Vector registers: sums, filter, masks, bias, slope, and inputs in the rest.
func (d depthwiseKernel) sum(outRow, v int) int {
	return (outRow+2*d.alive())%d.alive()*d.vectors + v
}
func (d depthwiseKernel) filter() int { return d.alive() * d.vectors }
func (d depthwiseKernel) tap(row, dx int) (register, lane int) {
	i := row*d.k + dx + d.pad()
	return d.filter() + i/4, i % 4
}
func (d depthwiseKernel) filterRegisters() int { return (d.k*d.k + 3) / 4 }

// mask is the register of the mask of tap dx, which is not 0.
func (d depthwiseKernel) mask(dx int) int {
	i := dx + d.pad()
	if dx > 0 {
		i--
	}
	return d.filter() + d.filterRegisters() + i
}
func (d depthwiseKernel) bias() int  { return d.filter() + d.filterRegisters() + 2*d.pad() }
func (d depthwiseKernel) slope() int { return d.bias() + 1 }
func (d depthwiseKernel) first() int { return d.slope() + 1 }

// General registers.
const (
	dInTable, dOutTable, dW, dBiases, dPlanes = "R1", "R2", "R3", "R4", "R5"
	dAllRows, dRow, dOutRow                   = "R6", "R7", "R8"
	dInOff, dOutOff, dLastIn, dLastOut        = "R9", "R10", "R11", "R12"
	dSrc, dSrcLast                            = "R13", "R14" // input row, at the strip and at its last vector
	dDst, dTop                                = "R15", "R16" // output row, first one of the plane
	dAddr, dTemp, dRows                       = "R17", "R19", "R20"
)

// generate writes the kernel. Every input row is read once and added to all
// output rows that see it, whose sums stay in registers; the code of a turn is
// repeated for every assignment of sums to registers, so that none is moved.
// Rows above and below the plane are left out, but the row below an odd last
// one, which the zero guard stands in for with stride 2.
func (d depthwiseKernel) generate(s *source) {
	s.fn(d.name(), "(a *byte)", fmt.Sprintf("does a strip of %d vectors of columns of %dx%d filters with stride %d.", d.vectors, d.k, d.k, d.stride), 8)
	s.op("MOVD a+0(FP), R0")
	for i, off := range []int{dwIn, dwOut, dwW, dwBias, dwPlanes, dwRows, dwRow, dwOutRow, dwInOff, dwOutOff, dwLastIn, dwLastOut} {
		s.op("MOVD %d(R0), R%d", off, i+1)
	}
	s.op("MOVD %d(R0), %s", dwMasks, dTemp)
	s.loads(dTemp, 0, sequence(d.mask(-d.pad()), 2*d.pad()))
	s.op("ADD $%d, R0, %s", dwSlope, dTemp)
	s.broadcast(d.slope(), dTemp)
	if d.stride == 2 {
		for i := 1; i <= 3; i++ {
			s.op("MOVD $%d, %s", 8*i, step(8*i))
		}
	}

	s.label("plane")
	s.op("MOVD.P 8(%s), %s", dInTable, dSrc)
	s.op("MOVD.P 8(%s), %s", dOutTable, dTop)
	s.op("ADD %s, %s, %s", dInOff, dSrc, dSrc)
	s.op("ADD %s, %s, %s", dLastIn, dSrc, dSrcLast)
	s.op("ADD %s, %s, %s", dOutOff, dTop, dTop)
	s.op("MOVD %s, %s", dTop, dDst)
	for range d.delay() {
		s.op("SUB %s, %s, %s", dOutRow, dDst, dDst)
	}
	s.loads(dW, 0, sequence(d.filter(), d.filterRegisters()))
	s.op("ADD $%d, %s, %s", 4*d.k*d.k, dW, dW)
	s.op("VLD1R.P 4(%s), [V%d.S4]", dBiases, d.bias())
	for i := range d.ahead() * d.vectors { // a turn sets the others itself
		s.move(d.bias(), d.sum(i/d.vectors, i%d.vectors))
	}
	s.op("MOVD %s, %s", dAllRows, dRows)

	s.label("turn0")
	for turn := range d.alive() {
		d.turn(s, turn)
		s.op("SUBS $1, %s, %s", dRows, dRows)
		if turn == d.alive()-1 {
			s.op("BNE turn0")
			d.end(s, turn)
		} else {
			s.op("BEQ end%d", turn)
		}
	}
	for turn := range d.alive() - 1 {
		s.label(fmt.Sprintf("end%d", turn))
		d.end(s, turn)
	}
}

// end stores the rows under way after the last turn and goes on to the next
// plane.
func (d depthwiseKernel) end(s *source, turn int) {
	for o := turn - d.delay() + 1; o <= turn; o++ {
		d.store(s, o)
	}
	s.op("SUBS $1, %s, %s", dPlanes, dPlanes)
	s.op("BNE plane")
	s.op("RET")
}

func (d depthwiseKernel) turn(s *source, turn int) {
	for v := range d.vectors {
		s.move(d.bias(), d.sum(turn+d.ahead(), v))
	}
	for i := range d.stride {
		if d.stride == 1 {
			d.columns(s, turn, i)
		} else {
			d.pairs(s, turn, i)
		}
		s.op("ADD %s, %s, %s", dRow, dSrc, dSrc)
		s.op("ADD %s, %s, %s", dRow, dSrcLast, dSrcLast)
		if i == d.pad()%d.stride {
			d.store(s, turn-d.delay())
		}
	}
}

// add adds tap dx of vector v, which is in register x, of input row i of a turn
// to all output rows that see it.
func (d depthwiseKernel) add(s *source, turn, i, v, dx, x int) {
	if (dx < 0 && v == 0) || (dx > 0 && v == d.vectors-1) {
		s.op("VAND V%d.B16, V%d.B16, V%d.B16", d.mask(dx), x, x)
	}
	for o := turn - d.delay(); o <= turn+d.ahead(); o++ {
		if row := d.stride*(turn-o) + i + d.pad(); row >= 0 && row < d.k {
			register, lane := d.tap(row, dx)
			s.fmla(d.sum(o, v), x, register, lane)
		}
	}
}

// at returns where vector v of an input row is.
func (d depthwiseKernel) at(v int) (base string, off int) {
	if v == d.vectors-1 {
		return dSrcLast, 0
	}
	return dSrc, 16 * v * d.stride
}

// columns adds an input row with stride 1: a load for every tap, two taps before
// it is used. A tap is done for all vectors before the next one, because its
// additions to the same sums have to wait for each other.
func (d depthwiseKernel) columns(s *source, turn, i int) {
	const early = 2
	register := func(n int) int { return d.first() + n%(32-d.first()) }
	for n := range d.k*d.vectors + early {
		if dx := n/d.vectors - d.pad(); dx <= d.pad() {
			base, off := d.at(n % d.vectors)
			s.op("FMOVQ %d(%s), F%d", off+4*dx, base, register(n))
		}
		if ready := n - early; ready >= 0 {
			d.add(s, turn, i, ready%d.vectors, ready/d.vectors-d.pad(), register(ready))
		}
	}
}

// step is the register that holds a small number, which a load of pairs adds to
// its address.
func step(n int) string { return fmt.Sprintf("R%d", 20+n/8) }

// pairs adds an input row with stride 2, where a load sorts even and odd columns
// of the input into two registers.
func (d depthwiseKernel) pairs(s *source, turn, i int) {
	pairs := (32 - d.first()) / 2
	next := 0
	load := func(advance int) (even, odd int) {
		even = 32 - 2*pairs + 2*(next%pairs)
		next++
		s.op("VLD2.P (%s)(%s), [V%d.S4, V%d.S4]", dTemp, step(advance), even, even+1)
		return even, even + 1
	}
	for v := range d.vectors {
		if v == 0 || v == d.vectors-1 {
			base, off := d.at(v)
			s.op("ADD $%d, %s, %s", off-8, base, dTemp)
		}
		var taps []int
		if d.k == 3 {
			_, left := load(8) // columns from -2 and 0 on
			middle, right := load(24)
			taps = []int{left, middle, right}
		} else {
			farLeft, left := load(8)
			middle, right := load(8)
			farRight, _ := load(16)
			taps = []int{farLeft, left, middle, right, farRight}
		}
		for j, x := range taps {
			d.add(s, turn, i, v, j-d.pad(), x)
		}
	}
}

// store activates and stores an output row. A row above the plane, of which
// only a part was summed up, goes to the first row, where the right values
// overwrite it.
func (d depthwiseKernel) store(s *source, outRow int) {
	addr := dDst
	if d.delay() > 0 {
		addr = dAddr
		s.op("CMP %s, %s", dTop, dDst)
		s.op("CSEL LO, %s, %s, %s", dTop, dDst, addr)
	}
	sums := sequence(d.sum(outRow, 0), d.vectors)
	s.places++
	hswish, done := fmt.Sprintf("hswish%d", s.places), fmt.Sprintf("activated%d", s.places)
	s.op("MOVWU %d(R0), %s", dwHSwish, dTemp)
	s.op("CBNZ %s, %s", dTemp, hswish)
	s.leaky(sums, d.slope(), sequence(d.first(), 32-d.first()))
	s.op("B %s", done)
	s.label(hswish)
	s.hswish(sums, sequence(d.slope(), 32-d.slope()), dTemp) // no slope is needed here
	s.label(done)
	s.stores(addr, 0, sums[:d.vectors-1])
	s.op("ADD %s, %s, %s", dLastOut, addr, dTemp)
	s.stores(dTemp, 0, sums[d.vectors-1:])
	s.op("ADD %s, %s, %s", dOutRow, dDst, dDst)
}
