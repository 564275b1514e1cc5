package kernel

import "unsafe"

// What stream.go calls for the part of a plane that fills vectors.

func leakyVector(x *byte, n int, slope float32) { leakyNEON(x, n, slope) }

func min6Vector(x *byte, n int) { min6NEON(x, n) }

func hswishVector(x *byte, n int) { hswishNEON(x, n) }

func hsigmoidVector(x *byte, n int) { hsigmoidNEON(x, n) }

func sigmoidVector(x *byte, n int) { sigmoidNEON(x, n) }

func addVector(out, x, y *byte, n int, slope float32) { addNEON(out, x, y, n, slope) }

func scaleVector(out, x *byte, n int, f float32) { scaleNEON(out, x, n, f) }

func sumVector(x *byte, n int) float32 { return sumNEON(x, n) }

// splitRow packs both phases of an input row for stride 2 into dst and reports
// whether it did. Even and odd columns go to the two phases, whichever the
// padding makes theirs.
func (c *Conv) splitRow(dst []float32, src Plane) bool {
	if c.product.isa == Generic {
		return false
	}
	even, odd := dst[c.pad%2*c.rowFloats:], dst[(c.pad+1)%2*c.rowFloats:]
	e, o := (c.pad-c.pad%2)/2, (1+c.pad-(c.pad+1)%2)/2 // where columns 0 and 1 go
	splitNEON(bytes(&even[e]), bytes(&odd[o]), (*byte)(src), (c.w+2*lanes-1)/(2*lanes)*lanes)
	clear(even[:e])
	clear(odd[:o])
	if end := e + (c.w+1)/2; end < c.used {
		clear(even[end:c.used])
	}
	if end := o + c.w/2; end < c.used {
		clear(odd[end:c.used])
	}
	return true
}

func (l *Linear) block(sums *[linearRows]float32, x []float32, u int) {
	if l.isa == Generic {
		l.blockGeneric(sums, x, u)
		return
	}
	linearNEON(bytes(&sums[0]), bytes(&l.w[u*linearRows*l.kPad]), bytes(&x[0]), l.kPad)
}

// plane pools one plane. Above the first and below the last row a row of the
// window is taken twice, which does not change the maximum.
func (p *Pool) plane(out, in Plane) {
	if p.isa == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 {
		p.planeGeneric(out, in)
		return
	}
	row := func(y int) Plane { return Plane(at(in, max(0, min(y, p.h-1))*p.w)) }
	for y := range p.oh {
		poolRow(p.isa, Plane(at(out, y*p.ow)), row(2*y-1), row(2*y), row(2*y+1), p.w)
	}
}

// insideRow masks the outputs of a last block of max-pooling whose right column
// lies in the row: with an odd width, not that of the last output.
var insideRow = func() (masks [vector + 1][vector]uint32) {
	for n := range masks {
		for i := range n {
			masks[n][i] = 1<<32 - 1
		}
	}
	return masks
}()

// poolRow does one row of the 3x3 max-pool with stride 2.
func poolRow(isa ISA, out, a, b, c Plane, width int) {
	if isa == Generic {
		poolRowGeneric(out, a, b, c, width)
		return
	}
	n := (width-1)/2 + 1
	blocks := (n + vector - 1) / vector
	last := n - (blocks-1)*vector
	inside := &insideRow[last-width%2]
	maxPoolNEON((*byte)(out), (*byte)(a), (*byte)(b), (*byte)(c), blocks, last, (*byte)(unsafe.Pointer(inside)))
}

// poolEach does one row of the 3x3 max-pool with stride 2, at offset off, of all
// planes.
func poolEach(isa ISA, out []Plane, off int, a, b, c []Plane, width int, _ float32) {
	for i, p := range out {
		poolRow(isa, Plane(at(p, off)), a[i], b[i], c[i], width)
	}
}

func means(ISA, []Plane, []Plane, int, float32) bool { return false }
