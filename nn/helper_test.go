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
	before := runtime.NumGoroutine()
	for range 4 {
		compileUnit(t, g, Options{Height: 32, Width: 32, Threads: 3}).Run()
	}
	if n := runtime.NumGoroutine(); n < before+8 {
		t.Fatalf("%d goroutines after four plans of three threads, %d before", n, before)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left, %d before", runtime.NumGoroutine(), before)
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
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
