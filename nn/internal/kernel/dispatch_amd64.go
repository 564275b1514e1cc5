package kernel

func splitRow(_ Path, dst, src []float32, shift, stride int) {
	splitRowGeneric(dst, src, shift, stride)
}

func (l *Linear) block(sums *[linearRows]float32, x []float32, u int) { l.blockGeneric(sums, x, u) }

func (p *Pool) plane(out, in Plane) { p.planeGeneric(out, in) }

func sumPlane(_ Path, p Plane, n int) float32 { return sumGeneric(p, n) }

func leakyPlane(_ Path, p Plane, n int, slope float32) { leakyGeneric(p, n, slope) }

func addPlane(_ Path, out, a, b Plane, n int, slope float32) { addGeneric(out, a, b, n, slope) }

func scalePlane(_ Path, out, in Plane, n int, f float32) { scaleGeneric(out, in, n, f) }
