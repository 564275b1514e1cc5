package vec

import (
	"fmt"

	"example.com/riffle/internal/isa"
)

//go:generate sh -c "cd _generate && go run ."

// ISA is an instruction set that the loops are written for: fewer than the
// engine has.
type ISA int

// The instruction sets.
const (
	Generic ISA = iota // pure Go
	AVX2               // AVX2 and FMA3, also where the engine uses more than that
)

// For returns the instruction set that goes with the engine's of that name.
func For(name string) ISA {
	i, err := isa.Named("", name)
	if err != nil {
		return Generic
	}
	return from(i)
}

// Best returns the fastest instruction set of this machine, or what the
// environment variable RIFFLE_CPU asks for; a value that it cannot have is an
// error.
func Best() (ISA, error) {
	i, err := isa.FromEnv()
	if err != nil {
		return Generic, fmt.Errorf("vec: %w", err)
	}
	return from(i), nil
}

func from(i isa.ISA) ISA {
	switch i {
	case isa.AVX2, isa.AVXVNNI, isa.AVX512:
		return AVX2
	}
	return Generic
}

// Available lists the instruction sets that this machine can run.
func Available() []ISA {
	if from(isa.Best()) == AVX2 {
		return []ISA{Generic, AVX2}
	}
	return []ISA{Generic}
}

// String returns the name of the instruction set.
func (i ISA) String() string {
	if i == AVX2 {
		return "avx2"
	}
	return "generic"
}
