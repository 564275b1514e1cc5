package kernel

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// countBegin and countEnd are entered before and after every piece of work that
// TestCount names; bench/arm64/count counts the instructions between them.
//
//go:noinline
func countBegin() { counting = true }

//go:noinline
func countEnd() { counting = false }

var counting bool

// TestCount runs every kernel once, in pure Go and in assembly, at sizes of ShuffleNet v2 1.0x
// at 224 pixels and of the detector at 352. It checks nothing: it is there for
// an emulator to count its instructions, and prints the name and the number of
// multiply-adds, or of output values where there are none, of each piece of work.
func TestCount(t *testing.T) {
	t.Parallel()
	name := os.Getenv("RIFFLE_COUNT")
	if name == "" {
		t.Skip("RIFFLE_COUNT names no file: run bench/arm64/count")
	}
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	count := func(kernels string, list []counted) {
		for _, w := range list {
			w.run()
			countBegin()
			w.run()
			countEnd()
			if _, err := fmt.Fprintf(file, "%s\t%s\t%d\t%s\n", kernels, w.name, w.work, w.unit); err != nil {
				t.Fatal(err)
			}
		}
	}
	count("generic", countedWork(Generic))
	count("neon", countedWork(NEON))
	for set, name := range map[dotSet]string{setNEON: "int8", setSDOT: "sdot", setSMMLA: "smmla"} {
		if slices.Contains(int8Sets(), set) {
			count(name, countedInt8(set))
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

type counted struct {
	name string
	work int
	unit string // of work
	run  func()
}

// The sizes of convolutions whose work is counted.
var (
	countedPointwise = []struct{ m, k, h, groups int }{
		{58, 24, 56, 1}, {58, 58, 28, 1}, {116, 116, 14, 1}, {232, 232, 7, 1}, {1024, 464, 7, 1},
		{88, 88, 44, 1}, {176, 176, 22, 1}, {352, 352, 11, 1}, {128, 128, 6, 1},
		{60, 240, 28, 3}, {240, 60, 28, 3}, {120, 480, 14, 3},
	}
	countedDepthwise = []struct{ c, k, stride, h int }{
		{58, 3, 1, 28}, {116, 3, 1, 14}, {232, 3, 1, 7}, {58, 3, 2, 56}, {116, 3, 2, 28}, {232, 3, 2, 14},
		{128, 5, 1, 44}, {128, 5, 1, 22}, {128, 5, 1, 11}, {128, 5, 2, 44}, {128, 5, 2, 22},
	}
)

func pointwiseName(m, k, h, groups int) string {
	name := fmt.Sprintf("pointwise %d to %d, %dx%d", k, m, h, h)
	if groups > 1 {
		name += fmt.Sprintf(", %d groups", groups)
	}
	return name
}

func depthwiseName(c, k, stride, h int) string {
	return fmt.Sprintf("depthwise %dx%d stride %d, %d of %dx%d", k, k, stride, c, h, h)
}

// countedInt8 is the same convolutions between planes of bytes.
func countedInt8(set dotSet) []counted {
	s := random(1)
	leaky := Act{Kind: LeakyReLU, Slope: 0.1}
	planes := func(c, n int) []Plane {
		var list []Plane
		for range c {
			list = append(list, Plane(&make([]byte, n+2*ByteSlack)[ByteSlack]))
		}
		return list
	}
	var list []counted
	for _, c := range countedPointwise {
		n := c.h * c.h
		p := newPointwiseInt8(NEON, set, s.slice(c.m*c.k/c.groups), s.slice(c.m), c.m, c.k, n, c.groups, Int8Planes{In: s.quants(c.k), Out: s.quants(c.m)})
		in, out, scratch := p.Inputs(planes(c.k, n)), planes(c.m, n), Floats(p.ScratchFloats())
		list = append(list, counted{pointwiseName(c.m, c.k, c.h, c.groups), c.m * c.k * n / c.groups, "MAC",
			func() { p.Run(out, in, nil, leaky, scratch, 0, p.Units()) }})
	}
	for _, c := range countedDepthwise {
		d := newDepthwiseInt8(set, s.slice(c.c*c.k*c.k), nil, c.c, c.k, c.stride, c.h, c.h, s.quants(c.c), s.quants(c.c))
		in, out := planes(c.c, c.h*c.h), planes(c.c, d.oh*d.ow)
		list = append(list, counted{depthwiseName(c.c, c.k, c.stride, c.h), c.c * c.k * c.k * d.oh * d.ow, "MAC",
			func() { d.Run(out, in, Act{}, 0, c.c) }})
	}
	return list
}

func countedWork(isa ISA) []counted {
	s := random(1)
	leaky := Act{Kind: LeakyReLU, Slope: 0.1}
	var list []counted
	macs := func(name string, n int, run func()) { list = append(list, counted{name, n, "MAC", run}) }
	values := func(name string, n int, run func()) { list = append(list, counted{name, n, "value", run}) }

	for _, c := range countedPointwise {
		n := c.h * c.h
		in, out := newFastArena(c.k, c.h, c.h, s.fill), newFastArena(c.m, c.h, c.h, unset)
		p := NewPointwise(isa, s.slice(c.m*c.k/c.groups), s.slice(c.m), c.m, c.k, n, c.groups)
		macs(pointwiseName(c.m, c.k, c.h, c.groups), c.m*c.k*n/c.groups, func() { p.Run(out.planes, in.planes, nil, leaky, 0, p.Units()) })
	}
	for _, c := range countedDepthwise {
		d := NewDepthwise(isa, s.slice(c.c*c.k*c.k), s.slice(c.c), c.c, c.k, c.stride, c.h, c.h)
		oh, ow := d.Out()
		in, out := newFastArena(c.c, c.h, c.h, s.fill), newFastArena(c.c, oh, ow, unset)
		macs(depthwiseName(c.c, c.k, c.stride, c.h), c.c*c.k*c.k*oh*ow,
			func() { d.Run(out.planes, in.planes, leaky, 0, d.Units()) })
	}
	{
		const size, m = 224, 24
		stem := NewConvMaxPool(isa, s.slice(m*27), s.slice(m), ConvShape{Out: m, In: 3, Kernel: 3, Stride: 2, Pad: 1, Groups: 1, Height: size, Width: size})
		oh, ow := stem.Out()
		in, out := newFastArena(3, size, size, s.fill), newFastArena(m, oh, ow, unset)
		scratch := stem.NewScratch()
		macs("stem 3x3 stride 2 and max-pool, 3 to 24, 224x224", m*27*size*size/4,
			func() { stem.Run(out.planes, in.planes, leaky, scratch, 0, stem.Units()) })
	}
	{
		const m, k = 1000, 1024
		l := NewLinear(isa, s.slice(m*k), s.slice(m), m, k)
		in, out := newFastArena(k, 1, 1, s.fill), newFastArena(m, 1, 1, unset)
		scratch := make([]float32, l.ScratchFloats())
		macs("linear 1024 to 1000", m*k, func() { l.Run(out.planes, in.planes, Act{}, scratch, 0, l.Units()) })
	}
	const c, h, n = 128, 22, 22 * 22
	a, b := newFastArena(c, h, h, s.fill), newFastArena(c, h, h, s.fill)
	out, large, one := newFastArena(c, h, h, unset), newFastArena(c, 2*h, 2*h, unset), newFastArena(c, 1, 1, s.fill)
	values("add", c*n, func() { Add(isa, out.planes, a.planes, b.planes, n, leaky) })
	values("scale", c*n, func() { Scale(isa, out.planes, a.planes, one.planes, n) })
	for _, kind := range []ActKind{LeakyReLU, HSwish, HSigmoid, Sigmoid} {
		act := Act{Kind: kind, Slope: 0.1}
		values(kind.String(), c*n, func() { act.Apply(isa, a.planes, n) })
	}
	values("global average", c*n, func() { GlobalAvgPool(isa, one.planes, a.planes, n) })
	pool := NewMaxPool(isa, 3, 2, 1, h, h)
	oh, ow := pool.Out()
	half := newFastArena(c, oh, ow, unset)
	values("max-pool 3x3 stride 2", c*oh*ow, func() { pool.Run(half.planes, a.planes) })
	resize := NewResizeBilinear(isa, h, h, 2*h, 2*h)
	values("bilinear resize to twice the size", 4*c*n, func() { resize.Run(large.planes, a.planes) })
	return list
}
