//go:build amd64 || arm64

package kernel

// packArgs is what the kernels that lay out inputs read.
type packArgs struct {
	in      *Plane
	to      *float32
	steps   int
	inOff   int // byte offset of the first pixel
	inverse float32
	zero    int16
	_       int16
}

// laidOut is the number of floats that a number of steps of inputs takes.
func (p *PointwiseDot) laidOut(t *pixelTile, steps int) int {
	return steps * t.shape * shapeLanes * p.set.laneBytes() / floatSize
}

// layOut lays the inputs of a tile of pixels out, planes of float32 or of bytes.
// A last step that lacks inputs takes the last plane for them, which meets weights
// of 0.
func (p *PointwiseDot) layOut(in []Plane, t *pixelTile, scratch []float32, bytes bool) {
	if len(in) == 0 {
		return
	}
	a := packArgs{in: &in[0], to: &scratch[0], steps: len(in) / p.perLane, inOff: t.off,
		inverse: p.inverse, zero: int16(p.zero)}
	if !bytes {
		a.inOff *= floatSize
	}
	if a.steps > 0 {
		p.pack(t.shape, &a, bytes)
	}
	if a.steps*p.perLane == len(in) {
		return
	}
	var last [8]Plane
	for i := range last {
		last[i] = in[min(a.steps*p.perLane+i, len(in)-1)]
	}
	a.in, a.to, a.steps = &last[0], &scratch[p.laidOut(t, a.steps)], 1
	p.pack(t.shape, &a, bytes)
}
