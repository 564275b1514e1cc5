package track

import "math"

// assigner pairs rows with columns of a table of costs so that the sum is least,
// counting a row or column left alone as half of limit: no pair costs limit or
// more, and no cheap pair is given up for two dear ones. It is the Hungarian
// method by shortest augmenting paths (Jonker and Volgenant, 1987), cubic in the
// number of rows. Its memory is kept from call to call.
type assigner struct {
	rowPrice, colPrice []float64
	slack              []float64
	rowOf, from        []int // of columns, counted from 1; 0 is none
	done               []bool
	pairs              []int
}

// solve returns for each row its column or -1; the next call overwrites it.
func (a *assigner) solve(rows, cols int, limit float64, cost func(row, col int) float64) []int {
	a.pairs = resize(a.pairs, rows)
	for r := range a.pairs {
		a.pairs[r] = -1
	}
	if rows == 0 || cols == 0 {
		return a.pairs
	}
	// There must be a column for every row: as many more columns stand for "alone".
	wide := cols + rows
	capped := func(r, c int) float64 {
		if c < cols {
			if v := cost(r, c); v < limit {
				return v
			}
		}
		return limit
	}
	a.rowPrice, a.colPrice = resize(a.rowPrice, rows+1), resize(a.colPrice, wide+1)
	a.slack, a.done = resize(a.slack, wide+1), resize(a.done, wide+1)
	a.rowOf, a.from = resize(a.rowOf, wide+1), resize(a.from, wide+1)
	clear(a.rowPrice)
	clear(a.colPrice)
	clear(a.rowOf)
	for r := 1; r <= rows; r++ {
		a.augment(r, wide, capped)
	}
	for c := 1; c <= cols; c++ {
		if r := a.rowOf[c]; r > 0 && cost(r-1, c-1) < limit {
			a.pairs[r-1] = c - 1
		}
	}
	return a.pairs
}

// augment gives row r a column, moving other rows to other columns along the
// cheapest path.
func (a *assigner) augment(r, cols int, cost func(row, col int) float64) {
	for c := range a.slack {
		a.slack[c] = math.Inf(1)
	}
	clear(a.done)
	clear(a.from)
	a.rowOf[0] = r
	at := 0
	for a.rowOf[at] != 0 {
		a.done[at] = true
		row, step, next := a.rowOf[at], math.Inf(1), 0
		for c := 1; c <= cols; c++ {
			if a.done[c] {
				continue
			}
			if v := cost(row-1, c-1) - a.rowPrice[row] - a.colPrice[c]; v < a.slack[c] {
				a.slack[c], a.from[c] = v, at
			}
			if a.slack[c] < step {
				step, next = a.slack[c], c
			}
		}
		for c := 0; c <= cols; c++ {
			if a.done[c] {
				a.rowPrice[a.rowOf[c]] += step
				a.colPrice[c] -= step
			} else {
				a.slack[c] -= step
			}
		}
		at = next
	}
	for at != 0 {
		before := a.from[at]
		a.rowOf[at] = a.rowOf[before]
		at = before
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
