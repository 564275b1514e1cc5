package kernel

import "math"

// ConvMaxPool is a convolution followed by a 3x3 max-pool with stride 2 and
// padding 1, the stem of many networks. Rows of the convolution go through
// scratch memory of three rows, so that its large output never leaves the cache.
type ConvMaxPool struct {
	conv      *Conv
	m         int
	oh, ow    int
	rowFloats int
}

// NewConvMaxPool prepares the convolution that [NewConv] describes and the
// max-pool of its output.
func NewConvMaxPool(isa ISA, weights, bias []float32, s ConvShape) *ConvMaxPool {
	c := NewConv(isa, weights, bias, s)
	return &ConvMaxPool{conv: c, m: s.Out, oh: (c.oh-1)/2 + 1, ow: (c.ow-1)/2 + 1, rowFloats: rowStride(c.ow)}
}

// Out returns the size of the pooled output planes.
func (c *ConvMaxPool) Out() (h, w int) { return c.oh, c.ow }

// Units returns the number of independent pieces of work: one for each pooled
// row. A call computes one or two rows of the convolution that its neighbour
// computes too, so give a thread a run of rows.
func (c *ConvMaxPool) Units() int { return c.oh }

// ConvMaxPoolScratch is the memory one call of [ConvMaxPool.Run] works in.
type ConvMaxPoolScratch struct {
	conv *ConvScratch
	rows []Plane // [3][m], rows of the convolution take turns in them
	data []float32
}

// NewScratch makes scratch memory. Concurrent calls of Run need one each.
func (c *ConvMaxPool) NewScratch() *ConvMaxPoolScratch {
	s := &ConvMaxPoolScratch{conv: c.conv.NewScratch(), data: Floats(poolRows * c.m * c.rowFloats)}
	for i := range poolRows * c.m {
		s.rows = append(s.rows, Plane(&s.data[i*c.rowFloats]))
	}
	return s
}

const poolRows = 3

// Run computes pooled rows u0 to u1-1 of all planes; act belongs to the
// convolution.
func (c *ConvMaxPool) Run(out, in []Plane, act Act, s *ConvMaxPoolScratch, u0, u1 int) {
	slope := float32(1)
	if c.conv.gemm.isa == AVX512 && act.Kind == LeakyReLU && act.Slope >= 0 {
		// A rising function of the greatest value is the greatest of the function,
		// and there is a quarter as many. A ReLU costs the convolution nothing.
		act, slope = Act{}, act.Slope
	}
	s.conv.next = 0
	next := max(2*u0-1, 0) // first row of the convolution to compute
	for y := u0; y < u1; y++ {
		for ; next < min(2*y+2, c.conv.oh); next++ {
			c.conv.row(s.slot(next), in, nil, act, s.conv, next, 0)
		}
		a, b, d := s.slot(max(2*y-1, 0)), s.slot(2*y), s.slot(min(2*y+1, c.conv.oh-1))
		poolEach(c.conv.gemm.isa, out[:c.m], y*c.ow, a, b, d, c.conv.ow, slope)
	}
}

// slot returns the planes that hold row y of the convolution.
func (s *ConvMaxPoolScratch) slot(y int) []Plane {
	m := len(s.rows) / poolRows
	return s.rows[y%poolRows*m:][:m]
}

// poolRowGeneric sets every out to the greatest value of three columns of the
// rows a, b and c of width floats, for stride 2 and padding 1.
func poolRowGeneric(out, a, b, c Plane, width int) {
	dst := floats(out, (width-1)/2+1)
	x, y, z := floats(a, width), floats(b, width), floats(c, width)
	for i := range dst {
		top := float32(math.Inf(-1))
		for j := max(2*i-1, 0); j < min(2*i+2, width); j++ {
			top = max(top, x[j], y[j], z[j])
		}
		dst[i] = top
	}
}
