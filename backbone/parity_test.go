package backbone

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/nn"
)

// tolerance is the largest absolute difference from PyTorch. The compared
// values reach from about 0.1 to 20 (see training/vectors/backbone_random.py).
const tolerance = 1e-4

// TestParity compares every output with PyTorch's (torchvision's, for v2) on
// every instruction set this processor has.
//
// By default only digests are compared. To compare every element, make the
// file with backbone_vectors.py --full FILE and set
// RIFFLE_BACKBONE_VECTORS=FILE.
func TestParity(t *testing.T) {
	file := os.Getenv("RIFFLE_BACKBONE_VECTORS")
	if file == "" {
		file = "testdata/parity.safetensors"
	}
	want, err := nn.ReadWeightsFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Metadata) < 20 {
		t.Fatalf("%s holds only %d networks", file, len(want.Metadata))
	}
	for key := range want.Metadata {
		if underRace && !strings.HasSuffix(key, "_x0.5") && !strings.Contains(key, "_x0.25_") {
			continue
		}
		t.Run(key, func(t *testing.T) { testParity(t, key, want) })
	}
}

func testParity(t *testing.T, key string, want *nn.Weights) {
	name, isLeaky := strings.CutSuffix(key, "+leaky")
	var o Options
	if isLeaky {
		o.Act = nn.LeakyReLU(0.1)
	}
	g := whole(t, name, o)
	w := randomWeights(g)
	cpus := nn.ISAs()
	if testing.Short() || underRace {
		cpus = cpus[len(cpus)-1:]
	}
	for _, size := range []struct{ h, w int }{{224, 224}, {193, 161}} {
		for _, cpu := range cpus {
			got := run(t, g, w, nn.Options{Height: size.h, Width: size.w, ISA: cpu})
			for output, x := range got {
				ref, ok := want.Tensors[fmt.Sprintf("%s/%dx%d/%s", key, size.h, size.w, output)]
				if !ok {
					t.Fatalf("no vectors for %s at %dx%d", output, size.h, size.w)
				}
				if len(ref.Data) != len(x) {
					x = parity.Digest(x)
				}
				d := maxDifference(t, x, ref.Data)
				t.Logf("%dx%d %s %s: max abs difference %.2g", size.h, size.w, cpu, output, d)
				if !(d <= tolerance) {
					t.Errorf("%dx%d %s %s: max abs difference %g", size.h, size.w, cpu, output, d)
				}
			}
		}
	}
}

// whole builds a network once with all it can put out.
func whole(t *testing.T, name string, o Options) *nn.Graph {
	t.Helper()
	a, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return wholeNetwork(t, a.Network, ImageNetClasses, o)
}

func wholeNetwork(t *testing.T, n Network, classes int, o Options) *nn.Graph {
	t.Helper()
	b := nn.NewBuilder()
	x := b.Input(InputName, 3)
	f := n.Features(b, x, o)
	b.Output(C3Name, f.C3)
	b.Output(C4Name, f.C4)
	b.Output(C5Name, f.C5)
	b.Output(LogitName, n.Logits(b, x, classes, o))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// run compiles g, runs it on randomImage and returns its outputs flat.
func run(t *testing.T, g *nn.Graph, w *nn.Weights, o nn.Options) map[string][]float32 {
	t.Helper()
	p, err := nn.Compile(g, w, o)
	if err != nil {
		t.Fatal(err)
	}
	randomImage(p.Input(InputName), o.Height, o.Width)
	p.Run()
	out := map[string][]float32{}
	for _, name := range []string{C3Name, C4Name, C5Name, LogitName} {
		if planes := p.Output(name); planes != nil {
			out[name] = slices.Concat(planes...)
		}
	}
	return out
}

func maxDifference(t *testing.T, a, b []float32) float64 {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%d values, want %d", len(a), len(b))
	}
	most := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return d
		}
		most = max(most, d)
	}
	return most
}
