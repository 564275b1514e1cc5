package kernel

import "golang.org/x/sys/cpu"

// archPaths asks for every instruction set the assembly uses. The cpu package
// also asks the operating system whether it saves the wide registers.
func archPaths() []Path {
	var paths []Path
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return paths
	}
	paths = append(paths, AVX2)
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ {
		paths = append(paths, AVX512)
	}
	return paths
}
