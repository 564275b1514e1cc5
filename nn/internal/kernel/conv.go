package kernel

import "fmt"

// Conv is a dense or grouped convolution with a filter of any size.
//
// It works on one output row at a time. The input rows that a row of outputs
// needs are copied to scratch memory with their zero borders, columns sorted by
// their remainder modulo the stride; then every tap of the filter is a dense run
// of floats, and the row is a matrix product (GEMM) whose inputs are those runs.
type Conv struct {
	gemm                *gemm
	cin, k, stride, pad int
	h, w, oh, ow        int
	phases              int // remainders of columns modulo the stride that taps meet
	used                int // floats of a packed row that taps meet
	rowFloats           int // floats from one packed row to the next
}

// ConvShape is the shape of a convolution.
type ConvShape struct {
	Out, In       int // planes
	Kernel        int // side of the square filter
	Stride        int
	Pad           int // zeros on every side
	Groups        int
	Height, Width int // of the input planes
}

// OutputSize returns the rows and columns of the output planes.
func (s ConvShape) OutputSize() (h, w int) {
	return (s.Height+2*s.Pad-s.Kernel)/s.Stride + 1, (s.Width+2*s.Pad-s.Kernel)/s.Stride + 1
}

// NewConv prepares a convolution; weights is [Out][In/Groups][Kernel][Kernel],
// bias has Out values or is nil.
func NewConv(isa ISA, weights, bias []float32, s ConvShape) *Conv {
	if s.Kernel < 1 || s.Stride < 1 || s.Pad < 0 || s.Height+2*s.Pad < s.Kernel || s.Width+2*s.Pad < s.Kernel || s.In < 1 || s.Groups < 1 {
		panic(fmt.Sprintf("kernel: convolution %+v", s))
	}
	c := &Conv{cin: s.In, k: s.Kernel, stride: s.Stride, pad: s.Pad, h: s.Height, w: s.Width, phases: min(s.Stride, s.Kernel)}
	c.oh, c.ow = s.OutputSize()
	c.gemm = newGEMM(isa, weights, bias, s.Out, s.In*s.Kernel*s.Kernel, c.ow, s.Groups)
	c.used = c.ow + (s.Kernel-1)/s.Stride
	c.rowFloats = rowStride(max(c.used, (s.Width+s.Pad)/s.Stride+1))
	return c
}

// rowStride returns the distance between scratch rows of n floats: room for the
// over-read of the widest micro-kernel, and an odd number of cache lines so that
// rows spread over the sets of a cache.
func rowStride(n int) int {
	const line = 16
	return ((n+Slack+line-1)/line | 1) * line
}

// Out returns the size of the output planes.
func (c *Conv) Out() (h, w int) { return c.oh, c.ow }

// Units returns the number of independent pieces of work: one for each output
// row. Neighbouring rows share packed input, so give a thread a run of rows.
func (c *Conv) Units() int { return c.oh }

// ConvScratch is the memory one call of [Conv.Run] works in.
type ConvScratch struct {
	rows []float32 // [cin][k][phases][rowFloats], then one row of zeros
	// Inputs of the matrix product: for an output row whose filter starts at
	// input row y, inside[y%k], or edge if it reaches beyond the plane.
	inside [][]Plane
	edge   []Plane
	next   int // first input row that is not packed yet
}

// NewScratch makes scratch memory for this convolution. Concurrent calls of Run
// need one each.
func (c *Conv) NewScratch() *ConvScratch {
	s := &ConvScratch{rows: Floats((c.cin*c.k*c.phases + 1) * c.rowFloats)}
	inputs := c.cin * c.k * c.k
	s.edge = make([]Plane, inputs)
	for top := range min(c.k, max(c.h-c.k+1, 0)) {
		s.inside = append(s.inside, make([]Plane, inputs))
		c.point(s, s.inside[top], top)
	}
	return s
}

// Run computes output rows u0 to u1-1 of all planes. res is nil or has as many
// planes as out, which may be the output planes themselves, and is added before
// the activation.
func (c *Conv) Run(out, in, res []Plane, act Act, scratch *ConvScratch, u0, u1 int) {
	scratch.next = 0
	for y := u0; y < u1; y++ {
		c.row(out, in, res, act, scratch, y, y*c.ow)
	}
}

// row computes output row y of all planes to offset off of the out planes. Rows
// of one run come in ascending order.
func (c *Conv) row(out, in, res []Plane, act Act, s *ConvScratch, y, off int) {
	top := y*c.stride - c.pad
	for s.next = max(s.next, top, 0); s.next < min(top+c.k, c.h); s.next++ {
		c.packRow(s, in, s.next)
	}
	inputs := s.edge
	if top >= 0 && top+c.k <= c.h {
		inputs = s.inside[top%c.k]
	} else {
		c.point(s, inputs, top)
	}
	c.gemm.run(out, inputs, res, off, act, 0, c.gemm.units())
}

// slot returns the offset in scratch of a packed row: rows of one channel take
// turns in k places.
func (c *Conv) slot(channel, row, phase int) int {
	return ((channel*c.k+row%c.k)*c.phases + phase) * c.rowFloats
}

// packRow copies input row y of every channel to its place.
func (c *Conv) packRow(s *ConvScratch, in []Plane, y int) {
	for ch, p := range in[:c.cin] {
		src := Plane(at(p, y*c.w))
		o := c.slot(ch, y, 0)
		if c.stride == 2 && c.phases == 2 && c.splitRow(s.rows[o:o+2*c.rowFloats], src) {
			continue
		}
		for phase := range c.phases {
			o := c.slot(ch, y, phase)
			everyNth(s.rows[o:o+c.used], src, c.w, phase-c.pad, c.stride)
		}
	}
}

// point sets the inputs of the matrix product for the output row whose filter
// starts at input row top.
func (c *Conv) point(s *ConvScratch, inputs []Plane, top int) {
	zeros := c.cin * c.k * c.phases * c.rowFloats
	i := 0
	for ch := range c.cin {
		for ky := range c.k {
			y := top + ky
			for kx := range c.k {
				o := zeros
				if y >= 0 && y < c.h {
					o = c.slot(ch, y, kx%c.stride) + kx/c.stride
				}
				inputs[i] = Plane(&s.rows[o])
				i++
			}
		}
	}
}

// everyNth sets dst[i] to float i*stride+shift of the row src of width floats,
// zero outside the row.
func everyNth(dst []float32, src Plane, width, shift, stride int) {
	row := floats(src, width)
	if stride == 1 {
		first := min(max(-shift, 0), len(dst))
		n := 0
		if from := first + shift; from < width {
			n = copy(dst[first:], row[from:])
		}
		clear(dst[:first])
		clear(dst[first+n:])
		return
	}
	x := shift
	for i := range dst {
		if x >= 0 && x < width {
			dst[i] = row[x]
		} else {
			dst[i] = 0
		}
		x += stride
	}
}
