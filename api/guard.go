package api

import (
	"fmt"
	"runtime/debug"
)

// guarded turns a panic in a goroutine of ours into an error: outside of the
// handler's own goroutine nobody else would catch it.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
