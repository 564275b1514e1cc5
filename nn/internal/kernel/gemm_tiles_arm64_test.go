package kernel

import "testing"

// Every micro-kernel against its pure Go twin, whatever chooseTiles would pick.
func TestGEMMKernels(t *testing.T) {
	t.Parallel()
	for rows := 1; rows <= 8; rows++ {
		for vectors := 1; vectors <= min(6, 24/rows); vectors++ {
			if rows*vectors+vectors+(rows+1)/2 > 32 {
				continue // more than there are registers
			}
			// A full tile, and one behind it with every number of left-over pixels.
			full := cutNEON(vector*vectors, vectors)
			for last := uint32(1); last <= vector; last++ {
				part := full[0]
				part.off, part.n, part.mask = full[0].n, full[0].n-vector+int(last), last
				cut := tiling{rows: []int{rows, rows}, pixels: append(full[:1:1], part)}
				checkGEMM(t, NEON, cut, 2*rows, part.off+part.n)
			}
		}
	}
}
