package kernel

// kernels is the set of kernels that is used: SMMLA is for matrices only.
func (d *DepthwiseInt8) kernels() dotSet { return min(d.set, setSDOT) }
