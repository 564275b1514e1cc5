// Package vec holds the loops around the networks that are worth vector
// instructions: layouts and weighted sums of RoIAlign, the search for the best
// points, the photo's way from JPEG blocks to sampled rows. Each has a pure Go
// form and, on amd64, an AVX2 form.
//
// Functions check their lengths in Go and panic where a slice is too short; the
// assembly behind them then reads and writes exactly what the slices hold.
package vec
