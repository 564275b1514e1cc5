package kernel

import (
	"fmt"
	"math"
	"slices"
)

// Int8Fast tells whether int8 is faster than float32 on an instruction set: where
// there are dot products of bytes, and with AVX2, whose products of words do more
// at a time than its multiply-adds of floats; less than those of AVX-512, though.
func Int8Fast(isa ISA) bool {
	return Int8Dots(isa) || isa != AVX512 && int8Set(isa) == setMadd
}

// Int8Dots tells whether an instruction set has dot products of bytes.
func Int8Dots(isa ISA) bool {
	switch int8Set(isa) {
	case setGo, setNEON, setMadd:
		return false
	}
	return true
}

// maxInt8Inputs is how many products of bytes fit a 32-bit sum.
const maxInt8Inputs = math.MaxInt32 / (255 * 127)

// Int8Fits tells whether a 1x1 convolution of k inputs a group can be done in 8
// bits without overflow.
func Int8Fits(k int) bool { return k <= maxInt8Inputs }

// Int8Planes describes what a convolution in 8-bit integers reads and writes.
type Int8Planes struct {
	Lo, Hi float32 // range of the inputs that are planes of float32
	// In has a Quant for each input plane; those that are float32 have the zero
	// value. In groups, all inputs are of one kind. nil: all are float32.
	In []Quant
	// Out has a Quant for each output plane, which then hold bytes. nil: they hold
	// float32.
	Out []Quant
}

// NewPointwiseInt8 prepares the convolution that [NewPointwise] describes in
// 8-bit integers (Jacob et al., "Quantization and Training of Neural Networks
// for Efficient Integer-Arithmetic-Only Inference", arXiv 1712.05877, section 2):
// float32 inputs are rounded to bytes 0 to 255, those out of range are taken for
// its ends; weights, times the steps of their inputs, are rounded to -127 to 127
// with one scale an output, and products are added in 32-bit integers. All
// instruction sets give the same bits, but for values of 2^31 steps and more.
func NewPointwiseInt8(isa ISA, w, bias []float32, m, k, n, groups int, planes Int8Planes) *PointwiseDot {
	return newPointwiseInt8(isa, int8Set(isa), w, bias, m, k, n, groups, planes)
}

func newPointwiseInt8(isa ISA, set dotSet, w, bias []float32, m, k, n, groups int, planes Int8Planes) *PointwiseDot {
	if !Int8Fits(k) || planes.In != nil && len(planes.In) != k || planes.Out != nil && len(planes.Out) != m {
		panic(fmt.Sprintf("kernel: int8 GEMM of %d inputs, %d and %d steps", k, len(planes.In), len(planes.Out)))
	}
	q := NewQuant(planes.Lo, planes.Hi)
	p := newPointwiseDot(isa, set, dotRounding{inverse: 1 / q.Scale, zero: q.Zero}, w, bias, m, k, n, groups)
	in := make([]Quant, k)
	for i := range in {
		in[i] = q
		if planes.In != nil && planes.In[i].Scale != 0 {
			in[i] = planes.In[i]
		}
	}
	p.sort(planes.In)
	p.cut(chooseDotTiles(set, m/groups, p.steps, n), groups)
	steps, top := p.foldSteps(w, in, groups)
	for i := range m {
		scale := weightScale(steps[i*p.kg : (i+1)*p.kg])
		for j, v := range steps[i*p.kg : (i+1)*p.kg] {
			steps[i*p.kg+j] = float32(quantizeWeight(v, scale))
		}
		p.after[i].scale = scale * top
		if planes.Out != nil {
			p.after[i].inSteps(planes.Out[i])
		}
	}
	p.bytesOut = planes.Out != nil
	p.clamped = p.bytesOut && !slices.ContainsFunc(planes.Out, func(q Quant) bool { return q.Zero != 0 })
	group := m / groups
	p.eachWeight(steps, func(m, lane, input, part int, v float32) {
		p.after[m].start -= int32(v) * (int32(in[m/group*p.kg+input].Zero) - set.shift())
		if p.perLane >= laneBytes {
			p.weights[lane+part] = byte(int8(v))
		} else {
			setWord(p.weights[lane+2*part:], uint16(int16(v)))
		}
	})
	return p
}

// sort puts the inputs that are float32 first.
func (p *PointwiseDot) sort(in []Quant) {
	if in == nil {
		return
	}
	p.order = p.order[:0]
	for _, bytes := range []bool{false, true} {
		for i := range p.kg {
			if (in[i].Scale != 0) == bytes {
				p.order = append(p.order, i)
			}
		}
		if !bytes {
			p.split(len(p.order))
		}
	}
	for i, q := range in {
		if (q.Scale != 0) != (in[i%p.kg].Scale != 0) {
			panic("kernel: groups of a convolution read planes of different kinds")
		}
	}
}

// foldSteps returns the weights times the steps of their inputs, in the greatest
// of those.
func (p *PointwiseDot) foldSteps(w []float32, in []Quant, groups int) (folded []float32, top float32) {
	for _, q := range in {
		top = max(top, q.Scale)
	}
	folded = make([]float32, len(w))
	perGroup := len(w) / groups
	for i, v := range w {
		folded[i] = v * (in[i/perGroup*p.kg+i%p.kg].Scale / top)
	}
	return folded, top
}

// inSteps makes the numbers those of bytes.
func (a *dotAfterSum) inSteps(q Quant) {
	a.inverse = 1 / q.Scale
	a.scale *= a.inverse
	a.bias *= a.inverse
	a.zero = int32(q.Zero) * 0x10001
}

// dotInt8 multiplies a pixel's bytes by the weights of an output, whose lanes
// are rows apart.
func dotInt8(pixel, w []byte, rows int) (sum int32) {
	for k := 0; k < len(pixel); k += laneBytes {
		a, b := (*[laneBytes]byte)(pixel[k:]), (*[laneBytes]byte)(w[k*rows:])
		sum += int32(a[0])*int32(int8(b[0])) + int32(a[1])*int32(int8(b[1])) +
			int32(a[2])*int32(int8(b[2])) + int32(a[3])*int32(int8(b[3]))
	}
	return sum
}
