package nn

import (
	"fmt"
	"strings"

	"example.com/riffle/nn/internal/kernel"
)

// Precision is the kind of number that a plan multiplies in its 1x1
// convolutions, which do most of a network's work, and with Int8 in its depthwise
// convolutions too. All other layers work in float32, and so do inputs and outputs
// of a plan.
type Precision uint8

// The precisions. Auto is Int8 where there are [Options.Ranges] and the processor
// has a kernel that makes it faster, else Float32. Int8 needs [Options.Ranges].
// BFloat16 needs a processor with AVX512_BF16, or the generic instruction set.
const (
	Auto Precision = iota
	Float32
	BFloat16
	Int8
)

var precisionNames = [...]string{"auto", "float32", "bf16", "int8"}

// choosePrecision settles what Auto stands for.
func (o *Options) choosePrecision(isa kernel.ISA) {
	if o.Precision != Auto {
		return
	}
	o.Precision = Float32
	if len(o.Ranges) > 0 && o.Observe == nil && kernel.Int8Fast(isa) {
		o.Precision = Int8
	}
}

// String returns the name that ParsePrecision understands.
func (p Precision) String() string { return precisionNames[p] }

// Precisions lists the names of all precisions.
func Precisions() []string { return precisionNames[:] }

// ParsePrecision turns a name into a precision.
func ParsePrecision(name string) (Precision, error) {
	for i, n := range precisionNames {
		if n == name {
			return Precision(i), nil
		}
	}
	return 0, fmt.Errorf("precision %q is unknown, want one of %s", name, strings.Join(Precisions(), ", "))
}

// Int8Fast tells whether this processor computes faster in Int8 than in Float32,
// with an instruction set of [ISAs] or, if it is empty, with the one that Compile
// would choose.
func Int8Fast(name string) (bool, error) {
	i, err := chooseISA(name)
	if err != nil {
		return false, err
	}
	return kernel.Int8Fast(i), nil
}

// Int8Dots tells whether an instruction for dot products of bytes makes Int8 not
// only faster than Float32 but take less than half of its time. The name is as
// for Int8Fast; one that Compile refuses has none.
func Int8Dots(name string) bool {
	i, err := chooseISA(name)
	return err == nil && kernel.Int8Dots(i)
}

// Range is what a layer's input values span; those beyond are taken for Lo or Hi.
type Range struct{ Lo, Hi float32 }

// Ranges holds the range of the input of a 1x1 or depthwise convolution by the
// convolution's name. A layer that has none keeps working in float32.
type Ranges map[string]Range

// byteRanges are the ranges of layers that may work in 8 bits.
func (o *Options) byteRanges() Ranges {
	if o.Precision != Int8 {
		return nil
	}
	return o.Ranges
}

// checkPrecision refuses options that contradict each other.
func checkPrecision(o *Options, isa kernel.ISA) error {
	switch {
	case int(o.Precision) >= len(precisionNames):
		return fmt.Errorf("nn: precision %d is unknown", o.Precision)
	case o.Precision == Int8 && len(o.Ranges) == 0:
		return fmt.Errorf("nn: int8 needs the ranges that the layers' inputs span")
	case o.Precision == BFloat16 && isa != kernel.Generic && !kernel.BF16Fast(isa):
		return fmt.Errorf("nn: bf16 needs the instructions AVX512_BF16, which this processor or instruction set (%s) lacks", isa)
	case o.Observe != nil && (o.Threads > 1 || o.Precision != Float32):
		return fmt.Errorf("nn: only a float32 plan of one thread can be observed")
	}
	return nil
}

// compilePointwise prepares a 1x1 convolution in the precision that is asked
// for.
func (p *program) compilePointwise(s *step, c *compiled, in size) {
	if k := p.dot(s, in); k != nil {
		c.kind = "pointwise " + p.options.Precision.String()
		c.units, c.cost, c.first = k.Units(), k.Cost, k.First
		c.bind = func(plan *Plan) task {
			x, y, res := k.Inputs(plan.planes(s.in[0])), plan.planes(s.out), plan.planes(s.res)
			return func(t, from, to int) { k.Run(y, x, res, s.act, plan.scratch[t], from, to) }
		}
		p.scratchFloats = max(p.scratchFloats, k.ScratchFloats())
		return
	}
	c.kind = "pointwise"
	v, area := s.conv, in.area()
	if v.Groups == 1 {
		if k := kernel.NewPointwiseDeep(p.isa, s.weight, s.bias, v.Out, len(p.layout.planes[s.in[0]]), area); k != nil {
			c.units = k.Units()
			c.bind = func(plan *Plan) task {
				x, y, res := plan.planes(s.in[0]), plan.planes(s.out), plan.planes(s.res)
				return plan.observed(s, func(_, from, to int) {
					n := area
					if plan.first > 0 {
						n = plan.first
					}
					k.Run(y, x, res, s.act, n, from, to)
				})
			}
			return
		}
	}
	k := kernel.NewPointwise(p.isa, s.weight, s.bias, v.Out, len(p.layout.planes[s.in[0]]), in.area(), v.Groups)
	c.units, c.cost, c.first = k.Units(), k.Cost, k.First
	c.bind = func(plan *Plan) task {
		x, y, res := plan.planes(s.in[0]), plan.planes(s.out), plan.planes(s.res)
		return plan.observed(s, func(_, from, to int) { k.Run(y, x, res, s.act, from, to) })
	}
}

// observed shows the inputs of a step to who wants to see them before it runs.
func (p *Plan) observed(s *step, run task) task {
	if p.options.Observe == nil {
		return run
	}
	values := p.values(s.in[0])
	return func(t, from, to int) {
		p.options.Observe(s.name, values)
		run(t, from, to)
	}
}

// dot returns the kernel of a 1x1 convolution of lower precision, nil if it
// stays in float32.
func (p *program) dot(s *step, in size) *kernel.PointwiseDot {
	channels, v := len(p.layout.planes[s.in[0]]), s.conv
	switch p.options.Precision {
	case BFloat16:
		return kernel.NewPointwiseBF16(p.isa, s.weight, s.bias, v.Out, channels, in.area(), v.Groups)
	case Int8:
		if r, ok := p.options.Ranges[s.name]; ok && kernel.Int8Fits(channels) {
			return kernel.NewPointwiseInt8(p.isa, s.weight, s.bias, v.Out, channels, in.area(), v.Groups, p.int8Planes(s, r))
		}
	}
	return nil
}

// values returns what planes of a value hold.
func (p *Plan) values(id int) [][]float32 {
	n := p.sizes[id].area()
	planes := make([][]float32, 0, len(p.layout.planes[id]))
	for _, k := range p.layout.planes[id] {
		o := p.layout.offset[k]
		planes = append(planes, p.arena[o:o+n:o+n])
	}
	return planes
}
