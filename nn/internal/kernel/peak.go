package kernel

import "time"

// Peak measures how many multiply-adds a second one core does on path when
// nothing else is in the way: float32, in registers, the fastest of a few short
// runs. It takes about ten milliseconds and returns 0 for a path without a loop
// for it, as pure Go.
func Peak(path Path) float64 {
	loop, lanes := peakLoop(path)
	if loop == nil {
		return 0
	}
	const rounds, chains = 100_000, 12
	best := time.Duration(1<<63 - 1)
	for range 20 {
		start := time.Now()
		loop(rounds)
		best = min(best, time.Since(start))
	}
	return float64(rounds*chains*lanes) / best.Seconds()
}
