package kernel

import "fmt"

// Depthwise is a convolution of every channel with its own square filter, with
// zero padding of half the filter.
type Depthwise struct {
	isa       ISA
	c         int
	k, stride int
	h, w      int
	oh, ow    int
	weights   []float32 // [c][k*k]
	bias      []float32
	strips    []strip   // how the assembly cuts a row; none: pure Go does it
	taps      []float32 // weights as the assembly reads them
	tapFloats int       // of one plane
}

// NewDepthwise prepares a k x k depthwise convolution of c planes of h rows and
// w columns; weights is [c][k*k], bias has c values or is nil. k is odd. The
// output has (h-1)/stride+1 rows and (w-1)/stride+1 columns.
func NewDepthwise(isa ISA, weights, bias []float32, c, k, stride, h, w int) *Depthwise {
	if c < 1 || k < 1 || k%2 == 0 || stride < 1 || h < 1 || w < 1 {
		panic(fmt.Sprintf("kernel: %dx%d depthwise, stride %d, of %d planes %dx%d", k, k, stride, c, h, w))
	}
	if len(weights) != c*k*k || (bias != nil && len(bias) != c) {
		panic(fmt.Sprintf("kernel: %d weights and %d biases for a %dx%d depthwise of %d planes", len(weights), len(bias), k, k, c))
	}
	d := &Depthwise{isa: isa, c: c, k: k, stride: stride, h: h, w: w,
		oh: (h-1)/stride + 1, ow: (w-1)/stride + 1,
		weights: append([]float32(nil), weights...), bias: make([]float32, c)}
	copy(d.bias, bias)
	d.prepare()
	return d
}

// Out returns the size of the output planes.
func (d *Depthwise) Out() (h, w int) { return d.oh, d.ow }

// Units returns the number of independent pieces of work: one for each plane.
func (d *Depthwise) Units() int { return d.c }

// Run computes planes u0 to u1-1 of out from those of in.
func (d *Depthwise) Run(out, in []Plane, act Act, u0, u1 int) {
	e, rest := act.fused()
	d.planes(out, in, e, u0, u1)
	if rest != None {
		curveRows(d.isa, out[u0:u1], 0, d.oh*d.ow, rest)
	}
}

// planesGeneric is the pure Go form. It reads no guards.
func (d *Depthwise) planesGeneric(out, in []Plane, e epilogue, u0, u1 int) {
	k, pad := d.k, d.k/2
	for c := u0; c < u1; c++ {
		src, dst := floats(in[c], d.h*d.w), floats(out[c], d.oh*d.ow)
		w := d.weights[c*k*k : (c+1)*k*k]
		for y := range d.oh {
			line := dst[y*d.ow : (y+1)*d.ow]
			for x := range line {
				line[x] = d.bias[c]
			}
			for i := range k {
				iy := y*d.stride + i - pad
				if iy < 0 || iy >= d.h {
					continue
				}
				row := src[iy*d.w : (iy+1)*d.w]
				for j := range k {
					addTap(line, row, w[i*k+j], j-pad, d.stride)
				}
			}
			for x, v := range line {
				line[x] = e.apply(v)
			}
		}
	}
}

// addTap adds w*row[x*stride+shift] to every line[x] whose input is in the row.
func addTap(line, row []float32, w float32, shift, stride int) {
	x0, x1 := 0, len(line)
	if shift < 0 {
		x0 = (-shift + stride - 1) / stride
	}
	if last := len(row) - 1 - shift; last < (x1-1)*stride {
		if last < 0 {
			return
		}
		x1 = last/stride + 1
	}
	if x0 >= x1 {
		return
	}
	if stride == 1 {
		in := row[x0+shift : x1+shift]
		for x := range line[x0:x1] {
			line[x0+x] += w * in[x]
		}
		return
	}
	for x := x0; x < x1; x++ {
		line[x] += w * row[x*stride+shift]
	}
}
