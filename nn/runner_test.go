package nn

import "testing"

// Pieces cover all units in order, none is empty, and none costs more than its
// part and a unit.
func TestCut(t *testing.T) {
	t.Parallel()
	for units := 1; units <= 40; units++ {
		for n := 1; n <= 12; n++ {
			for shape, cost := range map[string]func(int) int{
				"equal": nil, "falling": func(u int) int { return 3 * (units - u) }, "first": func(u int) int { return 1 + 50*int(b2i(u == 0)) },
				"last": func(u int) int { return 1 + 50*int(b2i(u == units-1)) },
			} {
				cuts := cut(units, n, cost)
				if len(cuts)-1 > min(n, units) || cuts[0] != 0 || cuts[len(cuts)-1] != units {
					t.Fatalf("%d units, %d pieces, %s: %v", units, n, shape, cuts)
				}
				if cost == nil {
					cost = func(int) int { return 1 }
				}
				total, most := 0, 0
				for u := range units {
					total += cost(u)
					most = max(most, cost(u))
				}
				for i := range len(cuts) - 1 {
					sum := 0
					for u := cuts[i]; u < cuts[i+1]; u++ {
						sum += cost(u)
					}
					if cuts[i] >= cuts[i+1] || sum > (total+n-1)/n+most {
						t.Fatalf("%d units, %d pieces, %s: %v: piece %d costs %d of %d", units, n, shape, cuts, i, sum, total)
					}
				}
			}
		}
	}
}
