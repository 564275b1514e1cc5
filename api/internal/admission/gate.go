// Package admission decides who may work and who has to wait or go: a bounded
// queue before the workers of a model ([Gate]), a line of its own for pictures
// that take much memory ([Large]), a budget of bytes for request bodies
// ([Budget]), and when memory that was let go is given back ([Reclaimer]). It
// knows nothing of HTTP or pictures.
package admission

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrFull turns a request away because as many as may wait do.
var ErrFull = errors.New("queue full")

// Gate admits a bounded number of workers, lets a bounded number more wait in
// the order they came, and turns the rest away at once.
//
// A long queue is good for a burst and bad for a flood: in a flood it never
// empties, and all it does is to make everybody wait. So once the queue has
// stood for longer than a burst that fills it would take to be worked off, it is
// kept short, until nobody had to be turned away for a while: one waits for every
// two workers, which is enough to keep them at work, and those who are let in
// wait for about half a picture. Who would rather wait than be turned away says
// for how long. The idea is that of adaptive queues in B. Maurer, "Fail at
// Scale", ACM Queue 13(8), 2015.
type Gate struct {
	slots chan struct{}
	burst int           // may wait for a moment
	wait  time.Duration // that is bearable in a flood; 0 for as short as can be

	mu       sync.Mutex
	waiting  int           // do wait
	standing time.Time     // since when somebody waits
	flood    time.Time     // until when the queue is kept short
	mean     time.Duration // of the time a slot is held, moving
}

// calm is how long after the last refusal a flood is over, and the shortest
// time that a queue must stand to make one.
const calm = time.Second

// NewGate makes a gate for so many workers. In a burst queue more may wait; in a
// flood as many as are let in within wait, or, if that is 0, one for every two
// workers.
func NewGate(workers, queue int, wait time.Duration) *Gate {
	return &Gate{slots: make(chan struct{}, workers), burst: queue, wait: wait}
}

// Enter waits for a slot. The caller must leave with what it returns. The error
// is ErrFull at once, or the context's.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case g.slots <- struct{}{}:
		return g.ticket(), nil
	default:
	}
	if !g.queue(true) {
		return nil, ErrFull
	}
	return g.slot(ctx)
}

// EnterAgain is Enter for the later pictures of a request that was let in once:
// the queue's limit does not turn it away half done.
func (g *Gate) EnterAgain(ctx context.Context) (leave func(), err error) {
	g.queue(false)
	return g.slot(ctx)
}

// queue takes a place in the queue; false if limited and there is none.
func (g *Gate) queue(limited bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if limited && !g.room() {
		return false
	}
	if g.waiting == 0 {
		g.standing = time.Now()
	}
	g.waiting++
	return true
}

// room tells whether one more may wait.
func (g *Gate) room() bool {
	now := time.Now()
	// Before the first picture is done nobody knows how long a burst takes.
	if g.waiting > 0 && g.mean > 0 && now.Sub(g.standing) > g.patience() && now.After(g.flood) {
		g.flood = now.Add(calm)
	}
	if now.After(g.flood) {
		return g.waiting < g.burst
	}
	if g.waiting < g.short() {
		return true
	}
	g.flood = now.Add(calm)
	return false
}

// short is how many may wait in a flood.
func (g *Gate) short() int {
	n := (cap(g.slots) + 1) / 2
	if g.mean > 0 {
		n = max(n, int(g.wait*time.Duration(cap(g.slots))/g.mean))
	}
	return min(n, g.burst)
}

// patience is how long the queue may stand: a quarter more than a full one needs
// to be worked off.
func (g *Gate) patience() time.Duration {
	return max(calm, 5*time.Duration(g.burst)*g.mean/time.Duration(4*cap(g.slots)))
}

// slot holds a place in the queue until there is a slot.
func (g *Gate) slot(ctx context.Context) (func(), error) {
	defer func() {
		g.mu.Lock()
		g.waiting--
		g.mu.Unlock()
	}()
	select {
	case g.slots <- struct{}{}:
		return g.ticket(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ticket gives the slot back when it is called, and notes how long it was held.
func (g *Gate) ticket() func() {
	start := time.Now()
	return func() {
		took := time.Since(start)
		g.mu.Lock()
		if g.mean > 0 {
			took = g.mean + (took-g.mean)/8
		}
		g.mean = max(took, 1)
		g.mu.Unlock()
		<-g.slots
	}
}

// Full tells whether Enter would turn somebody away now.
func (g *Gate) Full() bool {
	if len(g.slots) < cap(g.slots) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.room()
}

// Busy is how many workers are at work.
func (g *Gate) Busy() int { return len(g.slots) }

// Limit is how many may wait in a burst.
func (g *Gate) Limit() int { return g.burst }

// Waiting is how many wait.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// RetryAfter estimates when the queue that is there now will be done.
func (g *Gate) RetryAfter() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	ahead := time.Duration(g.waiting + len(g.slots))
	return max(calm, ahead*g.mean/time.Duration(cap(g.slots)))
}
