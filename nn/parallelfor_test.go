package nn

import (
	"sync/atomic"
	"testing"
)

// Every number is given out once, between runs of the plan, from as many threads
// as there are, and nothing is allocated.
func TestParallelFor(t *testing.T) {
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
			p.ParallelFor(n, count)
			for i := range seen {
				if seen[i].Load() != b2i(i < n) {
					t.Fatalf("%d threads, %d units: unit %d was done %d times", threads, n, i, seen[i].Load())
				}
			}
			p.Run()
		}
		if n := testing.AllocsPerRun(20, func() { p.ParallelFor(100, count) }); n != 0 {
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

// Plans that take turns on the same threads give what they give on their own,
// and need no threads of their own.
func TestJoinThreads(t *testing.T) {
	g := unitGraph(t)
	first := compileUnit(t, g, Options{Height: 32, Width: 32, Threads: 3})
	second := compileUnit(t, g, Options{Height: 64, Width: 48, Threads: 3})
	alone := compileUnit(t, g, Options{Height: 64, Width: 48, Threads: 1})
	second.JoinThreads(first)
	alone.JoinThreads(first) // other number of threads: stays alone
	alone.Run()
	for range 20 {
		first.Run()
		first.ParallelFor(10, func(_, _, _ int) {})
		second.Run()
		second.ParallelFor(10, func(_, _, _ int) {})
		compare(t, "logits", second.Output("logits"), alone.Output("logits"), 1e-5)
	}
	if first.runner.pool != second.runner.pool || first.sharing.runner.pool != second.sharing.runner.pool || len(first.runner.pool.helpers) != 2 {
		t.Error("two plans of three threads have more than two helpers")
	}
}
