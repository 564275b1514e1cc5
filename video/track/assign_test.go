package track

import (
	"math"
	"math/rand/v2"
	"testing"
)

// least tries every assignment; a row left alone costs half of limit, and so
// does a column.
func least(rows, cols int, limit float64, cost func(r, c int) float64) float64 {
	used := make([]bool, cols)
	var try func(r int) float64
	try = func(r int) float64 {
		if r == rows {
			alone := 0.0
			for _, u := range used {
				if !u {
					alone += limit / 2
				}
			}
			return alone
		}
		best := limit/2 + try(r+1)
		for c := range cols {
			if v := cost(r, c); !used[c] && v < limit {
				used[c] = true
				best = min(best, v+try(r+1))
				used[c] = false
			}
		}
		return best
	}
	return try(0)
}

func TestAssignmentIsTheCheapest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var a assigner
	for n := range 3000 {
		rows, cols := rng.IntN(6), rng.IntN(6)
		table := make([]float64, rows*cols)
		for i := range table {
			table[i] = rng.Float64() * 1.6
			if n%3 == 0 { // ties
				table[i] = float64(rng.IntN(4)) / 2
			}
		}
		cost := func(r, c int) float64 { return table[r*cols+c] }
		pairs := a.solve(rows, cols, 1, cost)
		if len(pairs) != rows {
			t.Fatalf("%d rows, %d answers", rows, len(pairs))
		}
		taken, sum := map[int]bool{}, 0.0
		for r, c := range pairs {
			if c < 0 {
				sum += 0.5
				continue
			}
			if taken[c] || c >= cols || cost(r, c) >= 1 {
				t.Fatalf("%d x %d: row %d has column %d, all %v of %v", rows, cols, r, c, pairs, table)
			}
			taken[c] = true
			sum += cost(r, c)
		}
		sum += 0.5 * float64(cols-len(taken))
		if want := least(rows, cols, 1, cost); math.Abs(sum-want) > 1e-9 {
			t.Fatalf("%d x %d: %v costs %v, the best %v: %v", rows, cols, pairs, sum, want, table)
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	table := make([]float64, 100*100)
	for i := range table {
		table[i] = rng.Float64() * 1.6
	}
	var a assigner
	for b.Loop() {
		a.solve(100, 100, 1, func(r, c int) float64 { return table[r*100+c] })
	}
}
