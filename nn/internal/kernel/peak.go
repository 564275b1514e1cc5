package kernel

import "time"

// Peak measures how many multiply-adds a second one core does with isa when
// nothing else is in the way: float32, in registers, the fastest of a few short
// runs. It takes about ten milliseconds and returns 0 for one without a loop
// for it, as pure Go.
func Peak(isa ISA) float64 {
	loop, lanes := peakLoop(isa)
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
