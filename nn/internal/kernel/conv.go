package kernel

import "fmt"

// Conv is a dense or grouped convolution with a filter of any size.
//
// It works on one output row at a time. The input rows that a row of outputs
// needs are copied to scratch memory with their zero borders, columns sorted by
// their remainder modulo the stride; then every tap of the filter is a dense run
// of floats, and the row is a matrix product whose inputs are those runs.
type Conv struct {
	product                *product
	cin, k, stride, pad    int
	h, w, oh, ow, rowFloat int
	phases                 int // remainders of columns modulo the stride that taps meet
}

// NewConv prepares a k x k convolution of cin planes of h rows and w columns to
// m planes; weights is [m][cin/groups][k][k], bias has m values or is nil. The
// output has (h+2*pad-k)/stride+1 rows, and columns likewise.
func NewConv(path Path, weights, bias []float32, m, cin, k, stride, pad, groups, h, w int) *Conv {
	if k < 1 || stride < 1 || pad < 0 || h+2*pad < k || w+2*pad < k || cin < 1 || groups < 1 {
		panic(fmt.Sprintf("kernel: %dx%d convolution, stride %d, padding %d, of %d planes %dx%d", k, k, stride, pad, cin, h, w))
	}
	c := &Conv{cin: cin, k: k, stride: stride, pad: pad, h: h, w: w,
		oh: (h+2*pad-k)/stride + 1, ow: (w+2*pad-k)/stride + 1}
	c.phases = min(stride, k)
	c.product = newProduct(path, weights, bias, m, cin*k*k, c.ow, groups)
	// Over-read of the widest micro-kernel, and an odd number of cache lines so
	// that rows do not fall on each other's cache sets.
	c.rowFloat = (c.ow+(k-1)/stride+64)/32*32 + 16
	return c
}

// Out returns the size of the output planes.
func (c *Conv) Out() (h, w int) { return c.oh, c.ow }

// Units returns the number of independent pieces of work: one for each output
// row. Neighbouring rows share packed input, so give a thread a run of rows.
func (c *Conv) Units() int { return c.oh }

// ConvScratch is the memory one call of [Conv.Run] works in.
type ConvScratch struct {
	rows   []float32 // [cin][k][phases][rowFloat], then one row of zeros
	inputs []Plane   // the inputs of the matrix product
}

// NewScratch makes scratch memory for this convolution. Concurrent calls of Run
// need one each.
func (c *Conv) NewScratch() *ConvScratch {
	return &ConvScratch{
		rows:   make([]float32, (c.cin*c.k*c.phases+1)*c.rowFloat),
		inputs: make([]Plane, c.cin*c.k*c.k),
	}
}

// Run computes output rows u0 to u1-1 of all planes. res is nil or has as many
// planes as out, which may be the output planes themselves, and is added before
// the activation.
func (c *Conv) Run(out, in, res []Plane, act Act, scratch *ConvScratch, u0, u1 int) {
	next := 0 // first input row not packed yet
	for y := u0; y < u1; y++ {
		top := y*c.stride - c.pad
		for next = max(next, top, 0); next < min(top+c.k, c.h); next++ {
			c.packRow(scratch, in, next)
		}
		c.point(scratch, top)
		c.product.run(out, scratch.inputs, res, 0, y*c.ow, act, 0, c.product.units())
	}
}

// slot returns the offset in scratch of a packed row: rows of one channel take
// turns in k places.
func (c *Conv) slot(channel, row, phase int) int {
	return ((channel*c.k+row%c.k)*c.phases + phase) * c.rowFloat
}

// packRow copies input row y of every channel to its place.
func (c *Conv) packRow(scratch *ConvScratch, in []Plane, y int) {
	n := c.ow + (c.k-1)/c.stride
	for ch, p := range in[:c.cin] {
		src := Plane(at(p, y*c.w))
		for phase := range c.phases {
			o := c.slot(ch, y, phase)
			splitRow(c.product.path, scratch.rows[o:o+n], src, c.w, phase-c.pad, c.stride)
		}
	}
}

// point sets the inputs of the matrix product for the output row whose filter
// starts at input row top.
func (c *Conv) point(scratch *ConvScratch, top int) {
	zeros := c.cin * c.k * c.phases * c.rowFloat
	i := 0
	for ch := range c.cin {
		for ky := range c.k {
			y := top + ky
			for kx := range c.k {
				o := zeros
				if y >= 0 && y < c.h {
					o = c.slot(ch, y, kx%c.stride) + kx/c.stride
				}
				scratch.inputs[i] = Plane(&scratch.rows[o])
				i++
			}
		}
	}
}

// splitRowGeneric sets dst[i] to float i*stride+shift of the row src of width
// floats, zero outside the row.
func splitRowGeneric(dst []float32, src Plane, width, shift, stride int) {
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
