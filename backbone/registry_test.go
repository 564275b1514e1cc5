package backbone

import (
	"slices"
	"strings"
	"testing"

	"example.com/riffle/nn"
)

func TestNames(t *testing.T) {
	names := Names()
	seen := slices.Compact(slices.Sorted(slices.Values(names)))
	if len(seen) != len(names) {
		t.Errorf("a name occurs twice in %v", names)
	}
	for _, want := range []string{
		"shufflenet_v1_x0.25_g1", "shufflenet_v1_x1.0_g3", "shufflenet_v1_x2.0_g8",
		"shufflenet_v1_x0.5_g3_arch2", "shufflenet_v2_x1.0", "shufflenet_v2s_x1.0",
		"mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v3_large_x0.75", "mobilenet_v3_small_minimal",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if n := 5*5 + 2*5 + 4 + 4 + 2*6; len(names) != n {
		t.Errorf("%d names, want %d", len(names), n)
	}
}

// TestEveryArchitectureRuns compiles all of them at a size no stride divides
// and looks at the shapes of what comes out.
func TestEveryArchitectureRuns(t *testing.T) {
	const h, w = 70, 45
	for _, name := range Names() {
		if underRace && (strings.Contains(name, "_x1.5") || strings.Contains(name, "_x2.0")) {
			continue
		}
		classifier, err := Build(name, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkShapes(t, name, classifier, h, w, map[string][2]int{LogitName: {1, 1}})

		features, err := BuildFeatures(name, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkShapes(t, name, features, h, w, map[string][2]int{C3Name: {9, 6}, C4Name: {5, 3}, C5Name: {3, 2}})
	}
}

func checkShapes(t *testing.T, name string, g *nn.Graph, h, w int, want map[string][2]int) {
	t.Helper()
	p, err := nn.Compile(g, zeroWeights(g), nn.Options{Height: h, Width: w})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	p.Run()
	for output, size := range want {
		_, gotH, gotW, err := p.OutputShape(output)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if [2]int{gotH, gotW} != size {
			t.Errorf("%s: %s is %dx%d, want %v", name, output, gotH, gotW, size)
		}
	}
}

// zeroWeights are enough where only shapes count, and cost nothing to make.
func zeroWeights(g *nn.Graph) *nn.Weights {
	w := &nn.Weights{Tensors: map[string]nn.Tensor{}}
	zeros := make([]float32, g.ParamCount())
	for _, p := range g.Params() {
		w.Tensors[p.Name] = nn.Tensor{Shape: p.Shape, Data: zeros[:product(p.Shape)]}
	}
	return w
}

func TestFeatureChannels(t *testing.T) {
	for name, want := range map[string][3]int{
		"shufflenet_v1_x1.0_g1":       {144, 288, 576},
		"shufflenet_v1_x1.0_g2":       {200, 400, 800},
		"shufflenet_v1_x1.0_g3":       {240, 480, 960},
		"shufflenet_v1_x1.0_g4":       {272, 544, 1088},
		"shufflenet_v1_x1.0_g8":       {384, 768, 1536},
		"shufflenet_v1_x0.5_g4":       {144, 288, 576}, // section 4.2
		"shufflenet_v1_x2.0_g3":       {480, 960, 1920},
		"shufflenet_v1_x0.5_g3_arch2": {132, 264, 528},
		"shufflenet_v2_x1.5":          {176, 352, 704},
		"shufflenet_v2s_x0.5":         {48, 96, 192},
		"mobilenet_v3_large":          {40, 672, 960},
		"mobilenet_v3_small":          {24, 288, 576},
	} {
		a, err := Lookup(name)
		if err != nil {
			t.Error(err)
			continue
		}
		b := nn.NewBuilder()
		f := a.Features(b, b.Input(InputName, 3), Options{})
		got := [3]int{b.Channels(f.C3), b.Channels(f.C4), b.Channels(f.C5)}
		if got != want {
			t.Errorf("%s: features of %v channels, want %v", name, got, want)
		}
	}
}

func TestUnknownNameNamesTheNearest(t *testing.T) {
	for name, nearest := range map[string]string{
		"shufflenet_v2_x1_0":         "shufflenet_v2_x1.0", // torchvision's spelling
		"ShuffleNet_v2_x1.5":         "shufflenet_v2_x1.5",
		"shufflenet_v2_x2":           "shufflenet_v2_x2.0",
		"shufflenet_v1_x1.0":         "shufflenet_v1_x1.0_g1",
		"shufflenet_v1_x1.0_g5":      "shufflenet_v1_x1.0_g1",
		"shufflenet_v1_x0.5_g3_arch": "shufflenet_v1_x0.5_g3_arch2",
		"mobilenetv3_large":          "mobilenet_v3_large",
		"mobilenet_v3_small_1.0":     "mobilenet_v3_small_x0.5",
	} {
		_, err := Build(name, Options{})
		if err == nil {
			t.Errorf("%q was built", name)
			continue
		}
		if !strings.Contains(err.Error(), `"`+name+`"`) || !strings.Contains(err.Error(), `"`+nearest+`"`) {
			t.Errorf("%q: error %q does not name %s", name, err, nearest)
		}
		if _, err := BuildFeatures(name, Options{}); err == nil {
			t.Errorf("features of %q were built", name)
		}
	}
}
