package kernel

import "unsafe"

// What stream.go calls for the part of a plane that fills vectors.

func leakyVector(x *byte, n int, slope float32) { leakyAVX2(x, n, slope) }

func min6Vector(x *byte, n int) { min6AVX2(x, n) }

func hswishVector(x *byte, n int) { hswishAVX2(x, n) }

func hsigmoidVector(x *byte, n int) { hsigmoidAVX2(x, n) }

func sigmoidVector(x *byte, n int) { sigmoidAVX2(x, n) }

func addVector(out, x, y *byte, n int, slope float32) { addAVX2(out, x, y, n, slope) }

func scaleVector(out, x *byte, n int, f float32) { scaleAVX2(out, x, n, f) }

func sumVector(x *byte, n int) float32 { return sumAVX2(x, n) }

// means is GlobalAvgPool where AVX-512 does it.
func means(isa ISA, out, in []Plane, n int, scale float32) bool {
	if isa != AVX512 || len(out) == 0 {
		return false
	}
	vectors := (n + 2*lanes - 1) / (2 * lanes)
	mask := uint64(1)<<(n-(vectors-1)*2*lanes) - 1
	meansAVX512(table(out), table(in), len(out), vectors, mask, scale)
	return true
}

// splitRow packs both phases of an input row for stride 2 into dst and reports
// whether it did. Even and odd columns go to the two phases, whichever the
// padding makes theirs.
func (c *Conv) splitRow(dst []float32, src Plane) bool {
	if c.product.isa == Generic {
		return false
	}
	even, odd := dst[c.pad%2*c.rowFloats:], dst[(c.pad+1)%2*c.rowFloats:]
	e, o := (c.pad-c.pad%2)/2, (1+c.pad-(c.pad+1)%2)/2 // where columns 0 and 1 go
	if c.product.isa == AVX512 {
		splitAVX512(bytes(&even[e]), bytes(&odd[o]), (*byte)(src), (c.w+4*lanes-1)/(4*lanes)*2*lanes)
	} else {
		splitAVX2(bytes(&even[e]), bytes(&odd[o]), (*byte)(src), (c.w+2*lanes-1)/(2*lanes)*lanes)
	}
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
	w := bytes(&l.w[u*linearRows*l.kPad])
	switch l.isa {
	case AVX512:
		linearAVX512(bytes(&sums[0]), w, bytes(&x[0]), l.kPad)
	case AVX2:
		linearAVX2(bytes(&sums[0]), w, bytes(&x[0]), l.kPad)
	default:
		l.blockGeneric(sums, x, u)
	}
}

// Orders of the last eight columns of a max-pool row: an odd width lacks the
// last one, and takes the one before twice.
var (
	poolRight    = [lanes]int32{0, 1, 2, 3, 4, 5, 6, 7}
	poolRightOdd = [lanes]int32{0, 1, 2, 3, 4, 5, 6, 6}
)

// plane pools one plane. Above the first and below the last row a row of the
// window is taken twice, which does not change the maximum.
func (p *Pool) plane(out, in Plane) {
	if p.isa == Generic || p.average || p.k != 3 || p.stride != 2 || p.pad != 1 {
		p.planeGeneric(out, in)
		return
	}
	row := func(y int) Plane { return Plane(at(in, max(0, min(y, p.h-1))*p.w)) }
	for y := range p.oh {
		t := [...]Plane{out, row(2*y - 1), row(2 * y), row(2*y + 1)}
		poolEach(p.isa, t[:1], y*p.ow, t[1:2], t[2:3], t[3:], p.w, 1)
	}
}

// poolEach does one row of the 3x3 max-pool with stride 2, at offset off, of all
// planes. slope is that of the leaky activation of AVX-512; others do none.
func poolEach(isa ISA, out []Plane, off int, a, b, c []Plane, width int, slope float32) {
	if isa == AVX512 {
		const vector = 16
		n := (width-1)/2 + 1
		blocks := (n + vector - 1) / vector
		here := uint64(1)<<(n-(blocks-1)*vector) - 1
		right := here >> (width % 2) // an odd width lacks the last column
		maxPoolAVX512(table(out), table(a), table(b), table(c), len(out), off*floatSize, blocks, here, right, slope)
		return
	}
	for i, p := range out {
		poolRow(isa, Plane(at(p, off)), a[i], b[i], c[i], width)
	}
}

func table(p []Plane) *byte { return (*byte)(unsafe.Pointer(&p[0])) }

// poolRow does poolEach of one plane without AVX-512.
func poolRow(isa ISA, out, a, b, c Plane, width int) {
	n := (width-1)/2 + 1
	if isa == Generic || n < lanes {
		poolRowGeneric(out, a, b, c, width)
		return
	}
	whole, back := n/lanes*lanes, 0
	if whole < n {
		back = (lanes - (n - whole)) * floatSize
	}
	right := &poolRight
	if width%2 == 1 {
		right = &poolRightOdd
	}
	maxPoolAVX2((*byte)(out), (*byte)(a), (*byte)(b), (*byte)(c), whole, back, (*byte)(unsafe.Pointer(right)))
}
