package detector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"example.com/riffle/internal/parity"
)

func TestNMSKeepsWhatTorchvisionKeeps(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	boxes, scores := boxesOf(t, parity.Stored(t, w, "nms.boxes")), parity.Stored(t, w, "nms.scores").Data
	groups := intsOf(parity.Stored(t, w, "nms.groups"))
	for _, iou := range []float64{0.3, 0.5, 0.7} {
		if got, want := new(Suppressor).NMS(boxes, scores, iou, 0), intsOf(parity.Stored(t, w, fmt.Sprintf("nms.keep.%v", iou))); !slices.Equal(got, want) {
			t.Errorf("IoU %v: kept %v, want %v", iou, got, want)
		}
		if got, want := new(Suppressor).NMSByGroup(boxes, scores, groups, iou, 0), intsOf(parity.Stored(t, w, fmt.Sprintf("nms.group_keep.%v", iou))); !slices.Equal(got, want) {
			t.Errorf("IoU %v, by group: kept %v, want %v", iou, got, want)
		}
	}
}

func TestNMSLimitIsAPrefix(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	boxes, scores := boxesOf(t, parity.Stored(t, w, "nms.boxes")), parity.Stored(t, w, "nms.scores").Data
	all := new(Suppressor).NMS(boxes, scores, 0.5, 0)
	if got := new(Suppressor).NMS(boxes, scores, 0.5, 7); !slices.Equal(got, all[:7]) {
		t.Errorf("limit 7 kept %v, want %v", got, all[:7])
	}
}

func TestNMSOfNothing(t *testing.T) {
	if got := new(Suppressor).NMS(nil, nil, 0.5, 0); len(got) != 0 {
		t.Errorf("kept %v of no boxes", got)
	}
}

func TestNMSDoesNotAllocateTwice(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	boxes, scores := boxesOf(t, parity.Stored(t, w, "nms.boxes")), parity.Stored(t, w, "nms.scores").Data
	groups := intsOf(parity.Stored(t, w, "nms.groups"))
	var s Suppressor
	s.NMSByGroup(boxes, scores, groups, 0.9, 0)
	if n := testing.AllocsPerRun(10, func() { s.NMSByGroup(boxes, scores, groups, 0.5, 0) }); n != 0 {
		t.Errorf("%v allocations in a call after the first", n)
	}
}

func TestDescendingOrdersFloats(t *testing.T) {
	negativeZero := float32(math.Copysign(0, -1))
	scores := []float32{0, -1, 3, negativeZero, float32(math.Inf(-1)), float32(math.Inf(1)), 3, 1e-40, -1e-40}
	var got []int
	for _, k := range top(nil, scores, len(scores)) {
		got = append(got, indexOf(k))
	}
	if want := []int{5, 2, 6, 7, 0, 3, 8, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func BenchmarkNMS(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	boxes, scores := make([]Box, 300), make([]float32, 300)
	for i := range boxes {
		x, y := rng.Float32()*300, rng.Float32()*300
		boxes[i] = Box{x, y, x + 20 + rng.Float32()*80, y + 20 + rng.Float32()*80}
		scores[i] = rng.Float32()
	}
	var s Suppressor
	for b.Loop() {
		s.NMS(boxes, scores, 0.7, 100)
	}
}

// plainNMS is the definition: every box against every better one that is kept.
func plainNMS(boxes []Box, scores []float32, groups []int, iou float64) []int {
	var keep []int
	for _, key := range top(nil, scores, len(scores)) {
		i := indexOf(key)
		clear := true
		for _, k := range keep {
			if groups[k] == groups[i] && float64(IoU(boxes[k], boxes[i])) > iou {
				clear = false
			}
		}
		if clear {
			keep = append(keep, i)
		}
	}
	return keep
}

func randomBoxes(n int, rng *rand.Rand) ([]Box, []float32) {
	boxes, scores := make([]Box, n), make([]float32, n)
	for i := range boxes {
		x, y := rng.Float32()*60, rng.Float32()*60
		boxes[i], scores[i] = Box{x, y, x + 5 + rng.Float32()*30, y + 5 + rng.Float32()*30}, rng.Float32()
	}
	return boxes, scores
}

// Groups may be any numbers: a chain each where they lie close together, shared
// ones where they do not.
func TestNMSByGroupMatchesItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var s Suppressor
	for name, group := range map[string]func() int{
		"one":      func() int { return 7 },
		"classes":  func() int { return rng.IntN(5) },
		"negative": func() int { return rng.IntN(9) - 4 },
		"far":      func() int { return []int{math.MinInt, -5, 0, maxChains, 2 * maxChains, math.MaxInt}[rng.IntN(6)] },
	} {
		for n := 1; n < 200; n += 17 {
			boxes, scores := randomBoxes(n, rng)
			groups := make([]int, n)
			for i := range groups {
				groups[i] = group()
			}
			if got, want := s.NMSByGroup(boxes, scores, groups, 0.4, 0), plainNMS(boxes, scores, groups, 0.4); !slices.Equal(got, want) {
				t.Fatalf("%s: %d boxes: kept %v, want %v", name, n, got, want)
			}
		}
	}
}

func TestSuppressorDoesNotAllocateTwice(t *testing.T) {
	boxes, scores := randomBoxes(600, rand.New(rand.NewPCG(5, 6)))
	groups := make([]int, len(boxes))
	for i := range groups {
		groups[i] = i % 80
	}
	var s Suppressor
	s.NMSByGroup(boxes, scores, groups, 0.6, 0)
	s.NMS(boxes, scores, 0.6, 0)
	if n := testing.AllocsPerRun(20, func() {
		s.NMSByGroup(boxes, scores, groups, 0.6, 0)
		s.NMS(boxes, scores, 0.6, 100)
	}); n != 0 {
		t.Errorf("%v allocations in a call after the first", n)
	}
}

// TestTop holds the selection against a full sort, with many equal scores and in
// orders that make quick selection slow.
func TestTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	orders := map[string]func(n int) []float32{
		"random": func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = rng.Float32()
			}
			return out
		},
		"few values": func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(rng.IntN(3))
			}
			return out
		},
		"rising": func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(i)
			}
			return out
		},
		"pipe": func(n int) []float32 {
			out := make([]float32, n)
			for i := range out {
				out[i] = float32(min(i, n-i))
			}
			return out
		},
	}
	for name, scores := range orders {
		for n := 1; n < 400; n += 1 + n/9 {
			s := scores(n)
			all := top(nil, s, len(s))
			for _, k := range []int{0, 1, 2, n / 3, n - 1, n, n + 5} {
				if got := top(nil, s, k); !slices.Equal(got, all[:min(max(k, 0), n)]) {
					t.Fatalf("%s: best %d of %d are not the first of all sorted", name, k, n)
				}
			}
		}
	}
}
