package kernel

import (
	"testing"

	"golang.org/x/sys/cpu"
)

// int8Sets lists the sets of int8 kernels that this processor can run, pure Go
// first: more than its instruction sets would choose.
func int8Sets() []dotSet {
	sets := []dotSet{setGo}
	for set, have := range map[dotSet]bool{
		setMadd: cpu.X86.HasAVX2 && cpu.X86.HasFMA, setVNNI: cpu.X86.HasAVXVNNI,
		setEVEX: cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512VL, setVNNI512: cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512BW,
	} {
		if have {
			sets = append(sets, set)
		}
	}
	return sets
}

// RIFFLE_CPU=avx2 means a processor without VNNI.
func TestInt8Set(t *testing.T) {
	t.Parallel()
	if s := int8Set(AVX2); s != setMadd {
		t.Errorf("AVX2 uses set %d", s)
	}
	if s := int8Set(Generic); s != setGo {
		t.Errorf("pure Go uses set %d", s)
	}
	for _, isa := range allISAs() {
		if s := int8Set(isa); isa == AVXVNNI && s != setVNNI && s != setEVEX {
			t.Errorf("%s uses set %d", isa, s)
		}
	}
}
