package backbone

import (
	"math"
	"strconv"
	"testing"

	"example.com/riffle/nn"
)

// TestMACsMatchPapers holds the networks to every multiply-add count that a
// paper gives for one network of known groups at 224 x 224.
func TestMACsMatchPapers(t *testing.T) {
	papers := []struct {
		name     string
		millions float64
	}{
		// arXiv 1707.01083, table 1, row "Complexity".
		{"shufflenet_v1_x1.0_g1", 143},
		{"shufflenet_v1_x1.0_g2", 140},
		{"shufflenet_v1_x1.0_g3", 137},
		{"shufflenet_v1_x1.0_g4", 133},
		{"shufflenet_v1_x1.0_g8", 137},
		// Tables 5 and 8.
		{"shufflenet_v1_x2.0_g3", 524},
		{"shufflenet_v1_x1.5_g3", 292},
		{"shufflenet_v1_x0.5_g3", 38},
		// The authors' own table, github.com/megvii-model/ShuffleNet-Series.
		{"shufflenet_v1_x2.0_g8", 522},
		{"shufflenet_v1_x1.5_g8", 290},
		{"shufflenet_v1_x0.5_g8", 40},
		// 1707.01083v1: arch2 keeps the complexity of its row.
		{"shufflenet_v1_x0.5_g1_arch2", 40},
		{"shufflenet_v1_x0.5_g2_arch2", 40},
		{"shufflenet_v1_x0.5_g3_arch2", 40},
		{"shufflenet_v1_x0.5_g4_arch2", 40},
		{"shufflenet_v1_x0.5_g8_arch2", 40},
		{"shufflenet_v1_x0.25_g1_arch2", 13},
		{"shufflenet_v1_x0.25_g2_arch2", 13},
		{"shufflenet_v1_x0.25_g3_arch2", 13},
		{"shufflenet_v1_x0.25_g4_arch2", 13},
		{"shufflenet_v1_x0.25_g8_arch2", 13},
		// arXiv 1807.11164, table 5.
		{"shufflenet_v2_x0.5", 41},
		{"shufflenet_v2_x1.0", 146},
		{"shufflenet_v2_x1.5", 299},
		{"shufflenet_v2_x2.0", 591},
	}
	for _, p := range papers {
		got := cost(t, p.name).MACs
		if off := math.Abs(float64(got)/1e6/p.millions - 1); off > 0.02 {
			t.Errorf("%s: %.2f M multiply-adds, the paper says %g M", p.name, float64(got)/1e6, p.millions)
		}
	}
}

// TestMACsOfScaledRows: for its 0.5x and 0.25x rows the v1 paper's table 2
// gives one round figure for all groups, 38 and 13 M; rounding channels to the
// groups spreads ours around it.
func TestMACsOfScaledRows(t *testing.T) {
	for _, row := range []struct {
		width    string
		millions float64
	}{{"1.0", 140}, {"0.5", 38}, {"0.25", 13}} {
		mean := 0.0
		for _, g := range []int{1, 2, 3, 4, 8} {
			macs := float64(cost(t, "shufflenet_v1_x"+row.width+"_g"+strconv.Itoa(g)).MACs) / 1e6
			if off := math.Abs(macs/row.millions - 1); off > 0.16 {
				t.Errorf("%sx g=%d: %.2f M, the paper's row says %g M", row.width, g, macs, row.millions)
			}
			mean += macs / 5
		}
		if off := math.Abs(mean/row.millions - 1); off > 0.05 {
			t.Errorf("%sx: mean %.2f M, the paper's row says %g M", row.width, mean, row.millions)
		}
	}
}

// TestParamsMatchTorchvision compares with the num_params of torchvision's
// weights.
func TestParamsMatchTorchvision(t *testing.T) {
	for name, want := range map[string]int64{
		"shufflenet_v2_x0.5": 1366792,
		"shufflenet_v2_x1.0": 2278604,
		"shufflenet_v2_x1.5": 3503624,
		"shufflenet_v2_x2.0": 7393996,
	} {
		if got := cost(t, name).Params; got != want {
			t.Errorf("%s: %d parameters, torchvision has %d", name, got, want)
		}
	}
}

// TestParamsMatchPyTorch compares with numel of the PyTorch modules of
// training/vectors.
func TestParamsMatchPyTorch(t *testing.T) {
	vectors, err := nn.ReadWeightsFile("testdata/parity.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range Names() {
		want, ok := vectors.Metadata[name]
		if !ok {
			continue
		}
		compared++
		if got := strconv.FormatInt(cost(t, name).Params, 10); got != want {
			t.Errorf("%s: %s parameters, PyTorch has %s", name, got, want)
		}
	}
	if compared < 20 {
		t.Errorf("only %d networks compared", compared)
	}
}

func TestCostRefusesImpossibleSize(t *testing.T) {
	a, err := Lookup("shufflenet_v2_x1.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Cost(0, 224); err == nil {
		t.Error("an image of height 0 has a cost")
	}
}

func cost(t *testing.T, name string) Cost {
	t.Helper()
	a, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Cost(224, 224)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}
