package backbone

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/riffle/nn"
)

// TestTorchvisionCheckpoint loads a state_dict that torchvision wrote and
// compares every element of every output with torchvision's.
func TestTorchvisionCheckpoint(t *testing.T) {
	w, err := nn.ReadWeightsFile("testdata/tiny.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	want, err := nn.ReadWeightsFile("testdata/tiny_outputs.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	net := ShuffleNetV2{Repeats: [3]int{2, 3, 2}, Stem: 8, Channels: [3]int{16, 32, 48}, Last: 40}
	g := wholeNetwork(t, net, 10, Options{})

	for _, cpu := range nn.ISAs() {
		got := run(t, g, w, nn.Options{Height: 70, Width: 96, ISA: cpu})
		for output, x := range got {
			if d := maxDifference(t, x, want.Tensors[output].Data); !(d <= tolerance) {
				t.Errorf("%s %s: max abs difference %g", cpu, output, d)
			}
		}
	}

	// The network reads all of the checkpoint: nothing in it goes unused but
	// the counters of training.
	read := map[string]bool{}
	for _, p := range g.Params() {
		read[p.Name] = true
	}
	for name := range w.Tensors {
		if !read[name] && !strings.HasSuffix(name, ".num_batches_tracked") {
			t.Errorf("%s is not read", name)
		}
	}
}

// TestNoBatchNorm folds random batch norms by hand and expects the same
// outputs from the network without any, under a prefix.
func TestNoBatchNorm(t *testing.T) {
	for _, name := range []string{"shufflenet_v1_x0.25_g4", "shufflenet_v2_x0.5", "shufflenet_v2s_x0.5", "mobilenet_v3_small_x0.5"} {
		t.Run(name, func(t *testing.T) {
			plain := whole(t, name, Options{})
			w := randomWeights(plain)
			folded := whole(t, name, Options{NoBatchNorm: true, Prefix: "backbone."})
			for _, p := range folded.Params() {
				if strings.Contains(p.Name, "running") {
					t.Errorf("%s is still read", p.Name)
				}
			}
			size := nn.Options{Height: 64, Width: 96}
			want := run(t, plain, w, size)
			got := run(t, folded, fold(t, w, "backbone."), size)
			for output := range want {
				if d := maxDifference(t, got[output], want[output]); !(d <= tolerance) {
					t.Errorf("%s: max abs difference %g", output, d)
				}
			}
		})
	}
}

// TestFoldedNames spells out the names of the trained detector's file, which
// skip the indices of batch norms and activations.
func TestFoldedNames(t *testing.T) {
	g, err := BuildFeatures("shufflenet_v2_x1.5", Options{NoBatchNorm: true, Prefix: "backbone."})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range g.Params()[:10] {
		got = append(got, fmt.Sprint(p.Name, p.Shape))
	}
	want := []string{
		"backbone.conv1.0.weight[24 3 3 3]", "backbone.conv1.0.bias[24]",
		"backbone.stage2.0.branch1.0.weight[24 1 3 3]", "backbone.stage2.0.branch1.0.bias[24]",
		"backbone.stage2.0.branch1.2.weight[88 24 1 1]", "backbone.stage2.0.branch1.2.bias[88]",
		"backbone.stage2.0.branch2.0.weight[88 24 1 1]", "backbone.stage2.0.branch2.0.bias[88]",
		"backbone.stage2.0.branch2.3.weight[88 1 3 3]", "backbone.stage2.0.branch2.3.bias[88]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("tensors\n%v\nwant\n%v", got, want)
	}
}

var convolution = regexp.MustCompile(`^(.*\.)(\d+)\.weight$`)

// fold multiplies every batch norm of w into the convolution before it.
func fold(t *testing.T, w *nn.Weights, prefix string) *nn.Weights {
	t.Helper()
	out := &nn.Weights{Tensors: map[string]nn.Tensor{}}
	for name, x := range w.Tensors {
		part := convolution.FindStringSubmatch(name)
		switch {
		case strings.Contains(name, "fc"), strings.HasPrefix(name, "classifier."):
			out.Tensors[prefix+name] = x
		case part != nil && len(x.Shape) == 4:
			var index int
			if _, err := fmt.Sscan(part[2], &index); err != nil {
				t.Fatal(err)
			}
			norm := fmt.Sprintf("%s%d.", part[1], index+1)
			gamma, beta := w.Tensors[norm+"weight"].Data, w.Tensors[norm+"bias"].Data
			mean, variance := w.Tensors[norm+"running_mean"].Data, w.Tensors[norm+"running_var"].Data
			weight := slices.Clone(x.Data)
			bias := make([]float32, len(gamma))
			for c := range gamma {
				scale := float64(gamma[c]) / math.Sqrt(float64(variance[c])+epsilonOf(name))
				for i := range len(weight) / len(gamma) {
					weight[c*len(weight)/len(gamma)+i] *= float32(scale)
				}
				bias[c] = float32(float64(beta[c]) - float64(mean[c])*scale)
			}
			out.Tensors[prefix+name] = nn.Tensor{Shape: x.Shape, Data: weight}
			out.Tensors[prefix+part[1]+part[2]+".bias"] = nn.Tensor{Shape: []int{len(bias)}, Data: bias}
		}
	}
	return out
}

func epsilonOf(name string) float64 {
	if strings.HasPrefix(name, "features.") {
		return mobileNetEpsilon
	}
	return epsilon
}
