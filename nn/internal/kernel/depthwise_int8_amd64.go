package kernel

import "golang.org/x/sys/cpu"

// kernels is the set of kernels that is used: those of 512 bits need VBMI.
func (d *DepthwiseInt8) kernels() dotSet {
	if d.set == setVNNI512 && !cpu.X86.HasAVX512VBMI {
		return setEVEX
	}
	return d.set
}
