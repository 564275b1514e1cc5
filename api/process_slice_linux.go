package api

import (
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A thread that works on a picture runs for tens of milliseconds without a
// pause. Left to the defaults, Linux lets it finish its time slice before it
// runs a thread that has just woken up to refuse a request. Since 6.12 a thread
// may ask for a slice of its own; one with a longer slice gets no more of the
// processor, but gives way at once to those with a shorter one. This needs no
// privilege and, unlike a nice value, takes nothing from the pictures when other
// programs want the processor.
const workSlice = 20 * time.Millisecond

// noSlices is set when the system has no such thing, or does not permit it.
var noSlices atomic.Bool

// longSlice makes the calling goroutine's thread one that gives way, until
// restore is called.
func longSlice() (restore func()) {
	if noSlices.Load() {
		return func() {}
	}
	runtime.LockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err == nil && before.Policy == unix.SCHED_NORMAL && before.Runtime > 0 { // older systems say 0
		long := *before
		long.Runtime = uint64(workSlice)
		if unix.SchedSetAttr(0, &long, 0) == nil {
			return func() {
				_ = unix.SchedSetAttr(0, before, 0) // what was there a moment ago is allowed
				runtime.UnlockOSThread()
			}
		}
	}
	noSlices.Store(true)
	runtime.UnlockOSThread()
	return func() {}
}
