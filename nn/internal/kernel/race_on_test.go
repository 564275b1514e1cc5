//go:build race

package kernel

// every is the share of the tables of cases that tests run: the race detector
// makes the reference loops twenty times slower, and one case in seven is
// plenty for it.
const every = 7
