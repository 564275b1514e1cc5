package nn

import (
	"testing"

	"golang.org/x/sys/unix"
)

// No thread is pinned unless the program asks for it.
func TestPinHelpers(t *testing.T) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil || allowed.Count() < 2 {
		t.Skip("one CPU: threads are pinned anyway")
	}
	defer PinHelpers(pinHelpers.Load())
	for _, pin := range []bool{false, true} {
		PinHelpers(pin)
		p := compileUnit(t, unitGraph(t), Options{Height: 32, Width: 32, Threads: 2})
		p.Run()
		slot := p.runner.pool.helpers[0].slot
		pinned := func() bool {
			var set unix.CPUSet
			thread := slot.thread.Load()
			return thread != 0 && unix.SchedGetaffinity(int(thread), &set) == nil && set.Count() == 1
		}
		if pin && !eventually(t, pinned) {
			t.Error("the helper is not pinned")
		}
		if !pin && (!eventually(t, func() bool { return slot.thread.Load() != 0 }) || pinned()) {
			t.Error("the helper is pinned")
		}
	}
}
