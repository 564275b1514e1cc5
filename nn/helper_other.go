//go:build !linux

package nn

import "sync/atomic"

// bed is a channel that holds the one call a sleeping helper may get.
type bed struct{ calls chan struct{} }

func (b *bed) init() { b.calls = make(chan struct{}, 1) }

func (b *bed) sleep(*atomic.Uint32) { <-b.calls }

func (b *bed) wake(*atomic.Uint32) { b.calls <- struct{}{} }

func settle() {}
