package kernel

import "testing"

// Every micro-kernel against its pure Go twin, whatever chooseTiles would pick.
func TestProductKernels(t *testing.T) {
	for rows := 1; rows <= 8; rows++ {
		for vectors := 1; vectors <= min(6, 24/rows); vectors++ {
			if rows*vectors+vectors+(rows+1)/2 > 32 {
				continue // more than there are registers
			}
			for n := 1; n <= 4*vectors; n++ {
				checkProduct(t, NEON, tiling{rows: []int{rows, rows}, pixels: cutNEON(n, vectors)}, 2*rows, n)
			}
		}
	}
}
