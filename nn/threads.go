package nn

import (
	"runtime"
	"sync/atomic"
)

// crew lets several goroutines run a plan's steps in order. Work is claimed,
// not assigned: a goroutine that the scheduler starts late finds the steps
// done and never holds the others up, so more threads than free CPUs cost
// little, and one thread pays nothing at all (it does not come here).
//
// Counters carry the number of the run in their upper half. A goroutine left
// over from an earlier run sees a foreign number and leaves.
type crew struct {
	threads int
	run     func(thread, step, from, to int)
	units   []int
	steps   []progress
	joined  atomic.Uint64 // goroutines taking part in the current run
	work    func()
}

// progress is one step's counters, each on a cache line of its own.
type progress struct {
	next atomic.Uint64 // units claimed
	_    [56]byte
	done atomic.Uint64 // units finished
	_    [56]byte
}

func newCrew(threads int, units []int, run func(thread, step, from, to int)) *crew {
	c := &crew{threads: threads, run: run, units: units, steps: make([]progress, len(units))}
	c.work = c.join // bound once, so that starting it allocates nothing
	return c
}

// runAll returns when every unit of every step is done.
func (c *crew) runAll() {
	epoch := uint32(c.joined.Load()>>32) + 1
	for i := range c.steps {
		c.steps[i].done.Store(uint64(epoch) << 32)
		c.steps[i].next.Store(uint64(epoch) << 32)
	}
	c.joined.Store(uint64(epoch)<<32 | 1)
	for range c.threads - 1 {
		go c.work()
	}
	c.help(epoch, 0)
}

// join takes part in the current run under a thread number of its own, which
// says whose scratch memory it may use.
func (c *crew) join() {
	v := c.joined.Add(1)
	if thread := int(uint32(v)) - 1; thread < c.threads {
		c.help(uint32(v>>32), thread)
	}
}

func (c *crew) help(epoch uint32, thread int) {
	for i := range c.steps {
		p, units := &c.steps[i], c.units[i]
		chunk := max(1, (units+2*c.threads-1)/(2*c.threads))
		for {
			v := p.next.Load()
			if uint32(v>>32) != epoch {
				return
			}
			from := int(uint32(v))
			if from >= units {
				break
			}
			to := min(from+chunk, units)
			if p.next.CompareAndSwap(v, v+uint64(to-from)) {
				c.run(thread, i, from, to)
				p.done.Add(uint64(to - from))
			}
		}
		for spins := 0; ; spins++ {
			v := p.done.Load()
			if uint32(v>>32) != epoch {
				return
			}
			if int(uint32(v)) >= units {
				break
			}
			if spins%spinsBeforeYield == spinsBeforeYield-1 {
				runtime.Gosched()
			}
		}
	}
}

// spinsBeforeYield is some microseconds: longer than the usual wait at the
// end of a step, shorter than a time slice lost if another thread needs this
// CPU to finish its share.
const spinsBeforeYield = 2000
