//go:build !amd64

package kernel

// There is only pure Go here.

func int8ISA(ISA) ISA { return Generic }

func bf16ISA(ISA) ISA { return Generic }

func int8PerLane(ISA) int { return 4 }

func chooseDotTiles(_ ISA, m, _, n int) tiling { return genericTiles(m, n) }

func (p *PointwiseDot) tile(out, in, res []Plane, t *pixelTile, e epilogue, scratch []float32, r0, r1 int) {
	p.tileGeneric(out, in, res, t, e, scratch, r0, r1)
}
