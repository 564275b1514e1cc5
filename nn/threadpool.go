package nn

import (
	"runtime"
	"sync/atomic"
)

// threadPool is the helpers of a plan, or of several that take turns. They start
// with the first run and end when the last of the plans is forgotten: helpers know
// a runner only while they work for it.
type threadPool struct {
	size    int // threads, the caller of Run included
	helpers []*helper
}

func (t *threadPool) start() []*helper {
	if t.helpers == nil {
		slots := newCPUSlots(t.size, pinHelpers.Load())
		for i := range slots {
			t.helpers = append(t.helpers, newHelper(i+1, &slots[i]))
		}
		runtime.AddCleanup(t, stopHelpers, t.helpers)
	}
	return t.helpers
}

var pinHelpers atomic.Bool

// PinHelpers says whether the threads that plans of several threads start from
// now on are pinned to a CPU each, on Linux. A program that has the CPUs to itself
// gains by it: without pinning, the kernel at times puts two threads that talk
// every few microseconds on one CPU, where each hand-over takes a time slice. It
// is off by default, because a library does not know what else its process runs.
// Only the engine's own threads are pinned, never the caller of Run.
func PinHelpers(on bool) { pinHelpers.Store(on) }

// helper is a thread that waits to be called by a runner. It keeps looking for
// some ten microseconds after each run, since the next one often follows at
// once, and then sleeps.
type helper struct {
	thread int // 1, 2, ...: 0 is the caller of Run
	slot   *cpuSlot
	job    atomic.Pointer[runner]
	quit   atomic.Bool
	asleep atomic.Uint32
	futex  futex
}

// spinsBeforeSleep bounds what an idle helper costs after a run.
const spinsBeforeSleep = 50_000

func newHelper(thread int, s *cpuSlot) *helper {
	h := &helper{thread: thread, slot: s}
	h.futex.init()
	go h.loop()
	return h
}

func stopHelpers(helpers []*helper) {
	for _, h := range helpers {
		h.quit.Store(true)
		h.wake()
	}
}

// call asks the helper to work for r, now or as soon as it can.
func (h *helper) call(r *runner) {
	h.job.Store(r)
	h.wake()
}

func (h *helper) wake() {
	if h.asleep.CompareAndSwap(1, 0) {
		h.futex.wake(&h.asleep)
	}
}

func (h *helper) loop() {
	h.slot.occupy()
	for !h.quit.Load() {
		h.wait()
		if r := h.job.Swap(nil); r != nil {
			r.help(h.thread)
		}
	}
}

// wait returns when there is a job or an end, or now and then for nothing.
func (h *helper) wait() {
	for range spinsBeforeSleep {
		if h.job.Load() != nil {
			return
		}
	}
	h.asleep.Store(1)
	if h.job.Load() == nil && !h.quit.Load() {
		h.futex.sleep(&h.asleep)
	} else if !h.asleep.CompareAndSwap(1, 0) {
		h.futex.sleep(&h.asleep) // somebody is waking us: take the call
	}
}
