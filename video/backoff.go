package video

import (
	"math/rand/v2"
	"time"
)

// backoff is the wait before a lost camera is tried again: it doubles from
// shortest to longest and starts anew after a connection that lasted. Half of it
// is random, so that cameras behind one switch do not come all at once.
type backoff struct {
	shortest, longest time.Duration
	next              time.Duration
}

const lasting = 5 * time.Second

func (b *backoff) wait(lasted time.Duration) time.Duration {
	if lasted >= lasting || b.next < b.shortest {
		b.next = b.shortest
	}
	w := b.next
	b.next = min(2*b.next, b.longest)
	return w/2 + rand.N(w/2+1)
}
