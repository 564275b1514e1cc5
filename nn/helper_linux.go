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

// seat is the CPU a helper is pinned to, out of those of its crew. Without
// pinning, the kernel at times puts two threads that talk every few microseconds
// on the same CPU, where each hand-over takes a time slice. The caller of Run is
// never pinned, so it may be found on a helper's CPU, and the kernel would leave
// both there for some milliseconds: then the helper moves to the CPU that is
// left over.
type seat struct {
	crew   []int        // CPUs of the crew, one a thread; empty: nobody is pinned
	cpu    atomic.Int32 // pinned to this one
	thread atomic.Int32 // of the operating system; 0 until it runs
}

// placed counts threads, to spread those of several crews over CPUs.
var placed atomic.Uint32

// newSeats places the helpers of a crew of n threads.
func newSeats(n int) []seat {
	seats := make([]seat, n-1)
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() < 2 {
		return seats
	}
	var cpus []int
	for cpu := range len(allowed) * int(unsafe.Sizeof(allowed[0])) * 8 {
		if allowed.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	crew := make([]int, n)
	for i := range crew {
		crew[i] = cpus[(int(placed.Load())+i)%len(cpus)]
	}
	placed.Add(uint32(n))
	for i := range seats {
		seats[i].crew = crew
		seats[i].cpu.Store(int32(crew[i+1]))
	}
	return seats
}

// take gives the calling goroutine a thread of its own on the seat's CPU.
func (s *seat) take() {
	runtime.LockOSThread()
	s.thread.Store(int32(unix.Gettid()))
	s.pin(int(s.cpu.Load()))
}

// pin may be refused, as in some containers: then the kernel places the thread.
func (s *seat) pin(cpu int) {
	s.cpu.Store(int32(cpu))
	if thread := s.thread.Load(); thread != 0 && len(s.crew) > 0 {
		var one unix.CPUSet
		one.Set(cpu)
		_ = unix.SchedSetaffinity(int(thread), &one)
	}
}

// makeRoom moves a helper away from the CPU of the calling thread.
func makeRoom(helpers []*helper) {
	var cpu uint32
	if len(helpers[0].seat.crew) == 0 {
		return
	}
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); e != 0 {
		return
	}
	for _, h := range helpers {
		if int(h.seat.cpu.Load()) != int(cpu) {
			continue
		}
		if free := freeSeat(helpers, int(cpu)); free >= 0 {
			h.seat.pin(free)
		}
	}
}

// freeSeat returns a CPU of the crew that no helper is pinned to and that is not
// the given one, or -1.
func freeSeat(helpers []*helper, not int) int {
	for _, cpu := range helpers[0].seat.crew {
		free := cpu != not
		for _, h := range helpers {
			free = free && int(h.seat.cpu.Load()) != cpu
		}
		if free {
			return cpu
		}
	}
	return -1
}

// yield lets another thread of this CPU run.
func yield() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
