//go:build !race

package kernel

// every is the share of the tables of cases that tests run: all.
const every = 1
