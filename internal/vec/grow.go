package vec

import "slices"

// Grow returns a slice of n elements whose values do not matter, in the memory of
// s where it is large enough.
func Grow[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
