//go:build !linux

package nn

import (
	"runtime"
	"sync/atomic"
)

// futex is a channel that holds the one call a sleeping helper may get.
type futex struct{ calls chan struct{} }

func (f *futex) init() { f.calls = make(chan struct{}, 1) }

func (f *futex) sleep(*atomic.Uint32) { <-f.calls }

func (f *futex) wake(*atomic.Uint32) { f.calls <- struct{}{} }

// cpuSlot would be a CPU; elsewhere the system places threads.
type cpuSlot struct{}

func newCPUSlots(n int, _ bool) []cpuSlot { return make([]cpuSlot, n-1) }

func (*cpuSlot) occupy() {}

func leaveCallerCPU([]*helper) {}

func yield() { runtime.Gosched() }
