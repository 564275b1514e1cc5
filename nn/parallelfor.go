package nn

// sharing lets a plan's threads do work that is no step of the plan. Its one
// step has a fixed number of pieces, so that the runner's tables never change; job
// and n are only read by threads that hold a piece.
type sharing struct {
	runner *runner
	job    func(thread, from, to int)
	n      int
}

// newSharing makes one that calls the helpers of another runner.
func newSharing(r *runner) *sharing {
	s := &sharing{}
	pieces := 2 * piecesPerThread * r.threads
	s.runner = newRunner(r.pool, r.threads, [][]int{cut(pieces, pieces, nil)}, func(thread, _, from, to int) {
		if from, to = from*s.n/pieces, to*s.n/pieces; from < to {
			s.job(thread, from, to)
		}
	})
	return s
}

// Threads is the number of threads that share a run.
func (p *Plan) Threads() int { return p.threads }

// ParallelFor cuts 0 to n-1 into ranges [from, to) and calls f for each, on the plan's
// threads, 0 to Threads()-1; it returns when all are done. It is for the work
// between two runs and, like Run, must not be called while the plan is in use.
// Nothing is allocated.
func (p *Plan) ParallelFor(n int, f func(thread, from, to int)) {
	if p.sharing == nil || n < 2 {
		if n > 0 {
			f(0, 0, n)
		}
		return
	}
	p.sharing.job, p.sharing.n = f, n
	p.sharing.runner.runAll()
	p.sharing.job = nil
}

// JoinThreads lets p run on the threads of another plan that is never run at the
// same time, so that those are awake when p is next and no CPU has two helpers.
// It does nothing unless both plans have as many threads.
func (p *Plan) JoinThreads(other *Plan) {
	if p.threads == other.threads && p.runner != nil {
		p.runner.pool, p.sharing.runner.pool = other.runner.pool, other.runner.pool
	}
}
