//go:build race

package backbone

// underRace: the race detector makes kernels some twenty times slower and has
// nothing to find in numbers, so tests of numbers take a sample under it.
const underRace = true
