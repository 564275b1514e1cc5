package nn

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bed is a futex: it wakes a thread several times faster than a channel wakes
// a goroutine.
type bed struct{}

const (
	futexWaitPrivate = 128
	futexWakePrivate = 129
)

func (bed) init() {}

// sleep returns once *asleep is not 1, or now and then for nothing.
func (bed) sleep(asleep *atomic.Uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(asleep)), futexWaitPrivate, 1, 0, 0, 0)
}

func (bed) wake(asleep *atomic.Uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(asleep)), futexWakePrivate, 1, 0, 0, 0)
}

// placed counts helpers, to spread them over CPUs.
var placed atomic.Uint32

// settle gives the calling goroutine a thread of its own on one CPU. Without
// that, the kernel at times puts two threads that talk every few microseconds
// on the same CPU, where each hand-over takes a time slice. The caller of Run is
// never pinned: with its helpers fixed, it ends up on the CPU that is left.
func settle() {
	runtime.LockOSThread()
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() < 2 {
		return
	}
	skip := int(placed.Add(1)) % allowed.Count()
	for cpu := range len(allowed) * int(unsafe.Sizeof(allowed[0])) * 8 {
		if !allowed.IsSet(cpu) {
			continue
		}
		if skip == 0 {
			var one unix.CPUSet
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one) // refused in some containers: then the kernel places us
			return
		}
		skip--
	}
}
