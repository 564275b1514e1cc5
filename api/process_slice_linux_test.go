package api

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLongSliceIsGivenBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slice := func() time.Duration {
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Skip(err)
		}
		return time.Duration(attr.Runtime)
	}
	before := slice()
	restore := longSlice()
	if noSlices.Load() {
		t.Skip("this system has no slices of one's own")
	}
	if got := slice(); got != workSlice {
		t.Errorf("at work the slice is %v, want %v", got, workSlice)
	}
	restore()
	if got := slice(); got != before {
		t.Errorf("afterwards the slice is %v, want %v", got, before)
	}
}
