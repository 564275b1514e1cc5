package nn

import (
	"fmt"
	"time"

	"example.com/riffle/nn/internal/kernel"
)

// Options say how a graph is compiled.
type Options struct {
	Height, Width int // input size in pixels
	// Threads is the number of goroutines that share one Run; 0 means 1.
	Threads int
	// ISA forces an instruction set, one of [ISAs]. Empty means what the
	// environment variable RIFFLE_CPU says, or else the best the processor has.
	ISA string
	// Precision is that of the 1x1 convolutions, and with Int8, which needs Ranges,
	// of depthwise ones. Auto takes Int8 where there are some and it is faster.
	Precision Precision
	Ranges    Ranges
	// Observe is shown the input of every 1x1 and depthwise convolution before it
	// runs: a plane a channel, to be looked at during the call only.
	Observe func(layer string, input [][]float32)
}

// Plan is a graph made ready to run on inputs of one size: weights packed for
// the processor, every plane's address settled, all memory allocated. A plan
// must not be used by two goroutines at once; Clone gives another that shares
// the packed weights.
type Plan struct {
	*program
	arena   []float32
	scratch [][]float32 // by thread, for any step: it stays in the cache
	tasks   []task
	runner  *runner
	sharing *sharing // for ParallelFor; nil with one thread
	first   int      // pixels that the run at hand is about; 0: all
}

// program is the part of a plan that never changes and that clones share.
type program struct {
	graph         *Graph
	layout        *layout
	sizes         []size
	macs          int64 // of the network as it was written
	steps         []compiled
	cuts          [][]int // of each step: where its pieces for threads begin
	threads       int
	isa           kernel.ISA
	options       Options
	scratchFloats int // of a thread's scratch memory
}

// compiled is a step with its kernel prepared. Its units of work can be done
// in any order and by several threads.
type compiled struct {
	node  int // of the graph, before anything was folded in
	out   int // value id
	kind  string
	units int
	cost  func(unit int) int // of one unit beside others; nil: all cost the same
	first func(n int) int    // units, from 0 on, that the first n pixels need; nil: all
	bind  func(p *Plan) task
}

// task does units [from, to) of one step on one plan's memory, as the given
// thread of 0..threads-1.
type task func(thread, from, to int)

// Compile checks the weights against the graph and lays everything out for
// inputs of o.Height x o.Width pixels.
func Compile(g *Graph, w *Weights, o Options) (*Plan, error) {
	isa, err := chooseISA(o.ISA)
	if err != nil {
		return nil, err
	}
	o.choosePrecision(isa)
	if err := checkPrecision(&o, isa); err != nil {
		return nil, err
	}
	sizes, err := g.shapes(o.Height, o.Width)
	if err != nil {
		return nil, err
	}
	macs := g.macsAt(sizes)
	if o.Precision == Float32 && o.Observe == nil {
		g, sizes = g.commuteUpsample(sizes)
	}
	l, err := lower(g, w)
	if err != nil {
		return nil, err
	}
	p := &program{graph: g, layout: l.layout(sizes, o.byteRanges()), sizes: sizes, macs: macs, threads: max(1, o.Threads), isa: isa, options: o}
	for i := range l.steps {
		c := p.compile(&l.steps[i])
		p.steps, p.cuts = append(p.steps, c), append(p.cuts, cut(c.units, piecesPerThread*p.threads, c.cost))
	}
	return p.plan(), nil
}

// plan gives the program memory of its own.
func (p *program) plan() *Plan {
	out := &Plan{program: p, arena: kernel.Floats(p.layout.floats)}
	out.scratch = perThread(p.threads, func() []float32 { return kernel.Floats(p.scratchFloats) })
	for _, s := range p.steps {
		out.tasks = append(out.tasks, s.bind(out))
	}
	if p.threads > 1 {
		out.runner = newRunner(&threadPool{size: p.threads}, p.threads, p.cuts, func(thread, step, from, to int) {
			if to = min(to, out.units(step)); from < to {
				out.tasks[step](thread, from, to)
			}
		})
		out.sharing = newSharing(out.runner)
	}
	return out
}

// Clone returns a plan with memory of its own that shares the weights.
func (p *Plan) Clone() *Plan { return p.plan() }

// Run computes the outputs from what the input planes hold. It allocates
// nothing.
func (p *Plan) Run() {
	if p.runner != nil {
		p.runner.runAll()
		return
	}
	for i, t := range p.tasks {
		t(0, 0, p.units(i))
	}
}

// RunFirst is Run where only the first n pixels of all outputs are wanted, in
// rows. It is cheaper if all layers are 1x1 convolutions, as over regions, of
// which there are not always as many as the plan has room for.
func (p *Plan) RunFirst(n int) {
	p.first = n
	p.Run()
	p.first = 0
}

// units is how many of a step's units the run at hand needs.
func (p *Plan) units(step int) int {
	s := &p.steps[step]
	if p.first > 0 && s.first != nil {
		return s.first(p.first)
	}
	return s.units
}

// Input returns the planes of the named input, H*W row-major floats per
// channel, or nil if there is none of that name. They keep their contents
// from run to run.
func (p *Plan) Input(name string) [][]float32 { return p.port(p.graph.inputs, name) }

// Output returns the planes of the named output, or nil if there is none of
// that name. The next Run overwrites them.
func (p *Plan) Output(name string) [][]float32 { return p.port(p.graph.outputs, name) }

func (p *Plan) port(ports []port, name string) [][]float32 {
	for _, q := range ports {
		if q.name != name {
			continue
		}
		return p.values(q.id)
	}
	return nil
}

// OutputShape returns the channels, height and width of the named output.
func (p *Plan) OutputShape(name string) (c, h, w int, err error) {
	for _, q := range p.graph.outputs {
		if q.name == name {
			s := p.sizes[q.id]
			return p.graph.nodes[q.id].channels, s.h, s.w, nil
		}
	}
	return 0, 0, 0, fmt.Errorf("nn: no output is called %q", name)
}

// MACs returns the multiply-adds of convolutions and fully connected layers in a
// run of the network as it was written; the engine may do with fewer.
func (p *Plan) MACs() int64 { return p.macs }

// ISA returns the name of the instruction set that the plan's kernels use.
func (p *Plan) ISA() string { return p.isa.String() }

// Precision returns the precision the plan was compiled for, never Auto.
func (p *Plan) Precision() Precision { return p.options.Precision }

// Bytes returns the memory that belongs to this plan alone.
func (p *Plan) Bytes() int { return 4 * (len(p.arena) + p.threads*p.scratchFloats) }

// Layer is one step of a plan as Profile measured it. Its shape is that of the
// result; MACs are those of the convolution or linear layer in it.
type Layer struct {
	Name     string
	Kind     string
	Channels int
	Height   int
	Width    int
	MACs     int64
	Time     time.Duration
}

// Profile runs the plan once on the calling goroutine and times every step.
func (p *Plan) Profile() []Layer {
	layers := make([]Layer, len(p.steps))
	for i, t := range p.tasks {
		s := &p.steps[i]
		n := &p.graph.nodes[s.node]
		size := p.sizes[s.out]
		start := time.Now()
		t(0, 0, s.units)
		layers[i] = Layer{n.name, s.kind, n.channels, size.h, size.w, p.graph.macs(n, p.sizes[s.node]), time.Since(start)}
	}
	return layers
}
