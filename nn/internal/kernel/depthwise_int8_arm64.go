package kernel

// kernels is the set of kernels that is used.
func (d *DepthwiseInt8) kernels() dotSet { return d.set }
