package api

import (
	"context"
	"sync"
)

// streams keeps count of the connections that net/http gave away, WebSockets,
// so that a stopping server can end them: its own Shutdown does not know them.
type streams struct {
	mu      sync.Mutex
	stopped bool
	cancels map[*stream]struct{}
	open    sync.WaitGroup
}

type stream struct{ cancel context.CancelCauseFunc }

// begin registers a stream; its context ends when the server stops. False if it
// has stopped already. The caller must call end.
func (st *streams) begin(ctx context.Context) (_ context.Context, end func(), ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancelCause(ctx)
	one := &stream{cancel}
	if st.cancels == nil {
		st.cancels = map[*stream]struct{}{}
	}
	st.cancels[one] = struct{}{}
	st.open.Add(1)
	return ctx, func() {
		cancel(nil)
		st.mu.Lock()
		delete(st.cancels, one)
		st.mu.Unlock()
		st.open.Done()
	}, true
}

// stop ends every stream and lets no more begin.
func (st *streams) stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stopped = true
	for one := range st.cancels {
		one.cancel(errStopping)
	}
}

// wait returns when all streams have ended, or with ctx's error.
func (st *streams) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		st.open.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
