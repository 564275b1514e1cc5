//go:build !amd64

package kernel

// int8Path is the path whose int8 kernels run: there is only pure Go here.
func int8Path(Path) Path { return Generic }

func inputsPerLane(Path) int { return 4 }

func chooseInt8Tiles(_ Path, m, _, n int) tiling { return genericTiles(m, n) }

func (p *PointwiseInt8) tile(out, in, res []Plane, t *pixelTile, slope float32, scratch []float32, r0, r1 int) {
	p.tileGeneric(out, in, res, t, slope, scratch, r0, r1)
}
