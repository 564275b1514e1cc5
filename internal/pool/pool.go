// Package pool hands out workers to concurrent callers.
package pool

import "context"

// Pool holds workers of a type, which are made when first needed. It is safe for
// concurrent use.
type Pool[T any] struct {
	free      chan T
	unmade    chan struct{} // one for each worker that may still be made
	newWorker func() (T, error)
}

// New makes a pool of at most n workers; newWorker makes all but the first one. It
// may be called from several goroutines at a time.
func New[T any](first T, n int, newWorker func() (T, error)) *Pool[T] {
	p := &Pool[T]{make(chan T, n), make(chan struct{}, n), newWorker}
	p.free <- first
	for range n - 1 {
		p.unmade <- struct{}{}
	}
	return p
}

// Acquire waits for a worker, which must go back with [Pool.Release]. One is made
// only if all that there are are busy. It returns ctx's error if ctx ends first.
func (p *Pool[T]) Acquire(ctx context.Context) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	select {
	case w := <-p.free:
		return w, nil
	default:
	}
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case w := <-p.free:
		return w, nil
	case <-p.unmade:
	}
	w, err := p.newWorker()
	if err != nil {
		p.unmade <- struct{}{}
		return none, err
	}
	return w, nil
}

// Release gives a worker back.
func (p *Pool[T]) Release(w T) { p.free <- w }
