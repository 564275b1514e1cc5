package detector

import (
	"math/rand/v2"
	"slices"
	"testing"
)

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
			all := descending(nil, s)
			for _, k := range []int{0, 1, 2, n / 3, n - 1, n, n + 5} {
				if got := top(nil, s, k); !slices.Equal(got, all[:min(max(k, 0), n)]) {
					t.Fatalf("%s: best %d of %d are not the first of all sorted", name, k, n)
				}
			}
		}
	}
}
