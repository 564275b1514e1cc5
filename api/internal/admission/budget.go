package admission

import "sync"

// Budget bounds the bytes of bodies that all requests hold together. A quarter
// of it is for small bodies only: a few large uploads, however slow, do not keep
// out the pictures of ordinary cameras.
type Budget struct {
	limit   int64
	reserve int64 // of limit, for small bodies

	mu    sync.Mutex
	used  int64 // by all
	large int64 // of used, by large bodies
}

// SmallBody is the size in bytes up to which a body is small.
const SmallBody = 1 << 20

// NewBudget makes a budget of limit bytes, in which a body of the largest size
// always fits twice if it fits at all.
func NewBudget(limit, largest int64) *Budget {
	return &Budget{limit: limit, reserve: min(limit/4, max(0, limit-2*largest))}
}

// Used is how many bytes are held now.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Claim is what one body holds of a budget. It is not safe for concurrent
// callers.
type Claim struct {
	budget *Budget
	held   int64
}

// Claim begins with nothing.
func (b *Budget) Claim() *Claim { return &Claim{budget: b} }

// Take takes n bytes more; false if there is no room for them.
func (c *Claim) Take(n int64) bool {
	b := c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return false
	}
	if c.held+n > SmallBody {
		more := n
		if c.held <= SmallBody {
			more += c.held // all of it is large now
		}
		if b.large+more > b.limit-b.reserve {
			return false
		}
		b.large += more
	}
	b.used += n
	c.held += n
	return true
}

// Held is how many bytes the claim holds.
func (c *Claim) Held() int64 { return c.held }

// Free gives everything back.
func (c *Claim) Free() {
	b := c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= c.held
	if c.held > SmallBody {
		b.large -= c.held
	}
	c.held = 0
}
