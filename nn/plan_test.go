package nn

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"example.com/riffle/nn/internal/kernel"
)

// unitGraph has every operation of the builder, wired as ShuffleNet units and
// feature pyramids wire them.
func unitGraph(t testing.TB) *Graph {
	t.Helper()
	b := NewBuilder()
	x := b.Input("image", 3)
	x = b.Conv(x, "stem", ConvSpec{Out: 8, Kernel: 3, Stride: 2})
	x = b.BatchNorm(x, "stem_bn")
	x = b.Act(x, LeakyReLU(0.1))
	x = b.MaxPool(x, 3, 2, 1)
	y := b.Depthwise(x, "down.dw", ConvSpec{Kernel: 3, Stride: 2, Bias: true})
	y = b.Act(b.Pointwise(y, "down.pw", 8, true), ReLU)
	z := b.AvgPool(x, 3, 2, 1)
	x = b.ChannelShuffle(b.Concat(y, z), 2)
	b.Output("down", x)
	for i := range 3 {
		left, right := b.Split2(x)
		n := fmt.Sprintf("unit%d.", i)
		right = b.Act(b.GroupedPointwise(right, n+"pw1", 8, 2, true), ReLU)
		right = b.Depthwise(right, n+"dw", ConvSpec{Kernel: 5, Bias: true})
		right = b.BatchNorm(right, n+"dw_bn")
		right = b.Pointwise(right, n+"pw2", 8, true)
		right = b.Act(b.Add(right, left), ReLU)
		x = b.ChannelShuffle(b.Concat(left, right), 2)
	}
	b.Output("units", x)
	x = b.Depthwise(x, "wide", ConvSpec{Kernel: 5, Dilation: 2})
	x = b.Act(b.BatchNormEps(x, "wide_bn", 0.1), ReLU6)
	x = b.Act(b.SqueezeExcite(x, "se", 4), HSwish)
	up := b.Resize(x, y)
	b.Output("up", b.Add(up, x))
	b.Output("nearest", b.ResizeNearest(b.MaxPool(x, 1, 2, 0), y))
	b.Output("logits", b.Linear(b.GlobalAvgPool(x), "fc", 7))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func compileUnit(t testing.TB, g *Graph, o Options) *Plan {
	t.Helper()
	p, err := Compile(g, RandomWeights(g, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	fill(p.Input("image"))
	return p
}

// fill writes a smooth pattern with both signs.
func fill(planes [][]float32) {
	for c, plane := range planes {
		for i := range plane {
			plane[i] = float32(math.Sin(float64(i*(c+2)) * 0.37))
		}
	}
}

// TestRunAgainstReference compares every output with the naive evaluation of
// the same graph, on every instruction set, thread count and odd size.
func TestRunAgainstReference(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	w := RandomWeights(g, 1)
	for _, s := range []size{{64, 64}, {33, 49}, {17, 95}} {
		in := [][]float32{make([]float32, s.area()), make([]float32, s.area()), make([]float32, s.area())}
		fill(in)
		want := reference(g, w, in, s.h, s.w)
		for _, cpu := range ISAs() {
			for _, threads := range []int{1, 2, 5} {
				p, err := Compile(g, w, Options{Height: s.h, Width: s.w, Threads: threads, ISA: cpu})
				if err != nil {
					t.Fatal(err)
				}
				fill(p.Input("image"))
				for range 3 { // a second run must not see leftovers of the first
					p.Run()
				}
				for _, o := range g.outputs {
					compare(t, fmt.Sprintf("%s %d threads %v %s", cpu, threads, s, o.name), p.Output(o.name), want[o.id], 1e-4)
				}
			}
		}
	}
}

func compare(t *testing.T, what string, got, want [][]float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d planes, want %d", what, len(got), len(want))
	}
	for c := range got {
		if len(got[c]) != len(want[c]) {
			t.Fatalf("%s: plane %d has %d values, want %d", what, c, len(got[c]), len(want[c]))
		}
		for i, v := range got[c] {
			if d := math.Abs(float64(v - want[c][i])); !(d <= tol*(1+math.Abs(float64(want[c][i])))) {
				t.Fatalf("%s: plane %d value %d is %g, want %g", what, c, i, v, want[c][i])
			}
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	g := unitGraph(t)
	for _, threads := range []int{1, 2} {
		p := compileUnit(t, g, Options{Height: 64, Width: 64, Threads: threads})
		p.Run()
		if n := testing.AllocsPerRun(200, p.Run); n >= 1 {
			t.Errorf("%d threads: %g allocations a run", threads, n)
		}
	}
}

// TestGuardsStayZero checks that no kernel writes between planes: depthwise
// kernels of later steps read those zeros as padding.
func TestGuardsStayZero(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	p := compileUnit(t, g, Options{Height: 45, Width: 71, Threads: 2})
	p.Run()
	plane := make([]bool, len(p.arena))
	for id, planes := range p.layout.planes {
		for _, k := range planes {
			o := p.layout.offset[k]
			for i := range p.sizes[id].area() {
				plane[o+i] = true
			}
		}
	}
	for i, v := range p.arena {
		if !plane[i] && v != 0 {
			t.Fatalf("float %d between planes is %g", i, v)
		}
	}
}

func TestClonesRunSideBySide(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	p := compileUnit(t, g, Options{Height: 64, Width: 64, Threads: 2})
	p.Run()
	want := make([][]float32, 0, 7)
	for _, plane := range p.Output("logits") {
		want = append(want, append([]float32(nil), plane...))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := p.Clone()
			fill(c.Input("image"))
			for range 20 {
				c.Run()
				compare(t, "clone", c.Output("logits"), want, 0)
			}
		}()
	}
	wg.Wait()
}

// TestViewsCostNothing: shuffle, split and concat may not become steps.
func TestViewsCostNothing(t *testing.T) {
	t.Parallel()
	p := compileUnit(t, unitGraph(t), Options{Height: 64, Width: 64})
	for _, l := range p.Profile() {
		switch l.Kind {
		case "view", "batch norm", "input":
			t.Errorf("a %s takes part in a run", l.Kind)
		}
	}
}

func TestWrongCalls(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	w := RandomWeights(g, 1)
	for _, o := range []Options{{}, {Height: -1, Width: 5}, {Height: 1 << 20, Width: 1 << 20}, {Height: 32, Width: 32, ISA: "z80"}} {
		if _, err := Compile(g, w, o); err == nil {
			t.Errorf("%+v compiled", o)
		}
	}
	delete(w.Tensors, "unit1.dw.bias")
	if _, err := Compile(g, w, Options{Height: 32, Width: 32}); err == nil || err.Error() != `weights: tensor "unit1.dw.bias" is missing` {
		t.Errorf("missing tensor: %v", err)
	}
	p := compileUnit(t, g, Options{Height: 32, Width: 32})
	if p.Output("nothing") != nil || p.Input("nothing") != nil {
		t.Error("unknown names give planes")
	}
	if _, _, _, err := p.OutputShape("nothing"); err == nil {
		t.Error("unknown output has a shape")
	}
}

// TestResidualsAreOverwritten: a chain of units with residuals keeps one wide
// map, not two, and no value that somebody still reads is overwritten.
func TestResidualsAreOverwritten(t *testing.T) {
	t.Parallel()
	const wide, narrow, side = 32, 4, 12
	build := func(watch bool) *Graph {
		b := NewBuilder()
		x := b.Pointwise(b.Input("image", 3), "first", wide, true)
		for i := range 3 {
			y := b.Act(b.Pointwise(x, fmt.Sprint("in", i), narrow, true), ReLU)
			y = b.Add(b.Pointwise(y, fmt.Sprint("out", i), wide, true), x)
			if watch {
				b.Output(fmt.Sprint("unit", i), x)
			}
			x = b.ChannelShuffle(b.Act(y, ReLU), 4)
		}
		b.Output("last", x)
		g, err := b.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	for _, watch := range []bool{false, true} {
		g := build(watch)
		p := compileUnit(t, g, Options{Height: side, Width: side})
		if planes := len(p.arena) / kernel.Stride(side, side); !watch && planes > wide+narrow+3+1 {
			t.Errorf("%d planes for a map of %d channels and one of %d", planes, wide, narrow)
		}
		p.Run()
		in := make([][]float32, 3)
		for c := range in {
			in[c] = make([]float32, side*side)
		}
		fill(in)
		want := reference(g, RandomWeights(g, 1), in, side, side)
		for _, o := range g.outputs {
			compare(t, o.name, p.Output(o.name), want[o.id], 1e-4)
		}
	}
}
