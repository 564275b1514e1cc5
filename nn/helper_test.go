package nn

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestForgottenPlansEndTheirThreads: a plan has no Close, so its helpers must
// end with it.
func TestForgottenPlansEndTheirThreads(t *testing.T) {
	g := unitGraph(t)
	before := goroutinesAtMost(t, 0) // what earlier tests left ends first
	var plans []*Plan
	for range 4 {
		p := compileUnit(t, g, Options{Height: 32, Width: 32, Threads: 3})
		p.Run()
		plans = append(plans, p)
	}
	if n := runtime.NumGoroutine(); n < before+8 {
		t.Fatalf("%d goroutines with four plans of three threads, %d before", n, before)
	}
	runtime.KeepAlive(plans)
	if n := goroutinesAtMost(t, before); n > before {
		t.Fatalf("%d goroutines are left, %d before", n, before)
	}
}

// goroutinesAtMost collects garbage until no more than n goroutines are left,
// for a second at most, and returns how many there are.
func goroutinesAtMost(t *testing.T, n int) int {
	t.Helper()
	for deadline := time.Now().Add(time.Second); runtime.NumGoroutine() > n && time.Now().Before(deadline); {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// TestSleepingHelperIsWoken runs with pauses long enough for helpers to sleep.
func TestSleepingHelperIsWoken(t *testing.T) {
	p := compileUnit(t, unitGraph(t), Options{Height: 96, Width: 96, Threads: 2})
	var helped atomic.Bool
	run := p.crew.run
	p.crew.run = func(thread, step, from, to int) {
		if thread == 1 {
			helped.Store(true)
		} else if !helped.Load() {
			time.Sleep(time.Millisecond) // let the helper get its chance on a busy machine
		}
		run(thread, step, from, to)
	}
	for i := 0; i < 200 && !helped.Load(); i++ {
		time.Sleep(5 * time.Millisecond)
		p.Run()
	}
	if !helped.Load() {
		t.Error("the helper took part in none of 200 runs")
	}
}
