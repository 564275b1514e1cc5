package kernel

import "testing"

// Every micro-kernel against its pure Go twin, whatever chooseTiles would pick.
func TestGEMMKernels(t *testing.T) {
	t.Parallel()
	for _, isa := range allISAs()[1:] {
		for n := 1; n <= 64; n++ {
			for rows := 1; rows <= 9; rows++ {
				for width := 1; width <= 4; width++ {
					cut := tiling{rows: []int{rows, rows}}
					switch registers := rows*width + width + 1; {
					case isa == AVX512 && registers <= 32:
						cut.pixels = cut512(n, width)
					case isa != AVX512 && registers <= 16 && width <= 3 && rows <= 6:
						cut.pixels = cut256(n, width)
					default:
						continue
					}
					checkGEMM(t, isa, cut, 2*rows, n)
				}
			}
			for m := 8; m <= 48 && isa == AVX512; m += 8 {
				if cut := cutAcross(m, n); cut.across {
					cut.rows = append(cut.rows, cut.rows...)
					checkGEMM(t, isa, cut, 2*m, n)
				}
			}
		}
	}
}
