package admission

import (
	"sync"
	"time"
)

// Reclaimer gives memory back to the system after much of it was let go. Go
// would keep it until the next collections, which an idle service has only every
// two minutes.
type Reclaimer struct {
	after int64
	free  func()

	mu      sync.Mutex
	garbage int64
	pending bool
}

// reclaimPause is how long memory lies before it is given back, so that a busy
// service does that once for many requests.
const reclaimPause = time.Second

// NewReclaimer calls free once so many bytes were let go. With a nil free it does
// nothing.
func NewReclaimer(after int64, free func()) *Reclaimer {
	return &Reclaimer{after: after, free: free}
}

// LetGo notes that nobody holds n bytes any more.
func (r *Reclaimer) LetGo(n int64) {
	if r.free == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.garbage += n
	if r.garbage < r.after || r.pending {
		return
	}
	r.pending = true
	time.AfterFunc(reclaimPause, func() {
		r.mu.Lock()
		r.garbage, r.pending = 0, false
		r.mu.Unlock()
		r.free()
	})
}
