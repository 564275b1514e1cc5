package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

var benchKeys = []string{"arch", "cpu", "macs", "median_ms", "min_ms", "params", "runs", "size", "threads"}

func TestBenchJSON(t *testing.T) {
	r := command(t, "bench", "--arch", "shufflenet_v2_x0.5", "--size", "64", "--runs", "3", "--threads", "2", "--cpu", "generic", "--json")
	if r.code != 0 || r.err != "" || strings.Count(r.out, "\n") != 1 {
		t.Fatalf("code %d, stderr %q, stdout %q", r.code, r.err, r.out)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, benchKeys) {
		t.Errorf("keys %v, want %v", keys, benchKeys)
	}
	for key, want := range map[string]any{"arch": "shufflenet_v2_x0.5", "size": 64.0, "threads": 2.0, "runs": 3.0} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if cpu, ok := got["cpu"].(string); !ok || !strings.HasSuffix(cpu, " [generic]") {
		t.Errorf("cpu is %v", got["cpu"])
	}
	median, fastest := got["median_ms"].(float64), got["min_ms"].(float64)
	if !(fastest > 0 && median >= fastest) {
		t.Errorf("median %v ms, fastest %v ms", median, fastest)
	}
}

// The multiply-adds of the papers' tables, which the backbones are held to as
// well; here the question is whether bench shows them.
func TestBenchShowsThePapersMultiplyAdds(t *testing.T) {
	for arch, want := range map[string]float64{"shufflenet_v1_x1.0_g3": 137e6, "shufflenet_v2_x1.0": 146e6} {
		r := command(t, "bench", "--arch", arch, "--runs", "1", "--json")
		var got benchResult
		if err := json.Unmarshal([]byte(r.out), &got); err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		if got.Size != 224 || math.Abs(float64(got.MACs)/want-1) > 0.02 {
			t.Errorf("%s at %d: %d multiply-adds, want %g at 224", arch, got.Size, got.MACs, want)
		}
	}
}

func TestBenchLayers(t *testing.T) {
	r := command(t, "bench", "--arch", "shufflenet_v2_x0.5", "--size", "64", "--runs", "2", "--layers")
	if r.code != 0 {
		t.Fatal(r.err)
	}
	for _, want := range []string{"shufflenet_v2_x0.5 at 64x64, 1 thread", "conv1.0", "stage4.0.branch2.0", "fc", "GMAC/s", "of peak", "class", "pointwise 4x4"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is missing:\n%s", want, r.out)
		}
	}
	r = command(t, "bench", "--arch", "shufflenet_v2_x0.5", "--size", "64", "--runs", "2", "--layers", "--json")
	var got benchResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, l := range got.Layers {
		sum += l.MACs
	}
	if sum != got.MACs {
		t.Errorf("layers have %d multiply-adds, the network %d", sum, got.MACs)
	}
}

func TestClasses(t *testing.T) {
	layers := []benchLayer{
		{Kind: "pointwise", Shape: [3]int{8, 7, 7}, MACs: 10, MedianMs: 1},
		{Kind: "depthwise", Shape: [3]int{8, 7, 7}, MACs: 2, MedianMs: 0.5},
		{Kind: "pointwise", Shape: [3]int{16, 7, 7}, MACs: 20, MedianMs: 2},
		{Kind: "pointwise", Shape: [3]int{16, 14, 14}, MACs: 40, MedianMs: 4},
		{Kind: "boxes", MedianMs: 3},
	}
	var got []string
	for _, c := range classes(layers) {
		got = append(got, fmt.Sprint(c.Name, " ", c.layers, " ", c.MACs, " ", c.MedianMs))
	}
	want := []string{"pointwise 7x7 2 30 3", "depthwise 7x7 1 2 0.5", "pointwise 14x14 1 40 4", "boxes 1 0 3"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBenchTooSmall(t *testing.T) {
	r := command(t, "bench", "--arch", "shufflenet_v2_x1.0", "--size", "99999")
	r.wantError(t, 1, "99999")
}

func TestMedian(t *testing.T) {
	for want, in := range map[time.Duration][]time.Duration{
		5: {5},
		3: {9, 1, 3},
		4: {1, 9, 3, 5},
	} {
		if got := median(in); got != want {
			t.Errorf("median(%v) = %d, want %d", in, got, want)
		}
	}
}

func TestBenchPhoto(t *testing.T) {
	args := []string{"bench", "--arch", "riffle-v2-1.5x", "--photo", "../../docs/street.jpg", "--runs", "2"}
	r := command(t, append(args, "--json")...)
	if r.code != 0 {
		t.Fatal(r.err)
	}
	var got struct {
		Runs   int
		Photos []photoBench
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Runs != 2 || len(got.Photos) != 1 {
		t.Fatalf("%+v", got)
	}
	p := got.Photos[0]
	if p.Width != 768 || p.Height != 576 || p.Bytes == 0 || p.Found == 0 || len(p.Stages) != len(photoStages) {
		t.Errorf("%+v", p)
	}
	sum := 0.0
	for _, stage := range photoStages {
		sum += p.Stages[stage]
	}
	if !(p.Stages["decode"] > 0 && p.Stages["network"] > 0 && sum > p.TotalMs/2) {
		t.Errorf("stages of %.2f ms in all, total %.2f: %v", sum, p.TotalMs, p.Stages)
	}
	if r = command(t, args...); r.code != 0 || !strings.Contains(r.out, "768x576") || !strings.Contains(r.out, "second_stage") {
		t.Errorf("code %d: %s%s", r.code, r.out, r.err)
	}
	r = command(t, "bench", "--arch", "shufflenet_v2_x1.0", "--photo", "../../docs/street.jpg")
	r.wantError(t, 2, "trained model")
	r = command(t, "bench", "--arch", "riffle-v2-1.5x", "--photo", "missing.jpg")
	r.wantError(t, 1, "missing.jpg")
}
