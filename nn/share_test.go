package nn

import (
	"sync/atomic"
	"testing"
)

// Every number is given out once, between runs of the plan, from as many threads
// as there are, and nothing is allocated.
func TestShare(t *testing.T) {
	g := unitGraph(t)
	for _, threads := range []int{1, 2, 3} {
		p := compileUnit(t, g, Options{Height: 32, Width: 32, Threads: threads})
		if p.Threads() != threads {
			t.Fatalf("%d threads, want %d", p.Threads(), threads)
		}
		var seen [1000]atomic.Int32
		count := func(thread, from, to int) {
			if thread < 0 || thread >= threads {
				t.Errorf("thread %d of %d", thread, threads)
			}
			for i := from; i < to; i++ {
				seen[i].Add(1)
			}
		}
		for round := 1; round <= 50; round++ {
			n := []int{0, 1, 2, 7, 64, 1000}[round%6]
			for i := range seen {
				seen[i].Store(0)
			}
			p.Share(n, count)
			for i := range seen {
				if seen[i].Load() != b2i(i < n) {
					t.Fatalf("%d threads, %d units: unit %d was done %d times", threads, n, i, seen[i].Load())
				}
			}
			p.Run()
		}
		if n := testing.AllocsPerRun(20, func() { p.Share(100, count) }); n != 0 {
			t.Errorf("%d threads: %v allocations", threads, n)
		}
	}
}

func b2i(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
