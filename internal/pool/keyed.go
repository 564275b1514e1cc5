package pool

import (
	"context"
	"slices"
	"sync"
)

// Keyed holds workers that each fit one key, such as a size of pictures. The
// first of a key is made, which may take long, others are cloned from it; what
// was made for the keys used last is kept. It is safe for concurrent use.
type Keyed[K comparable, W any] struct {
	tickets *Pool[struct{}] // one for each worker that may be busy
	keep    int
	idles   int
	make    func(K) (W, error)
	clone   func(W) (W, error)

	making sync.Mutex // held while a worker is made
	mu     sync.Mutex // guards what follows
	idle   []keyed[K, W]
	origin []keyed[K, W] // of the keys used last: the worker that others are cloned from
}

type keyed[K comparable, W any] struct {
	key    K
	worker W
}

// NewKeyed makes a pool of which n workers may be busy at a time and that
// remembers keep keys. make is not called from two goroutines at a time; clone
// is, also while its argument is at work.
func NewKeyed[K comparable, W any](n, keep int, make func(K) (W, error), clone func(W) (W, error)) *Keyed[K, W] {
	ticket := func() (struct{}, error) { return struct{}{}, nil }
	return &Keyed[K, W]{tickets: New(struct{}{}, n, ticket), keep: keep, idles: max(n, keep), make: make, clone: clone}
}

// Acquire waits until fewer than n workers are busy and returns one for the key,
// which must go back with [Keyed.Release]. It returns ctx's error if ctx ends
// first.
func (p *Keyed[K, W]) Acquire(ctx context.Context, key K) (W, error) {
	if _, err := p.tickets.Acquire(ctx); err != nil {
		var none W
		return none, err
	}
	w, err := p.take(key)
	if err != nil {
		p.tickets.Release(struct{}{})
	}
	return w, err
}

// take returns an idle worker, else a new one.
func (p *Keyed[K, W]) take(key K) (W, error) {
	w, idle, origin, known := p.find(key)
	switch {
	case idle:
		return w, nil
	case known:
		return p.clone(origin)
	}
	p.making.Lock()
	defer p.making.Unlock()
	// Somebody may have made one meanwhile.
	switch w, idle, origin, known = p.find(key); {
	case idle:
		return w, nil
	case known:
		return p.clone(origin)
	}
	w, err := p.make(key)
	if err != nil {
		return w, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.origin) == p.keep {
		p.origin = slices.Delete(p.origin, 0, 1)
	}
	p.origin = append(p.origin, keyed[K, W]{key, w})
	return w, nil
}

// find takes an idle worker of the key, the one used last, and looks up the
// key's origin, which it marks as used.
func (p *Keyed[K, W]) find(key K) (w W, idle bool, origin W, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := last(p.origin, key); i >= 0 {
		o := p.origin[i]
		p.origin = append(slices.Delete(p.origin, i, i+1), o)
		origin, known = o.worker, true
	}
	if i := last(p.idle, key); i >= 0 {
		w, idle = p.idle[i].worker, true
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	return w, idle, origin, known
}

func last[K comparable, W any](list []keyed[K, W], key K) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].key == key {
			return i
		}
	}
	return -1
}

// Release gives a worker of a key back. If too many are idle, the one that has
// been for longest is forgotten.
func (p *Keyed[K, W]) Release(key K, w W) {
	p.mu.Lock()
	if len(p.idle) == p.idles {
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.idle = append(p.idle, keyed[K, W]{key, w})
	p.mu.Unlock()
	p.tickets.Release(struct{}{})
}
