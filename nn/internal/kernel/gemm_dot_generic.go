//go:build !amd64 && !arm64

package kernel

// There is only pure Go here.

func int8Set(ISA) dotSet { return setGo }

func bf16Set(ISA) dotSet { return setGo }

func chooseDotTiles(_ dotSet, m, _, n int) tiling { return genericTiles(m, n) }

func (p *PointwiseDot) tile(out, in, res []Plane, t *pixelTile, e epilogue, scratch []float32, r0, r1 int) {
	p.tileGeneric(out, in, res, t, e, scratch, r0, r1)
}
