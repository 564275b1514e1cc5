package nn

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futex wakes a thread several times faster than a channel wakes a goroutine.
type futex struct{}

const (
	futexWaitPrivate = 128
	futexWakePrivate = 129
)

func (futex) init() {}

// sleep returns once *asleep is not 1, or now and then for nothing.
func (futex) sleep(asleep *atomic.Uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(asleep)), futexWaitPrivate, 1, 0, 0, 0)
}

func (futex) wake(asleep *atomic.Uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(asleep)), futexWakePrivate, 1, 0, 0, 0)
}

// cpuSlot is the CPU a helper is pinned to, out of those of its pool. The caller
// of Run is never pinned, so it may be found on a helper's CPU, and the kernel
// would leave both there for some milliseconds: then the helper moves to the CPU
// that is left over.
type cpuSlot struct {
	cpus   []int        // of the pool, one a thread; empty: nobody is pinned
	cpu    atomic.Int32 // pinned to this one
	thread atomic.Int32 // of the operating system; 0 until it runs
}

// placed counts threads, to spread those of several pools over CPUs.
var placed atomic.Uint32

// newCPUSlots places the helpers of a pool of n threads.
func newCPUSlots(n int, pin bool) []cpuSlot {
	slots := make([]cpuSlot, n-1)
	var allowed unix.CPUSet
	if !pin || unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() < 2 {
		return slots
	}
	var usable []int
	for cpu := range len(allowed) * int(unsafe.Sizeof(allowed[0])) * 8 {
		if allowed.IsSet(cpu) {
			usable = append(usable, cpu)
		}
	}
	cpus := make([]int, n)
	for i := range cpus {
		cpus[i] = usable[(int(placed.Load())+i)%len(usable)]
	}
	placed.Add(uint32(n))
	for i := range slots {
		slots[i].cpus = cpus
		slots[i].cpu.Store(int32(cpus[i+1]))
	}
	return slots
}

// occupy gives the calling goroutine a thread of its own on the slot's CPU.
func (s *cpuSlot) occupy() {
	runtime.LockOSThread()
	s.thread.Store(int32(unix.Gettid()))
	s.pin(int(s.cpu.Load()))
}

// pin may be refused, as in some containers: then the kernel places the thread.
func (s *cpuSlot) pin(cpu int) {
	s.cpu.Store(int32(cpu))
	if thread := s.thread.Load(); thread != 0 && len(s.cpus) > 0 {
		var set unix.CPUSet
		set.Set(cpu)
		_ = unix.SchedSetaffinity(int(thread), &set)
	}
}

// leaveCallerCPU moves a helper away from the CPU of the calling thread.
func leaveCallerCPU(helpers []*helper) {
	var cpu uint32
	if len(helpers[0].slot.cpus) == 0 {
		return
	}
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); e != 0 {
		return
	}
	for _, h := range helpers {
		if int(h.slot.cpu.Load()) != int(cpu) {
			continue
		}
		if free := freeCPU(helpers, int(cpu)); free >= 0 {
			h.slot.pin(free)
		}
	}
}

// freeCPU returns a CPU of the pool that no helper is pinned to and that is not
// the given one, or -1.
func freeCPU(helpers []*helper, not int) int {
	for _, cpu := range helpers[0].slot.cpus {
		free := cpu != not
		for _, h := range helpers {
			free = free && int(h.slot.cpu.Load()) != cpu
		}
		if free {
			return cpu
		}
	}
	return -1
}

// yield lets another thread of this CPU run.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
