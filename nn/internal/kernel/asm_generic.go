//go:build !amd64 && !arm64

package kernel

// Only pure Go exists here so far.

func chooseTiles(_ ISA, m, _, n int) tiling { return genericTiles(m, n) }

func (p *gemm) tile(out, in, res []Plane, t *pixelTile, inOff, outOff int, e epilogue, r0, r1 int) {
	p.tileGeneric(out, in, res, t.n, inOff, outOff, e, r0, r1)
}

type strip struct{}

func (d *Depthwise) prepare() {}

func (d *Depthwise) planes(out, in []Plane, e epilogue, u0, u1 int) {
	d.planesGeneric(out, in, e, u0, u1)
}

func (c *Conv) splitRow([]float32, Plane) bool { return false }

func poolRow(_ ISA, out, a, b, c Plane, width int) { poolRowGeneric(out, a, b, c, width) }

func (l *Linear) block(sums *[linearRows]float32, x []float32, u int) { l.blockGeneric(sums, x, u) }

func (p *Pool) plane(out, in Plane) { p.planeGeneric(out, in) }

func sumPlane(_ ISA, p Plane, n int) float32 { return sumGeneric(p, n) }

func leakyPlane(_ ISA, p Plane, n int, slope float32) { leakyGeneric(p, n, slope) }

func addPlane(_ ISA, out, a, b Plane, n int, slope float32) { addGeneric(out, a, b, n, slope) }

func scalePlane(_ ISA, out, in Plane, n int, f float32) { scaleGeneric(out, in, n, f) }

func (r *Resize) prepare(ISA) {}

func (r *Resize) plane(out, in Plane) { r.planeGeneric(out, in) }

func curve(_ ISA, p Plane, n int, kind ActKind) { curveGeneric(floats(p, n), kind) }

// poolEach does one row of the 3x3 max-pool with stride 2, at offset off, of all
// planes.
func poolEach(isa ISA, out []Plane, off int, a, b, c []Plane, width int, _ float32) {
	for i, p := range out {
		poolRow(isa, Plane(at(p, off)), a[i], b[i], c[i], width)
	}
}

func means(ISA, []Plane, []Plane, int, float32) bool { return false }
