// Package isa names the instruction sets that the assembly of this module is
// written for, finds those of the processor it runs on, and is the only reader
// of the environment variable RIFFLE_CPU, which forces one.
package isa

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// ISA is an instruction set that kernels are written for.
type ISA int

// The instruction sets, from the one that runs everywhere to the fastest.
const (
	Generic ISA = iota // pure Go
	AVX2               // AVX2 and FMA3
	AVXVNNI            // AVX2 and FMA3, and VPDPBUSD of 256 bits: AVX-VNNI, or AVX512_VNNI with AVX512VL
	AVX512             // AVX-512 F, VL, BW and DQ
	NEON               // arm64: Advanced SIMD, which every such processor has
	DotProd            // arm64: SDOT, FEAT_DotProd (Cortex-A55 and A76, and later)
	I8MM               // arm64: SMMLA too, FEAT_I8MM (Cortex-A510 and A710, Neoverse V1, and later)
)

var names = [...]string{"generic", "avx2", "avxvnni", "avx512", "neon", "dotprod", "i8mm"}

// String returns the name that RIFFLE_CPU understands.
func (i ISA) String() string {
	if i < 0 || int(i) >= len(names) {
		return fmt.Sprintf("isa(%d)", int(i))
	}
	return names[i]
}

// Available lists the instruction sets that this processor and operating system
// can run, slowest first. It is never empty: Generic is always there.
func Available() []ISA { return append([]ISA{Generic}, detect()...) }

// Best returns the fastest instruction set of this machine.
func Best() ISA {
	all := Available()
	return all[len(all)-1]
}

// Named returns the instruction set of a name. One that is unknown or that this
// machine cannot run is an error that lists those it can; what says who asked.
func Named(what, name string) (ISA, error) { return choose(what, name, Available()) }

// EnvVar is the environment variable that [FromEnv] reads.
const EnvVar = "RIFFLE_CPU"

// FromEnv returns the instruction set that the environment variable RIFFLE_CPU
// asks for, or Best if that is empty. Errors are those of Named.
func FromEnv() (ISA, error) {
	name := os.Getenv(EnvVar)
	if name == "" {
		return Best(), nil
	}
	return Named(EnvVar, name)
}

func choose(what, name string, available []ISA) (ISA, error) {
	i := slices.Index(names[:], name)
	switch {
	case i < 0:
		return Generic, fmt.Errorf("%s=%s is unknown, want one of: %s", what, name, join(available))
	case !slices.Contains(available, ISA(i)):
		return Generic, fmt.Errorf("%s=%s is not supported by this processor, which can run: %s", what, name, join(available))
	}
	return ISA(i), nil
}

func join(list []ISA) string {
	all := make([]string, len(list))
	for i, x := range list {
		all[i] = x.String()
	}
	return strings.Join(all, ", ")
}
