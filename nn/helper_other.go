//go:build !linux

package nn

import (
	"runtime"
	"sync/atomic"
)

// bed is a channel that holds the one call a sleeping helper may get.
type bed struct{ calls chan struct{} }

func (b *bed) init() { b.calls = make(chan struct{}, 1) }

func (b *bed) sleep(*atomic.Uint32) { <-b.calls }

func (b *bed) wake(*atomic.Uint32) { b.calls <- struct{}{} }

// seat would be a CPU; elsewhere the system places threads.
type seat struct{}

func newSeats(n int) []seat { return make([]seat, n-1) }

func (*seat) take() {}

func makeRoom([]*helper) {}

func yield() { runtime.Gosched() }
