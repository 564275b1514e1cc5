package isa

import "golang.org/x/sys/cpu"

// detect asks for every extension that the assembly uses. The cpu package also
// asks the operating system whether it saves the wide registers.
func detect() []ISA {
	var list []ISA
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return list
	}
	list = append(list, AVX2)
	if cpu.X86.HasAVXVNNI || cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512VL {
		list = append(list, AVXVNNI)
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ {
		list = append(list, AVX512)
	}
	return list
}
