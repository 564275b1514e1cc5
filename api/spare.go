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
const spareProcessors = 2

var spare struct {
	sync.Mutex
	users  int
	before int
}

// spareProcessor raises GOMAXPROCS above what the workers take, until release
// is called. It keeps to what the environment's GOMAXPROCS says.
func spareProcessor(workers int) (release func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	spare.Lock()
	defer spare.Unlock()
	if spare.users == 0 {
		spare.before = runtime.GOMAXPROCS(0)
	}
	spare.users++
	if want := workers + spareProcessors; want > runtime.GOMAXPROCS(0) {
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
	for _, m := range reg.models {
		n += m.Workers * m.Threads
	}
	return min(n, runtime.NumCPU())
}
