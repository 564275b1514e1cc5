package isa

import "golang.org/x/sys/cpu"

// detect need not ask for vectors of four floats and FMA: they are part of every
// processor of 64 bits that Go supports.
func detect() []ISA {
	list := []ISA{NEON}
	if cpu.ARM64.HasASIMDDP {
		list = append(list, DotProd)
		if cpu.ARM64.HasI8MM {
			list = append(list, I8MM)
		}
	}
	return list
}
