package nn

import (
	"fmt"
	"testing"
)

// pyramidGraph mixes an upsampled map with a fine one in 1x1 convolutions: in all
// the ways in which one of them can be moved before the upsampling, and in some
// in which it must not be.
func pyramidGraph(t testing.TB) *Graph {
	t.Helper()
	b := NewBuilder()
	fine := b.Act(b.Conv(b.Input("image", 3), "stem", ConvSpec{Out: 20, Kernel: 3, Stride: 2, Bias: true}), LeakyReLU(0.1))
	coarse := b.Act(b.Depthwise(fine, "down", ConvSpec{Kernel: 3, Stride: 2, Bias: true}), ReLU)
	up := b.Resize(coarse, fine)
	both := b.Concat(up, fine)
	b.Output("plain", b.Pointwise(both, "plain", 9, true))
	mixed := b.ChannelShuffle(b.Concat(fine, up), 4)
	b.Output("mixed", b.Act(b.Pointwise(mixed, "mixed", 7, false), LeakyReLU(0.1)))
	b.Output("residual", b.Act(b.Add(b.Pointwise(both, "residual", 20, true), fine), HSwish))
	b.Output("normed", b.BatchNorm(b.Pointwise(both, "normed", 8, false), "normed_bn"))
	b.Output("grouped", b.GroupedPointwise(both, "grouped", 8, 2, true))
	b.Output("few", b.Pointwise(b.Concat(b.Slice(up, 2, 6), fine), "few", 8, true))
	b.Output("shrunk", b.Pointwise(b.Concat(b.Resize(fine, coarse), coarse), "shrunk", 8, true))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// resizeGraph has depthwise convolutions that upsample their input themselves:
// all of it, a part of it, and none because others read it too.
func resizeGraph(t testing.TB) *Graph {
	t.Helper()
	b := NewBuilder()
	fine := b.Act(b.Conv(b.Input("image", 3), "stem", ConvSpec{Out: 6, Kernel: 3, Stride: 2, Bias: true}), LeakyReLU(0.1))
	coarse := b.Depthwise(fine, "down", ConvSpec{Kernel: 3, Stride: 2, Bias: true})
	b.Output("all", b.Depthwise(b.Resize(coarse, fine), "all", ConvSpec{Kernel: 3, Bias: true}))
	mixed := b.ChannelShuffle(b.Concat(fine, b.Resize(coarse, fine)), 2)
	b.Output("mixed", b.Act(b.Depthwise(mixed, "mixed", ConvSpec{Kernel: 5, Bias: true}), ReLU))
	b.Output("concat", b.Depthwise(b.Concat(b.Resize(coarse, fine), fine), "concat", ConvSpec{Kernel: 5, Stride: 2, Bias: true}))
	up := b.Resize(coarse, fine)
	b.Output("shared", b.Depthwise(b.Concat(fine, up), "shared", ConvSpec{Kernel: 5, Bias: true}))
	b.Output("up", up)
	last := b.Depthwise(coarse, "last", ConvSpec{Kernel: 3}) // coarse lives until all have read it
	b.Output("last", b.Add(last, coarse))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestCommuteUpsampleAgainstReference(t *testing.T) {
	t.Parallel()
	againstReference(t, pyramidGraph(t))
}
func TestResizesInDepthwise(t *testing.T) { againstReference(t, resizeGraph(t)) }

// TestResizesVanish: a resize that a depthwise convolution does is no step.
func TestResizesVanish(t *testing.T) {
	t.Parallel()
	p := compileUnit(t, resizeGraph(t), Options{Height: 64, Width: 64})
	kinds := map[string]int{}
	for _, l := range p.Profile() {
		kinds[l.Kind]++
	}
	if kinds["resize + depthwise"] != 3 || kinds["resize"] != 1 || kinds["depthwise"] != 3 {
		t.Errorf("steps are %v", kinds)
	}
}

func againstReference(t *testing.T, g *Graph) {
	t.Helper()
	w := RandomWeights(g, 3)
	for _, s := range []size{{64, 64}, {33, 49}} {
		in := [][]float32{make([]float32, s.area()), make([]float32, s.area()), make([]float32, s.area())}
		fill(in)
		want := reference(g, w, in, s.h, s.w)
		for _, cpu := range ISAs() {
			for _, threads := range []int{1, 3} {
				p, err := Compile(g, w, Options{Height: s.h, Width: s.w, Threads: threads, ISA: cpu})
				if err != nil {
					t.Fatal(err)
				}
				fill(p.Input("image"))
				for range 2 {
					p.Run()
				}
				for _, o := range g.outputs {
					compare(t, fmt.Sprintf("%s %d threads %v %s", cpu, threads, s, o.name), p.Output(o.name), want[o.id], 1e-4)
				}
			}
		}
	}
}

// TestCommuteUpsampleSaves counts the multiply-adds of each convolution on a 64x64 image,
// whose fine map has 1024 pixels and whose coarse one has 256.
func TestCommuteUpsampleSaves(t *testing.T) {
	t.Parallel()
	g := pyramidGraph(t)
	want := map[string]int64{
		"plain":    9 * 20 * (1024 + 256),
		"mixed":    7 * 20 * (1024 + 256),
		"residual": 20 * 20 * (1024 + 256),
		"normed":   8 * 40 * 1024,
		"grouped":  8 * 20 * 1024,
		"few":      8 * 24 * 1024,
		"shrunk":   8 * 40 * 256,
	}
	got := map[string]int64{}
	p, err := Compile(g, RandomWeights(g, 3), Options{Height: 64, Width: 64})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.Profile() {
		got[l.Name] += l.MACs
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d multiply-adds, want %d", name, got[name], n)
		}
	}
}
