package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// int8Graph has 1x1 convolutions in the places where networks have them: after
// a shuffle, in groups and with a residual.
func int8Graph(t testing.TB) *Graph {
	t.Helper()
	b := NewBuilder()
	x := b.Input("image", 3)
	x = b.Act(b.Conv(x, "stem", ConvSpec{Out: 16, Kernel: 3, Stride: 2, Bias: true}), LeakyReLU(0.1))
	for i := range 2 {
		left, right := b.Split2(x)
		n := fmt.Sprintf("unit%d.", i)
		right = b.Act(b.Pointwise(right, n+"pw1", 14, true), LeakyReLU(0.1))
		right = b.Depthwise(right, n+"dw", ConvSpec{Kernel: 3, Bias: true})
		right = b.Act(b.GroupedPointwise(right, n+"pw2", 8, 2, true), HSwish)
		x = b.ChannelShuffle(b.Concat(left, right), 2)
	}
	x = b.Act(b.Add(b.Pointwise(x, "wide", 16, false), x), ReLU)
	b.Output("map", x)
	b.Output("float", b.Pointwise(x, "float", 5, true))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// calibrate lets a calibrator see one run.
func calibrate(t testing.TB, g *Graph, w *Weights, s size) Ranges {
	t.Helper()
	c := NewCalibrator()
	p, err := Compile(g, w, Options{Height: s.h, Width: s.w, Observe: c.Observe})
	if err != nil {
		t.Fatal(err)
	}
	fill(p.Input("image"))
	p.Run()
	return c.Ranges()
}

// TestInt8AgainstReference compares plans with the plain evaluation in which
// some layers round. A value between two steps may be rounded the other way, so
// single values may be off by what a step makes; on average they must be much
// nearer to that evaluation than to the one in floats.
func TestInt8AgainstReference(t *testing.T) {
	t.Parallel()
	g := int8Graph(t)
	w := RandomWeights(g, 1)
	for _, s := range []size{{64, 64}, {33, 49}} {
		ranges := calibrate(t, g, w, s)
		if len(ranges) != 8 {
			t.Fatalf("%d layers were seen, want 8", len(ranges))
		}
		delete(ranges, "float")
		in := [][]float32{make([]float32, s.area()), make([]float32, s.area()), make([]float32, s.area())}
		fill(in)
		exact := reference(g, w, in, s.h, s.w)
		want := referenceInt8(g, w, in, s.h, s.w, ranges)
		for _, cpu := range ISAs() {
			for _, threads := range []int{1, 3} {
				p, err := Compile(g, w, Options{Height: s.h, Width: s.w, Threads: threads, ISA: cpu, Precision: Int8, Ranges: ranges})
				if err != nil {
					t.Fatal(err)
				}
				if p.Precision() != Int8 {
					t.Errorf("precision is %v", p.Precision())
				}
				fill(p.Input("image"))
				for range 2 {
					p.Run()
				}
				for _, o := range g.outputs {
					worst, sum, other := 0.0, 0.0, 0.0
					for c, plane := range p.Output(o.name) {
						for i, v := range plane {
							d := math.Abs(float64(v - want[o.id][c][i]))
							worst, sum = max(worst, d), sum+d
							other += math.Abs(float64(v - exact[o.id][c][i]))
						}
					}
					if !(worst < 0.02 && sum < other/10) || other == 0 {
						t.Errorf("%s, %d threads, %v, %s: off by %.2g at most, by %.2g of the rounding on average",
							cpu, threads, s, o.name, worst, sum/other)
					}
				}
			}
		}
	}
}

// In bfloat16 every operand is off by up to one part in 256.
func TestBFloat16AgainstReference(t *testing.T) {
	t.Parallel()
	g := int8Graph(t)
	w := RandomWeights(g, 1)
	s := size{33, 49}
	in := [][]float32{make([]float32, s.area()), make([]float32, s.area()), make([]float32, s.area())}
	fill(in)
	want := reference(g, w, in, s.h, s.w)
	for _, cpu := range ISAs() {
		p, err := Compile(g, w, Options{Height: s.h, Width: s.w, Threads: 2, ISA: cpu, Precision: BFloat16})
		if err != nil {
			if !strings.Contains(err.Error(), "AVX512_BF16") || cpu == "generic" {
				t.Error(err)
			}
			continue
		}
		fill(p.Input("image"))
		p.Run()
		same := true
		for _, o := range g.outputs {
			compare(t, cpu+" "+o.name, p.Output(o.name), want[o.id], 0.02)
			for c, plane := range p.Output(o.name) {
				for i, v := range plane {
					same = same && math.Abs(float64(v-want[o.id][c][i])) < 1e-5
				}
			}
		}
		if same {
			t.Errorf("%s: as exact as float32", cpu)
		}
	}
}

func TestInt8RunAllocatesNothing(t *testing.T) {
	g := int8Graph(t)
	w := RandomWeights(g, 1)
	ranges := calibrate(t, g, w, size{48, 48})
	for _, threads := range []int{1, 2} {
		p, err := Compile(g, w, Options{Height: 48, Width: 48, Threads: threads, Precision: Int8, Ranges: ranges})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, p.Run); n >= 1 {
			t.Errorf("%d threads: %g allocations a run", threads, n)
		}
	}
}

func TestPrecisionMistakes(t *testing.T) {
	t.Parallel()
	g := int8Graph(t)
	w := RandomWeights(g, 1)
	see := func(string, [][]float32) {}
	for want, o := range map[string]Options{
		"int8 needs the ranges": {Precision: Int8},
		"precision 9":           {Precision: 9},
		"one thread":            {Observe: see, Threads: 2},
		"only a float32 plan":   {Observe: see, Precision: Int8, Ranges: Ranges{"wide": {0, 1}}},
	} {
		o.Height, o.Width = 32, 32
		if _, err := Compile(g, w, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
	for _, name := range Precisions() {
		if p, err := ParsePrecision(name); err != nil || p.String() != name {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if _, err := ParsePrecision("int4"); err == nil || !strings.Contains(err.Error(), "int8") {
		t.Errorf("int4: %v", err)
	}
}

func TestCalibratorRanges(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	ramp := make([]float32, 4001)
	for i := range ramp {
		ramp[i] = float32(i-1000) / 1000
	}
	outlier := append([]float32{40}, ramp...)
	for range 9 {
		outlier = append(outlier, ramp...)
	}
	tests := []struct {
		name   string
		values []float32
		lo, hi [2]float32 // from, to
	}{
		{"a ramp is covered whole", ramp, [2]float32{-1.05, -0.95}, [2]float32{2.95, 3.05}},
		{"one far value is not worth wide steps", outlier, [2]float32{-1.7, -0.9}, [2]float32{2.8, 39}},
		{"positive", []float32{0, 1, 2, 3}, [2]float32{0, 0}, [2]float32{2.9, 3.1}},
		{"negative", []float32{-8, -2}, [2]float32{-8.2, -7.8}, [2]float32{0, 0.02}},
		{"all zero", make([]float32, 9), [2]float32{-0.01, 0}, [2]float32{0, 0.01}},
		{"nothing but NaN", []float32{nan, float32(math.Inf(1))}, [2]float32{0, 0}, [2]float32{0, 0}},
	}
	for _, tt := range tests {
		c := NewCalibrator()
		c.Observe("x", [][]float32{tt.values[:len(tt.values)/2], tt.values[len(tt.values)/2:]})
		r := c.Ranges()["x"]
		if r.Lo < tt.lo[0] || r.Lo > tt.lo[1] || r.Hi < tt.hi[0] || r.Hi > tt.hi[1] {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

func TestInt8Fast(t *testing.T) {
	for name, want := range map[string]bool{"generic": false, "neon": false, "avx2": true, "avxvnni": true, "dotprod": true, "i8mm": true} {
		if !slices.Contains(ISAs(), name) {
			continue
		}
		if fast, err := Int8Fast(name); err != nil || fast != want {
			t.Errorf("%s: %v, %v", name, fast, err)
		}
		if got := Int8Dots(name); got != (want && name != "avx2") {
			t.Errorf("%s: dot products: %v", name, got)
		}
	}
	t.Setenv("RIFFLE_CPU", "generic")
	if fast, err := Int8Fast(""); err != nil || fast {
		t.Errorf("RIFFLE_CPU=generic: %v, %v", fast, err)
	}
	if _, err := Int8Fast("z80"); err == nil {
		t.Error("no error for an instruction set that is not there")
	}
}
