package nn

import (
	"runtime"
	"sync/atomic"
)

// crew lets several threads run a plan's steps in order. Work is claimed, not
// assigned: a thread that the scheduler wakes late finds steps done and never
// holds the others up, so more threads than free CPUs cost little, and with one
// thread none of this is used. The pieces of a step cost about the same, and a
// thread begins with those of its own share: they are in the order of pixels or
// of planes, so it often reads what it wrote itself, out of its own cache.
//
// Counters carry the number of the run in their upper half. A helper that
// comes so late that the next run has begun sees a foreign number and leaves.
type crew struct {
	threads int
	run     func(thread, step, from, to int)
	cuts    [][]int // of each step: the unit at which a piece begins, and the end
	steps   []progress
	epoch   atomic.Uint32
	team    *team
}

// progress is one step's counters.
type progress struct {
	claimed []counter // of each thread's share of the pieces
	done    counter   // pieces finished by anybody
}

// counter has a cache line of its own.
type counter struct {
	atomic.Uint64
	_ [56]byte
}

func newCrew(t *team, threads int, cuts [][]int, run func(thread, step, from, to int)) *crew {
	c := &crew{team: t, threads: threads, run: run, cuts: cuts, steps: make([]progress, len(cuts))}
	for i := range c.steps {
		c.steps[i].claimed = make([]counter, threads)
	}
	return c
}

// piecesPerThread is how finely steps are cut: a thread that comes late leaves
// some to the others.
const piecesPerThread = 2

// cut divides units into at most n pieces that cost about the same; cost may be
// nil if all units cost the same.
func cut(units, n int, cost func(unit int) int) []int {
	total := units
	if cost != nil {
		total = 0
		for u := range units {
			total += cost(u)
		}
	}
	cuts, sum := []int{0}, 0
	for u := range units {
		c := 1
		if cost != nil {
			c = cost(u)
		}
		// A piece ends before the unit whose greater part belongs to the next.
		if last := cuts[len(cuts)-1]; u > last && (2*sum+c)*n >= 2*len(cuts)*total {
			cuts = append(cuts, u)
		}
		sum += c
	}
	return append(cuts, units)
}

// team is the helpers of a plan, or of several that take turns. They start with
// the first run and end when the last of the plans is forgotten: helpers know a
// crew only while they work for it.
type team struct {
	size    int
	helpers []*helper
}

func (t *team) start() []*helper {
	if t.helpers == nil {
		seats := newSeats(t.size)
		for i := range seats {
			t.helpers = append(t.helpers, newHelper(i+1, &seats[i]))
		}
		runtime.AddCleanup(t, dismiss, t.helpers)
	}
	return t.helpers
}

// runAll returns when every unit of every step is done.
func (c *crew) runAll() {
	epoch := c.epoch.Load() + 1
	for i := range c.steps {
		c.steps[i].done.Store(uint64(epoch) << 32)
		for t := range c.steps[i].claimed {
			c.steps[i].claimed[t].Store(uint64(epoch) << 32)
		}
	}
	c.epoch.Store(epoch)
	helpers := c.team.start()
	makeRoom(helpers)
	for _, h := range helpers {
		h.call(c)
	}
	c.help(0)
}

// help takes part in the current run, with the scratch memory of one thread.
func (c *crew) help(thread int) {
	epoch := c.epoch.Load()
	for i := range c.steps {
		p, cuts := &c.steps[i], c.cuts[i]
		pieces := len(cuts) - 1
		for t := range c.threads {
			share := (thread + t) % c.threads
			first, end := share*pieces/c.threads, (share+1)*pieces/c.threads
			claimed := &p.claimed[share]
			for {
				v := claimed.Load()
				if uint32(v>>32) != epoch {
					return
				}
				piece := first + int(uint32(v))
				if piece >= end {
					break
				}
				if claimed.CompareAndSwap(v, v+1) {
					c.run(thread, i, cuts[piece], cuts[piece+1])
					p.done.Add(1)
				}
			}
		}
		for spins := 1; ; spins++ {
			v := p.done.Load()
			if uint32(v>>32) != epoch {
				return
			}
			if int(uint32(v)) >= pieces {
				break
			}
			if spins%spinsBeforeGosched == 0 {
				runtime.Gosched()
			} else if spins%spinsBeforeYield == 0 {
				yield()
			}
		}
	}
}

// spinsBeforeYield is some microseconds: longer than the usual wait at the
// end of a step, shorter than a time slice lost if another thread needs this
// CPU to finish its share. The system is asked, not Go's scheduler: a helper is
// locked to its thread, and Gosched would pass its processor to a second thread
// and back, which costs more than the step. That is for a wait of milliseconds
// only, when the other thread may be lacking a processor of Go's.
const (
	spinsBeforeYield   = 2000
	spinsBeforeGosched = 1000 * spinsBeforeYield
)
