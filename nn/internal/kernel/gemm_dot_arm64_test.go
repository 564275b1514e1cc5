package kernel

import "golang.org/x/sys/cpu"

// int8Sets lists the sets of int8 kernels that this processor can run, pure Go
// first.
func int8Sets() []dotSet {
	sets := []dotSet{setGo, setNEON}
	if cpu.ARM64.HasASIMDDP {
		sets = append(sets, setSDOT)
	}
	if cpu.ARM64.HasI8MM {
		sets = append(sets, setSMMLA)
	}
	return sets
}
