package backbone

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/nn"
)

// mobileNetV3Of returns a network of testdata/mobilenetv3.safetensors by its key
// there: our name, and torchvision's arguments that change it.
func mobileNetV3Of(t *testing.T, key string) MobileNetV3 {
	t.Helper()
	name, changes, _ := strings.Cut(key, "+")
	a, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	n := a.Network.(MobileNetV3)
	n.Dilated = strings.Contains(changes, "dilated")
	n.ReducedTail = strings.Contains(changes, "reduced_tail")
	return n
}

// TestMobileNetV3Parity compares all maps and logits with torchvision's, whose
// tensors have the same names: a tensor's random values come from its name.
func TestMobileNetV3Parity(t *testing.T) {
	want, err := nn.ReadWeightsFile("testdata/mobilenetv3.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Metadata) < 12 {
		t.Fatalf("only %d networks", len(want.Metadata))
	}
	for key, params := range want.Metadata {
		if underRace && !strings.Contains(key, "small") {
			continue
		}
		t.Run(key, func(t *testing.T) {
			g, outputs := mobileNetV3Graph(t, mobileNetV3Of(t, key))
			if got := strconv.FormatInt(g.ParamCount(), 10); got != params {
				t.Errorf("%s parameters, torchvision has %s", got, params)
			}
			w := randomWeights(g)
			cpus := nn.ISAs()
			if testing.Short() || underRace {
				cpus = cpus[len(cpus)-1:]
			}
			for _, cpu := range cpus {
				for _, size := range [][2]int{{193, 161}, {224, 224}} {
					if cpu == "generic" && size[0] == 224 {
						continue // what is left is enough, and it takes long
					}
					compareMaps(t, key, g, w, want, outputs, nn.Options{Height: size[0], Width: size[1], ISA: cpu})
				}
			}
		})
	}
}

func mobileNetV3Graph(t *testing.T, n MobileNetV3) (*nn.Graph, []string) {
	t.Helper()
	b := nn.NewBuilder()
	x := b.Input(InputName, 3)
	m := n.Maps(b, x, Options{})
	b.Output("low", m.Low)
	b.Output(C3Name, m.C3)
	b.Output(C4Name, m.C4)
	b.Output(C5Name, m.C5)
	b.Output(LogitName, n.Logits(b, x, ImageNetClasses, Options{}))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g, []string{"low", C3Name, C4Name, C5Name, LogitName}
}

func compareMaps(t *testing.T, key string, g *nn.Graph, w, want *nn.Weights, outputs []string, o nn.Options) {
	t.Helper()
	p, err := nn.Compile(g, w, o)
	if err != nil {
		t.Fatal(err)
	}
	randomImage(p.Input(InputName), o.Height, o.Width)
	p.Run()
	for _, output := range outputs {
		ref, ok := want.Tensors[fmt.Sprintf("%s/%dx%d/%s", key, o.Height, o.Width, output)]
		if !ok {
			t.Fatalf("no vectors for %s at %dx%d", output, o.Height, o.Width)
		}
		x := parity.Digest(slices.Concat(p.Output(output)...))
		// Without anything that dampens them values grow beyond what the
		// tolerance is for.
		bound := tolerance * max(1, peak(ref.Data)/20)
		if d := maxDifference(t, x, ref.Data); !(d <= bound) {
			t.Errorf("%dx%d %s %s: max abs difference %g of %g", o.Height, o.Width, o.ISA, output, d, peak(ref.Data))
		}
	}
}

func peak(x []float32) float64 {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}

// TestMobileNetV3Cost: multiply-adds of the paper's table 3 within 3 %, and
// parameters of torchvision's weights.
func TestMobileNetV3Cost(t *testing.T) {
	for _, c := range []struct {
		name     string
		millions float64
		params   int64
	}{
		{"mobilenet_v3_large", 219, 5483032},
		{"mobilenet_v3_small", 56, 2542856},
	} {
		got := cost(t, c.name)
		if off := math.Abs(float64(got.MACs)/1e6/c.millions - 1); off > 0.03 {
			t.Errorf("%s: %.2f M multiply-adds, the paper says %g M", c.name, float64(got.MACs)/1e6, c.millions)
		}
		if got.Params != c.params {
			t.Errorf("%s: %d parameters, torchvision has %d", c.name, got.Params, c.params)
		}
	}
}

func TestMobileNetV3AnyWidth(t *testing.T) {
	last := int64(0)
	for _, name := range []string{
		"mobilenet_v3_small_x0.1", "mobilenet_v3_small_x0.6", "mobilenet_v3_small_x1.0",
		"mobilenet_v3_small_x1.4", "mobilenet_v3_small_x2.5",
	} {
		c := cost(t, name)
		if c.MACs <= last {
			t.Errorf("%s has %d multiply-adds, a narrower network %d", name, c.MACs, last)
		}
		last = c.MACs
	}
	if a, b := cost(t, "mobilenet_v3_small_x1.0"), cost(t, "mobilenet_v3_small"); a != b {
		t.Errorf("width 1.0 costs %v, the plain network %v", a, b)
	}
	for _, name := range []string{"mobilenet_v3_small_x0", "mobilenet_v3_large_x99", "mobilenet_v3_large_x1e9", "mobilenet_v3_medium"} {
		if _, err := Lookup(name); err == nil || !strings.Contains(err.Error(), "mobilenet_v3_") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestMobileNetV3OutputStrides: dilation keeps the last map at stride 16.
func TestMobileNetV3OutputStrides(t *testing.T) {
	for dilated, stride := range map[bool]int{false: 32, true: 16} {
		n := MobileNetV3Large()
		n.Dilated = dilated
		g, _ := mobileNetV3Graph(t, n)
		p, err := nn.Compile(g, zeroWeights(g), nn.Options{Height: 192, Width: 128})
		if err != nil {
			t.Fatal(err)
		}
		for output, s := range map[string]int{"low": 8, C3Name: 8, C4Name: 16, C5Name: stride} {
			if _, h, w, err := p.OutputShape(output); err != nil || h != 192/s || w != 128/s {
				t.Errorf("dilated %v: %s is %dx%d, want stride %d (%v)", dilated, output, h, w, s, err)
			}
		}
	}
}
