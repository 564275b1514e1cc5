package kernel

import "example.com/riffle/internal/isa"

// ISA names one implementation of all kernels.
type ISA = isa.ISA

// The instruction sets, see package isa.
const (
	Generic = isa.Generic
	AVX2    = isa.AVX2
	AVXVNNI = isa.AVXVNNI
	AVX512  = isa.AVX512
	NEON    = isa.NEON
	DotProd = isa.DotProd
	I8MM    = isa.I8MM
)
