package nn

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// TestForgottenPlansEndTheirThreads: a plan has no Close, so its helpers must
// end with it.
func TestForgottenPlansEndTheirThreads(t *testing.T) {
	g := unitGraph(t)
	before := runtime.NumGoroutine()
	var helpers []*helper
	for range 4 {
		p := compileUnit(t, g, Options{Height: 32, Width: 32, Threads: 3})
		p.Run()
		helpers = append(helpers, p.runner.pool.helpers...)
		runtime.KeepAlive(p)
	}
	if len(helpers) != 8 {
		t.Fatalf("four plans of three threads have %d helpers", len(helpers))
	}
	if !eventually(t, func() bool {
		runtime.GC()
		return !slices.ContainsFunc(helpers, func(h *helper) bool { return !h.quit.Load() })
	}) {
		t.Fatal("no garbage collection ends the helpers of forgotten plans")
	}
	if !eventually(t, func() bool { return runtime.NumGoroutine() <= before }) {
		t.Fatalf("%d goroutines are left, %d before", runtime.NumGoroutine(), before)
	}
}

// eventually tries until ok holds; only the time limit of the whole test run ends
// it before.
func eventually(t *testing.T, ok func() bool) bool {
	deadline, limited := t.Deadline()
	for !ok() {
		if limited && time.Until(deadline) < 5*time.Second {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// TestSleepingHelperIsWoken runs with pauses long enough for helpers to sleep.
func TestSleepingHelperIsWoken(t *testing.T) {
	p := compileUnit(t, unitGraph(t), Options{Height: 96, Width: 96, Threads: 2})
	var helped atomic.Bool
	run := p.runner.run
	p.runner.run = func(thread, step, from, to int) {
		if thread == 1 {
			helped.Store(true)
		} else if !helped.Load() {
			time.Sleep(time.Millisecond) // let the helper get its chance on a busy machine
		}
		run(thread, step, from, to)
	}
	if !eventually(t, func() bool {
		time.Sleep(4 * time.Millisecond)
		p.Run()
		return helped.Load()
	}) {
		t.Error("the helper takes part in no run")
	}
}
