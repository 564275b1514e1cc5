package kernel

// PointwiseDeep is a 1x1 convolution, or fully connected layers over many vectors,
// with more weights than a cache holds.
type PointwiseDeep struct{ *deep }

// NewPointwiseDeep prepares what [NewPointwise] does without groups, nil if it
// would not be faster.
func NewPointwiseDeep(isa ISA, w, bias []float32, m, k, n int) *PointwiseDeep {
	if !isDeep(m, k, n) {
		return nil
	}
	return &PointwiseDeep{newDeep(isa, w, bias, m, k, n, 1)}
}

// Units returns the number of independent pieces of work.
func (p *PointwiseDeep) Units() int { return p.units() }

// Run computes units u0 to u1-1 as [Pointwise.Run] does, for at least the first n
// pixels.
func (p *PointwiseDeep) Run(out, in, res []Plane, act Act, n, u0, u1 int) {
	for i := range p.parts {
		p.run(i, out, in[p.first[i]:p.first[i+1]], res, act, n, u0, u1)
	}
}
