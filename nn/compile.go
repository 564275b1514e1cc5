package nn

import (
	"fmt"
	"slices"
	"unsafe"

	"example.com/riffle/internal/isa"
	"example.com/riffle/nn/internal/kernel"
)

// chooseISA turns Options.ISA into an instruction set.
func chooseISA(name string) (kernel.ISA, error) {
	i, err := isa.FromEnv()
	if name != "" {
		i, err = isa.Named("instruction set", name)
	}
	if err != nil {
		return 0, fmt.Errorf("nn: %w", err)
	}
	return i, nil
}

// ISAs lists the instruction sets that this processor can run and the engine has
// kernels for, slowest first.
func ISAs() []string {
	var names []string
	for _, i := range isa.Available() {
		names = append(names, i.String())
	}
	return names
}

// compile prepares the kernel of one step.
func (p *program) compile(s *step) compiled {
	c := compiled{node: s.node, out: s.out, kind: s.kind.String(), units: p.graph.nodes[s.out].channels}
	in := p.sizes[s.in[0]]
	area := p.sizes[s.out].area()
	switch s.kind {
	case opConv:
		p.compileConv(s, &c, in)
	case opLinear:
		p.compileLinear(s, &c)
	case opMaxPool, opAvgPool:
		prepare := kernel.NewMaxPool
		if s.kind == opAvgPool {
			prepare = kernel.NewAvgPool
		}
		k := prepare(p.isa, s.pool.kernel, s.pool.stride, s.pool.pad, in.h, in.w)
		c.bind = eachPlane(s, func(y, x []kernel.Plane) { k.Run(y, x) })
	case opResize:
		out := p.sizes[s.out]
		k := kernel.NewResizeBilinear(p.isa, in.h, in.w, out.h, out.w)
		c.bind = eachPlane(s, func(y, x []kernel.Plane) { k.Run(y, x) })
	case opNearest:
		out := p.sizes[s.out]
		k := kernel.NewResizeNearest(p.isa, in.h, in.w, out.h, out.w)
		c.bind = eachPlane(s, func(y, x []kernel.Plane) { k.Run(y, x) })
	case opGlobalAvgPool:
		c.bind = eachPlane(s, func(y, x []kernel.Plane) { kernel.GlobalAvgPool(p.isa, y, x, in.area()) })
	case opAct:
		c.bind = eachPlane(s, func(y, x []kernel.Plane) { copyPlanes(y, x, area); s.act.Apply(p.isa, y, area) })
	case opAdd:
		c.bind = eachPair(s, func(y, a, b []kernel.Plane) { kernel.Add(p.isa, y, a, b, area, s.act) })
	case opMul:
		c.bind = eachPair(s, func(y, a, b []kernel.Plane) { kernel.Scale(p.isa, y, a, b, area) })
	default:
		panic("nn: no kernel for " + c.kind) // views and inputs are no steps
	}
	s.weight, s.bias = nil, nil // kernels keep their own packed copy
	return c
}

// compileLinear also serves 1x1 convolutions of one pixel, as those in a
// squeeze-and-excite are.
func (p *program) compileLinear(s *step, c *compiled) {
	c.kind = opLinear.String()
	k := kernel.NewLinear(p.isa, s.weight, s.bias, s.conv.Out, len(p.layout.planes[s.in[0]]))
	c.units = k.Units()
	c.bind = func(plan *Plan) task {
		x, y := plan.planes(s.in[0]), plan.planes(s.out)
		scratch := perThread(p.threads, func() []float32 { return make([]float32, k.ScratchFloats()) })
		return func(t, from, to int) { k.Run(y, x, s.act, scratch[t], from, to) }
	}
}

// compileConv picks the kernel by shape: one filter a channel, 1x1, or any.
func (p *program) compileConv(s *step, c *compiled, in size) {
	channels := len(p.layout.planes[s.in[0]])
	v := s.conv
	switch {
	case v.Dilation > 1:
		c.kind = "dilated depthwise"
		k := kernel.NewDilated(p.isa, s.weight, s.bias, channels, v.Kernel, v.Dilation, in.h, in.w)
		c.units = k.Units()
		c.bind = func(plan *Plan) task {
			x, y := plan.planes(s.in[0]), plan.planes(s.out)
			scratch := perThread(p.threads, k.NewScratch)
			return func(t, from, to int) { k.Run(y, x, s.act, scratch[t], from, to) }
		}
	case p.graph.nodes[s.node].depthwise(p.graph):
		p.compileDepthwise(s, c, in)
	case s.oneVector(in.area()):
		p.compileLinear(s, c)
	case s.pointwise():
		p.compilePointwise(s, c, in)
	case s.pooled:
		c.kind = "conv + max pool"
		k := kernel.NewConvMaxPool(p.isa, s.weight, s.bias, convShape(v, channels, in))
		c.units = k.Units()
		c.bind = func(plan *Plan) task {
			x, y := plan.planes(s.in[0]), plan.planes(s.out)
			scratch := perThread(p.threads, k.NewScratch)
			return func(t, from, to int) { k.Run(y, x, s.act, scratch[t], from, to) }
		}
	default:
		if k := kernel.NewConvDeep(p.isa, s.weight, s.bias, convShape(v, channels, in), p.threads); k != nil {
			c.units = k.Units()
			c.bind = func(plan *Plan) task {
				x, y := plan.planes(s.in[0]), plan.planes(s.out)
				scratch := perThread(p.threads, k.NewScratch)
				return func(t, from, to int) { k.Run(y, x, s.act, scratch[t], from, to) }
			}
			return
		}
		k := kernel.NewConv(p.isa, s.weight, s.bias, convShape(v, channels, in))
		c.units = k.Units()
		c.bind = func(plan *Plan) task {
			x, y := plan.planes(s.in[0]), plan.planes(s.out)
			scratch := perThread(p.threads, k.NewScratch)
			return func(t, from, to int) { k.Run(y, x, nil, s.act, scratch[t], from, to) }
		}
	}
}

// compileDepthwise prepares a convolution with a filter for each channel.
func (p *program) compileDepthwise(s *step, c *compiled, in size) {
	channels, v := len(p.layout.planes[s.in[0]]), s.conv
	c.kind = "depthwise"
	if p.layout.allBytes(s.in[0]) {
		p.compileDepthwiseInt8(s, c, in)
		return
	}
	k := kernel.NewDepthwise(p.isa, s.weight, s.bias, channels, v.Kernel, v.Stride, in.h, in.w)
	c.units = k.Units()
	if s.upsampled >= 0 {
		c.kind = "resize + depthwise"
		c.bind = p.resizeFirst(s, k)
		return
	}
	c.bind = func(plan *Plan) task {
		x, y := plan.planes(s.in[0]), plan.planes(s.out)
		return plan.observed(s, func(_, from, to int) { k.Run(y, x, s.act, from, to) })
	}
}

// compileDepthwiseInt8 prepares a depthwise convolution of planes of bytes.
func (p *program) compileDepthwiseInt8(s *step, c *compiled, in size) {
	var out []kernel.Quant
	if p.layout.allBytes(s.out) {
		out = p.layout.quants(s.out)
	}
	v := s.conv
	k := kernel.NewDepthwiseInt8(p.isa, s.weight, s.bias, v.Out, v.Kernel, v.Stride, in.h, in.w, p.layout.quants(s.in[0]), out)
	c.kind, c.units = "depthwise int8", k.Units()
	c.bind = func(plan *Plan) task {
		x, y := plan.planes(s.in[0]), plan.planes(s.out)
		return func(_, from, to int) { k.Run(y, x, s.act, from, to) }
	}
}

func convShape(v ConvSpec, channels int, in size) kernel.ConvShape {
	return kernel.ConvShape{Out: v.Out, In: channels, Kernel: v.Kernel, Stride: v.Stride, Pad: v.pad(), Groups: v.Groups, Height: in.h, Width: in.w}
}

// resizeFirst makes the task of a depthwise convolution that upsamples some of
// its input planes itself, one at a time into scratch memory.
func (p *program) resizeFirst(s *step, k *kernel.Depthwise) func(*Plan) task {
	r := &p.graph.nodes[s.upsampled]
	small, size := p.sizes[r.in[0]], p.sizes[s.upsampled]
	resize := kernel.NewResizeBilinear(p.isa, small.h, small.w, size.h, size.w)
	return func(plan *Plan) task {
		x, y, low := plan.planes(s.in[0]), plan.planes(s.out), plan.planes(r.in[0])
		source := make([]kernel.Plane, len(x)) // of the planes to upsample
		for c, q := range p.layout.planes[s.in[0]] {
			if i := slices.Index(p.layout.planes[s.upsampled], q); i >= 0 {
				source[c] = low[i]
			}
		}
		scratch := perThread(p.threads, func() kernel.Plane { return kernel.NewPlane(size.h, size.w) })
		tables := perThread(p.threads, func() []kernel.Plane { return slices.Clone(x) })
		for t, table := range tables {
			for c := range table {
				if source[c] != nil {
					table[c] = scratch[t]
				}
			}
		}
		return func(t, from, to int) {
			table := tables[t]
			for from < to {
				n := from
				for n < to && source[n] == nil {
					n++
				}
				if n > from {
					k.Run(y, table, s.act, from, n)
				}
				if n < to {
					resize.Run(table[n:n+1], source[n:n+1])
					k.Run(y, table, s.act, n, n+1)
					n++
				}
				from = n
			}
		}
	}
}

// perThread makes one scratch memory a thread.
func perThread[T any](threads int, newT func() T) []T {
	var all []T
	for range threads {
		all = append(all, newT())
	}
	return all
}

// eachPlane makes the task of a step that works plane by plane.
func eachPlane(s *step, run func(y, x []kernel.Plane)) func(*Plan) task {
	return func(plan *Plan) task {
		x, y := plan.planes(s.in[0]), plan.planes(s.out)
		return func(_, from, to int) { run(y[from:to], x[from:to]) }
	}
}

// eachPair is eachPlane for two operands.
func eachPair(s *step, run func(y, a, b []kernel.Plane)) func(*Plan) task {
	return func(plan *Plan) task {
		a, b, y := plan.planes(s.in[0]), plan.planes(s.in[1]), plan.planes(s.out)
		return func(_, from, to int) { run(y[from:to], a[from:to], b[from:to]) }
	}
}

// planes returns the table of plane addresses of a value, nil for no value.
func (p *Plan) planes(id int) []kernel.Plane {
	if id < 0 {
		return nil
	}
	table := make([]kernel.Plane, len(p.layout.planes[id]))
	for i, k := range p.layout.planes[id] {
		table[i] = kernel.Plane(&p.arena[p.layout.offset[k]])
	}
	return table
}

func copyPlanes(dst, src []kernel.Plane, n int) {
	for i := range dst {
		copy(unsafe.Slice((*float32)(dst[i]), n), unsafe.Slice((*float32)(src[i]), n))
	}
}

// Peak measures the multiply-adds a second that one core does in float32 with an
// instruction set, if nothing but arithmetic is done; 0 if that cannot be told. An
// empty name means the set that Compile would choose.
func Peak(name string) (float64, error) {
	i, err := chooseISA(name)
	if err != nil {
		return 0, err
	}
	return kernel.Peak(i), nil
}
