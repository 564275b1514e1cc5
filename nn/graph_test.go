package nn

import (
	"strings"
	"testing"
)

func TestBuilderMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		build func(b *Builder, x Value)
		want  string
	}{
		{"groups", func(b *Builder, x Value) { b.GroupedPointwise(x, "pw", 9, 4, false) }, `conv "pw": 4 groups`},
		{"even kernel", func(b *Builder, x Value) { b.Conv(x, "c", ConvSpec{Out: 4, Kernel: 2}) }, "kernel 2 is even"},
		{"dilation", func(b *Builder, x Value) { b.Conv(x, "c", ConvSpec{Out: 4, Kernel: 3, Dilation: 2}) }, "only depthwise"},
		{"dilation with stride", func(b *Builder, x Value) { b.Depthwise(x, "c", ConvSpec{Kernel: 3, Stride: 2, Dilation: 2}) }, "only depthwise"},
		{"epsilon", func(b *Builder, x Value) { b.BatchNormEps(b.Pointwise(x, "c", 4, false), "bn", 0) }, "epsilon 0 is not positive"},
		{"negative stride", func(b *Builder, x Value) { b.Conv(x, "c", ConvSpec{Out: 4, Stride: -1}) }, "must be positive"},
		{"no channels", func(b *Builder, _ Value) { b.Input("i", 0) }, "at least one channel"},
		{"odd split", func(b *Builder, x Value) { b.Split2(b.Slice(x, 0, 3)) }, "3 channels in two"},
		{"slice", func(b *Builder, x Value) { b.Slice(x, 2, 9) }, "slice [2, 9) of 6"},
		{"shuffle", func(b *Builder, x Value) { b.ChannelShuffle(x, 4) }, "6 channels in 4 groups"},
		{"add", func(b *Builder, x Value) { b.Add(x, b.Slice(x, 0, 1)) }, "add of 6 and 1"},
		{"mul", func(b *Builder, x Value) { b.Mul(x, b.Slice(x, 0, 1)) }, "mul of 6 and 1"},
		{"batch norm", func(b *Builder, x Value) { b.BatchNorm(b.Act(x, ReLU), "bn") }, "does not follow a convolution"},
		{"pool", func(b *Builder, x Value) { b.MaxPool(x, 3, 2, 2) }, "not possible"},
		{"linear", func(b *Builder, x Value) { b.Linear(x, "fc", 0) }, "must be positive"},
		{"first mistake", func(b *Builder, x Value) { b.Act(b.Linear(b.Slice(x, 5, 1), "fc", 0), ReLU) }, "slice [5, 1)"},
		{"two outputs", func(b *Builder, x Value) { b.Output("y", x) }, `two outputs are called "y"`},
	} {
		b := NewBuilder()
		x := b.Input("x", 6)
		b.Output("y", x)
		c.build(b, x)
		if _, err := b.Graph(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
	if _, err := NewBuilder().Graph(); err == nil {
		t.Error("an empty graph was accepted")
	}
}

func TestShapeMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		build func(b *Builder, x Value) Value
		want  string
	}{
		{"sizes differ", func(b *Builder, x Value) Value { return b.Concat(x, b.MaxPool(x, 3, 2, 1)) }, "8x8 and 4x4"},
		{"linear on a map", func(b *Builder, x Value) Value { return b.Linear(x, "fc", 3) }, "8x8 value, not 1x1"},
		{"mul by a map", func(b *Builder, x Value) Value { return b.Mul(x, x) }, "8x8 value, not 1x1"},
		{"nothing left", func(b *Builder, x Value) Value {
			return b.Conv(x, "big", ConvSpec{Out: 1, Kernel: 9, NoPad: true})
		}, `too small: nothing is left at conv "big"`},
	} {
		b := NewBuilder()
		b.Output("y", c.build(b, b.Input("x", 2)))
		g, err := b.Graph()
		if err != nil {
			t.Fatal(c.name, err)
		}
		if _, err := g.MACs(8, 8); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	g := unitGraph(t)
	got, err := g.MACs(64, 64)
	if err != nil {
		t.Fatal(err)
	}
	// stem 3*8*9 at 32x32; down: 8*9 and 8*8 at 8x8; three units: 8*4, 8*25, 8*8 at 8x8; wide 16*25 at 8x8; se twice 16*4; fc 7*16
	want := int64(216*1024 + (72+64)*64 + 3*(32+200+64)*64 + 400*64 + 128 + 112)
	if got != want {
		t.Errorf("%d multiply-adds, want %d", got, want)
	}
	params := int64(216 + 16 + 72 + 8 + 64 + 8 + 3*(32+8+200+8+16+64+8) + 400 + 32 + 128 + 20 + 112 + 7)
	if n := g.ParamCount(); n != params {
		t.Errorf("%d parameters, want %d", n, params)
	}
}
