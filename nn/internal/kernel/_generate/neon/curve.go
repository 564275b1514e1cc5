package main

import (
	"fmt"
	"math"
)

// constants writes floats to read-only memory.
func (s *source) constants(name string, values []float32) {
	s.text.WriteByte('\n')
	for i, v := range values {
		fmt.Fprintf(&s.text, "DATA %s<>+%d(SB)/4, $0x%08x\n", name, 4*i, math.Float32bits(v))
	}
	fmt.Fprintf(&s.text, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 4*len(values))
}

func (s *source) fneg(d, n int)   { s.two(0x6ea0f800, "fneg", d, n) }
func (s *source) frintn(d, n int) { s.two(0x4e218800, "frintn", d, n) }
func (s *source) fcvtns(d, n int) { s.two(0x4e21a800, "fcvtns", d, n) }

func (s *source) fdiv(d, n, m int) { s.three(0x6e20fc00, "fdiv", d, n, m) }

func (s *source) two(code uint32, name string, d, n int) {
	s.word(code|uint32(n)<<5|uint32(d), "%s v%d.4s, v%d.4s", name, d, n)
}

// curveAll writes the activations that are not max(x, slope*x), in place.
func curveAll(s *source) {
	// curve calls y once for each of two vectors, which hold x in v and may use
	// the seven registers behind it, with the constants in 16 and on.
	curve := func(name, doc, constants string, n int, y func(v int)) {
		s.fn(name, "(x *byte, n int)", doc, 16)
		s.args("x", "n")
		s.op("MOVD $%s<>(SB), R2", constants)
		for i := range n {
			s.op("VLD1R.P 4(R2), [V%d.S4]", 16+i)
		}
		s.label("next")
		s.loads("R0", 0, []int{0, 8})
		y(0)
		y(8)
		s.op("FSTPQ.P (F0, F8), 32(R0)")
		s.next("R1")
		s.op("RET")
	}
	s.constants("clamp", []float32{3, 0, 6, 1.0 / 6})
	clamp := func(v, x int) {
		s.fadd(v, x, 16)
		s.fmax(v, v, 17)
		s.fmin(v, v, 18)
		s.fmul(v, v, 19)
	}
	s.constants("six", []float32{6})
	curve("min6NEON", "sets x = min(x, 6) for n floats.", "six", 1, func(v int) { s.fmin(v, v, 16) })
	curve("hsigmoidNEON", "sets x = min(max(x+3, 0), 6) / 6 for n floats.", "clamp", 4, func(v int) { clamp(v, v) })
	curve("hswishNEON", "sets x = x * min(max(x+3, 0), 6) / 6 for n floats.", "clamp", 4, func(v int) {
		clamp(v+1, v)
		s.fmul(v, v, v+1)
	})

	// exp(-x) = 2^n * exp(r), n the integer nearest to -x/ln 2, so that |r| is at
	// most ln(2)/2 and eight terms of the series reach a float32's last place.
	// The first part of ln 2 is short, so that n times it is exact.
	const (
		ln2High              = 0.693359375
		least, most          = 16, 17
		log2e, high, low     = 18, 19, 20
		one                  = 21 // and the further terms of the series
		terms                = 8
		negative, whole, sum = 1, 2, 3 // the sum takes turns in two registers
	)
	values := []float32{-87, 87, math.Log2E, ln2High, math.Ln2 - ln2High}
	factorial := 1.0
	for i := range terms {
		factorial *= float64(max(i, 1))
		values = append(values, float32(1/factorial))
	}
	s.constants("exponential", values)
	curve("sigmoidNEON", "sets x = 1 / (1 + exp(-x)) for n floats.", "exponential", len(values), func(v int) {
		s.fmax(v, v, least)
		s.fmin(v, v, most)
		s.fneg(v+negative, v)
		s.fmul(v+whole, v+negative, log2e)
		s.frintn(v+whole, v+whole)
		s.op("VFMLS V%d.S4, V%d.S4, V%d.S4", high, v+whole, v+negative)
		s.op("VFMLS V%d.S4, V%d.S4, V%d.S4", low, v+whole, v+negative)
		from := one + terms - 1
		for i := terms - 2; i >= 0; i-- {
			to := v + sum + i%2
			s.move(one+i, to)
			s.op("VFMLA V%d.S4, V%d.S4, V%d.S4", v+negative, from, to)
			from = to
		}
		s.fcvtns(v+whole, v+whole)
		s.op("VSHL $23, V%d.S4, V%d.S4", v+whole, v+whole)
		s.op("VADD V%d.S4, V%d.S4, V%d.S4", v+whole, from, from)
		s.fadd(from, from, one)
		s.fdiv(v, one, from)
	})
}
