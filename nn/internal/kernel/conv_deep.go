package kernel

// ConvDeep is a dense convolution with more weights than a cache holds on a small
// map. [Conv] reads all weights for every row; here the inputs of all pixels are
// laid out, channel by channel, and each weight is read once.
type ConvDeep struct {
	ConvShape
	*deep
	oh, ow int
	pieces int
	stride int // floats from one input of the matrix product to the next
}

// deepColumns is the width of a map from which on its rows alone use a weight often
// enough.
const deepColumns = 64

// NewConvDeep prepares what [NewConv] does, nil if it would not be faster. It is
// cut into at most so many pieces of work: each lays out all inputs for itself.
func NewConvDeep(isa ISA, weights, bias []float32, s ConvShape, pieces int) *ConvDeep {
	oh, ow := s.OutputSize()
	taps := s.Kernel * s.Kernel
	if s.Groups != 1 || ow > deepColumns || !isDeep(s.Out, s.In*taps, oh*ow) {
		return nil
	}
	c := &ConvDeep{ConvShape: s, oh: oh, ow: ow, pieces: pieces, stride: Stride(1, oh*ow)}
	c.deep = newDeep(isa, weights, bias, s.Out, s.In*taps, oh*ow, taps)
	return c
}

// Units returns the number of independent pieces of work.
func (c *ConvDeep) Units() int { return min(c.pieces, c.units()) }

// ConvDeepScratch is the memory that one call of [ConvDeep.Run] works in.
type ConvDeepScratch struct {
	memory []float32
	inputs []Plane // of the matrix product with a part
}

// NewScratch makes scratch memory. Concurrent calls of Run need one each.
func (c *ConvDeep) NewScratch() *ConvDeepScratch {
	s := &ConvDeepScratch{inputs: make([]Plane, c.first[1])}
	s.memory = Floats(2*Slack + len(s.inputs)*c.stride)
	for i := range s.inputs {
		s.inputs[i] = Plane(&s.memory[Slack+i*c.stride])
	}
	return s
}

// Run computes units u0 to u1-1.
func (c *ConvDeep) Run(out, in []Plane, act Act, s *ConvDeepScratch, u0, u1 int) {
	taps, n := c.Kernel*c.Kernel, c.Units()
	for i := range c.parts {
		from, to := c.first[i], c.first[i+1]
		for ch := from / taps; ch < to/taps; ch++ {
			c.layOut(s.inputs[ch*taps-from:], in[ch])
		}
		c.run(i, out, s.inputs[:to-from], nil, act, c.oh*c.ow, u0*c.units()/n, u1*c.units()/n)
	}
}

// layOut copies for every tap of the filter what of a channel all pixels see.
func (c *ConvDeep) layOut(dst []Plane, src Plane) {
	for tap := range c.Kernel * c.Kernel {
		out := floats(dst[tap], c.oh*c.ow)
		for oy := range c.oh {
			row := out[oy*c.ow : (oy+1)*c.ow]
			y := oy*c.Stride + tap/c.Kernel - c.Pad
			if y < 0 || y >= c.Height {
				clear(row)
				continue
			}
			everyNth(row, Plane(at(src, y*c.Width)), c.Width, tap%c.Kernel-c.Pad, c.Stride)
		}
	}
}
