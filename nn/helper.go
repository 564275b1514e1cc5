package nn

import "sync/atomic"

// helper is a thread that waits to be called by its crew. It keeps looking for
// some ten microseconds after each run, since the next one often follows at
// once, and then sleeps.
type helper struct {
	thread int // 1, 2, ...: 0 is the caller of Run
	seat   *seat
	job    atomic.Pointer[crew]
	quit   atomic.Bool
	asleep atomic.Uint32
	bed    bed
}

// spinsBeforeSleep bounds what an idle helper costs after a run.
const spinsBeforeSleep = 50_000

func newHelper(thread int, s *seat) *helper {
	h := &helper{thread: thread, seat: s}
	h.bed.init()
	go h.loop()
	return h
}

func dismiss(helpers []*helper) {
	for _, h := range helpers {
		h.quit.Store(true)
		h.wake()
	}
}

// call asks the helper to work for c, now or as soon as it can.
func (h *helper) call(c *crew) {
	h.job.Store(c)
	h.wake()
}

func (h *helper) wake() {
	if h.asleep.CompareAndSwap(1, 0) {
		h.bed.wake(&h.asleep)
	}
}

func (h *helper) loop() {
	h.seat.take()
	for !h.quit.Load() {
		h.wait()
		if c := h.job.Swap(nil); c != nil {
			c.help(h.thread)
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
		h.bed.sleep(&h.asleep)
	} else if !h.asleep.CompareAndSwap(1, 0) {
		h.bed.sleep(&h.asleep) // somebody is waking us: take the call
	}
}
