//go:build !amd64

package kernel

// peakLoop has no loop for this processor.
func peakLoop(ISA) (loop func(rounds int), lanes int) { return nil, 0 }
