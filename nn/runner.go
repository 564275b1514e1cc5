package nn

import (
	"runtime"
	"sync/atomic"
)

// runner lets several threads run a plan's steps in order. Work is claimed, not
// assigned: a thread that the scheduler wakes late finds steps done and never
// holds the others up, so more threads than free CPUs cost little, and with one
// thread none of this is used. The pieces of a step cost about the same, and a
// thread begins with those of its own share: they are in the order of pixels or
// of planes, so it often reads what it wrote itself, out of its own cache.
//
// Counters carry the number of the run in their upper half. A helper that
// comes so late that the next run has begun sees a foreign number and leaves.
type runner struct {
	threads int
	run     func(thread, step, from, to int)
	cuts    [][]int // of each step: the unit at which a piece begins, and the end
	steps   []progress
	epoch   atomic.Uint32
	pool    *threadPool
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

func newRunner(t *threadPool, threads int, cuts [][]int, run func(thread, step, from, to int)) *runner {
	r := &runner{pool: t, threads: threads, run: run, cuts: cuts, steps: make([]progress, len(cuts))}
	for i := range r.steps {
		r.steps[i].claimed = make([]counter, threads)
	}
	return r
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

// runAll returns when every unit of every step is done.
func (r *runner) runAll() {
	epoch := r.epoch.Load() + 1
	for i := range r.steps {
		r.steps[i].done.Store(uint64(epoch) << 32)
		for t := range r.steps[i].claimed {
			r.steps[i].claimed[t].Store(uint64(epoch) << 32)
		}
	}
	r.epoch.Store(epoch)
	helpers := r.pool.start()
	leaveCallerCPU(helpers)
	for _, h := range helpers {
		h.call(r)
	}
	r.help(0)
}

// help takes part in the current run, with the scratch memory of one thread.
func (r *runner) help(thread int) {
	epoch := r.epoch.Load()
	for i := range r.steps {
		p, cuts := &r.steps[i], r.cuts[i]
		pieces := len(cuts) - 1
		for t := range r.threads {
			share := (thread + t) % r.threads
			first, end := share*pieces/r.threads, (share+1)*pieces/r.threads
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
					r.run(thread, i, cuts[piece], cuts[piece+1])
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
