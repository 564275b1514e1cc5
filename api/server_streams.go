package api

import (
	"context"
	"sync"
)

// streams keeps count of the connections that net/http gave away, WebSockets,
// so that a stopping server can end them: its own Shutdown does not know them.
type streams struct {
	mu      sync.Mutex
	stopped chan struct{} // closed by stop
	over    bool
	open    sync.WaitGroup
}

// begin registers a stream, which must end soon after stop is closed and then
// call end. False if the server has stopped already.
func (st *streams) begin() (stop <-chan struct{}, end func(), ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over {
		return nil, nil, false
	}
	if st.stopped == nil {
		st.stopped = make(chan struct{})
	}
	st.open.Add(1)
	return st.stopped, st.open.Done, true
}

// stop ends every stream and lets no more begin.
func (st *streams) stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over {
		return
	}
	st.over = true
	if st.stopped != nil {
		close(st.stopped)
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
