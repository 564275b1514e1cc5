package kernel

import "fmt"

// DepthwiseInt8 is a [Depthwise] whose inputs are planes of bytes: each plane has
// a scale and a zero byte of its own, weights are rounded to -127 to 127 with one
// scale a plane, and products are added in 32-bit integers. Outputs are planes of
// bytes or of float32. All instruction sets give the same bits.
type DepthwiseInt8 struct {
	set       dotSet
	c         int
	k, stride int
	h, w      int
	oh, ow    int
	bytesOut  bool
	weights   []int8 // [c][k*k]
	after     []depthwiseAfter
	simd      depthwiseStrips
}

// depthwiseAfter is what a plane's sums go through; the assembly knows the layout.
// Where outputs are bytes, scale and bias are in their steps.
type depthwiseAfter struct {
	scale, bias float32
	zero        int32 // of the output, as two words
	inZero      int32 // of the input, as four bytes
}

// DepthwiseInt8Fits tells whether there is a DepthwiseInt8 of that shape: of
// narrow planes, outputs can only be bytes.
func DepthwiseInt8Fits(k, stride, w int, bytesOut bool) bool {
	return (k == 3 || k == 5) && (stride == 1 || stride == 2) && (bytesOut || (w-1)/stride+1 >= lanes)
}

// NewDepthwiseInt8 prepares the convolution that [NewDepthwise] describes. in has
// the Quant of each input plane, out that of each output plane, or is nil if they
// hold float32.
func NewDepthwiseInt8(isa ISA, weights, bias []float32, c, k, stride, h, w int, in, out []Quant) *DepthwiseInt8 {
	return newDepthwiseInt8(int8Set(isa), weights, bias, c, k, stride, h, w, in, out)
}

func newDepthwiseInt8(set dotSet, weights, bias []float32, c, k, stride, h, w int, in, out []Quant) *DepthwiseInt8 {
	if !DepthwiseInt8Fits(k, stride, w, out != nil) || c < 1 || h < 1 || w < 1 {
		panic(fmt.Sprintf("kernel: %dx%d int8 depthwise, stride %d, of %d planes %dx%d", k, k, stride, c, h, w))
	}
	if len(weights) != c*k*k || bias != nil && len(bias) != c || len(in) != c || out != nil && len(out) != c {
		panic(fmt.Sprintf("kernel: %d weights, %d biases, %d and %d quants for a %dx%d depthwise of %d planes", len(weights), len(bias), len(in), len(out), k, k, c))
	}
	d := &DepthwiseInt8{set: set, c: c, k: k, stride: stride, h: h, w: w, oh: (h-1)/stride + 1, ow: (w-1)/stride + 1,
		bytesOut: out != nil, weights: make([]int8, len(weights)), after: make([]depthwiseAfter, c)}
	for i := range c {
		row := weights[i*k*k : (i+1)*k*k]
		scale := weightScale(row)
		for j, v := range row {
			d.weights[i*k*k+j] = quantizeWeight(v, scale)
		}
		a := dotAfterSum{scale: scale * in[i].Scale}
		if bias != nil {
			a.bias = bias[i]
		}
		if out != nil {
			a.inSteps(out[i])
		}
		d.after[i] = depthwiseAfter{a.scale, a.bias, a.zero, int32(uint32(in[i].Zero) * 0x01010101)}
	}
	d.prepare()
	return d
}

// Units returns the number of independent pieces of work: one for each plane.
func (d *DepthwiseInt8) Units() int { return d.c }

// Run computes planes u0 to u1-1 of out from those of in. act is none, ReLU or
// LeakyReLU.
func (d *DepthwiseInt8) Run(out, in []Plane, act Act, u0, u1 int) {
	e, rest := act.fused()
	if e.hswish || rest != None {
		panic("kernel: " + act.Kind.String() + " after an int8 depthwise")
	}
	d.planes(out, in, e, u0, u1)
}

// planesGeneric is the pure Go form. Borders are what stands for 0.
func (d *DepthwiseInt8) planesGeneric(out, in []Plane, e epilogue, u0, u1 int) {
	pad := d.k / 2
	for c := u0; c < u1; c++ {
		a := &d.after[c]
		w := d.weights[c*d.k*d.k:]
		for y := range d.oh {
			for x := range d.ow {
				sum := int32(0)
				for i := range d.k {
					iy := y*d.stride + i - pad
					if iy < 0 || iy >= d.h {
						continue
					}
					for j := range d.k {
						if ix := x*d.stride + j - pad; ix >= 0 && ix < d.w {
							sum += int32(w[i*d.k+j]) * (int32(*byteAt(in[c], iy*d.w+ix)) - a.inZero&0xff)
						}
					}
				}
				v := e.apply(fma32(float32(sum), a.scale, a.bias))
				if d.bytesOut {
					*byteAt(out[c], y*d.ow+x) = toByte(v, uint8(a.zero))
				} else {
					*at(out[c], y*d.ow+x) = v
				}
			}
		}
	}
}
