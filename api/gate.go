package api

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

var errGateFull = errors.New("queue full")

// gate admits a bounded number of workers, lets a bounded number more wait in
// the order they came, and turns the rest away at once.
type gate struct {
	slots   chan struct{}
	limit   int64        // may wait
	waiting atomic.Int64 // do wait
	mean    atomic.Int64 // of the time a slot is held, nanoseconds, moving
}

func newGate(workers, queue int) *gate {
	return &gate{slots: make(chan struct{}, workers), limit: int64(queue)}
}

// enter waits for a slot. The caller must leave with what it returns. The error
// is errGateFull at once, or the context's.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case g.slots <- struct{}{}:
		return g.ticket(), nil
	default:
	}
	if g.waiting.Add(1) > g.limit {
		g.waiting.Add(-1)
		return nil, errGateFull
	}
	defer g.waiting.Add(-1)
	return g.wait(ctx)
}

// enterAgain is enter for the later pictures of a request that was let in once:
// the queue's limit does not turn it away half done.
func (g *gate) enterAgain(ctx context.Context) (leave func(), err error) {
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	return g.wait(ctx)
}

func (g *gate) wait(ctx context.Context) (func(), error) {
	select {
	case g.slots <- struct{}{}:
		return g.ticket(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (g *gate) ticket() func() {
	start := time.Now()
	return func() {
		took := int64(time.Since(start))
		// A racing update loses one sample of an average: harmless.
		if old := g.mean.Load(); old > 0 {
			took = old + (took-old)/8
		}
		g.mean.Store(max(took, 1))
		<-g.slots
	}
}

// full tells whether enter would be turned away now.
func (g *gate) full() bool {
	return len(g.slots) == cap(g.slots) && g.waiting.Load() >= g.limit
}

// retryAfter estimates when the queue that is there now will be done.
func (g *gate) retryAfter() time.Duration {
	ahead := g.waiting.Load() + int64(len(g.slots))
	return max(time.Second, time.Duration(ahead*g.mean.Load()/int64(cap(g.slots))))
}
