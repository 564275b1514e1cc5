package eval

import (
	"cmp"
	"math"
	"slices"
)

// ClassChange is one category in two reports on the same data set.
type ClassChange struct {
	Category
	Objects    int
	AP, Before float64 // -1 without objects
}

// Change is AP minus Before.
func (c ClassChange) Change() float64 { return c.AP - c.Before }

// Changes compares the classes of a report with those of another one on the same
// data set, the largest change of AP first. Classes without objects are left out.
func (r *Report) Changes(before *Report) []ClassChange {
	was := make(map[int]float64, len(before.Classes))
	for _, c := range before.Classes {
		was[c.ID] = c.AP
	}
	var out []ClassChange
	for _, c := range r.Classes {
		if old, ok := was[c.ID]; ok && c.AP >= 0 && old >= 0 {
			out = append(out, ClassChange{c.Category, c.Objects, c.AP, old})
		}
	}
	slices.SortStableFunc(out, func(a, b ClassChange) int {
		return cmp.Compare(math.Abs(b.Change()), math.Abs(a.Change()))
	})
	return out
}
