package kernel

import (
	"math"
	"unsafe"
)

// dotArgs is what a GEMM of lower precision reads; the assembly knows the
// offsets.
type dotArgs struct {
	x      *float32 // inputs, laid out
	out    *Plane   // first output
	res    *Plane   // residual of the first output, or nil
	w      *byte    // weights of the first row tile
	after  *dotAfterSum
	steps  int // of inputs
	tiles  int // row tiles of the same size to do
	outOff int // byte offset of the first pixel in output planes, and residual ones
	last   int // pixels of the last vector
	slope  float32
	hswish uint32 // if not 0, slope does not count
	bytes  uint64 // if not 0, outputs are bytes
	resOff int    // outOff of residual planes, if outputs are bytes
}

// dotHSwish, afterSize, packInverse and packZero of the generator.
const (
	_ = -(unsafe.Offsetof(dotArgs{}.hswish) - 76)
	_ = -(unsafe.Offsetof(dotArgs{}.resOff) - 88)
	_ = -(unsafe.Sizeof(dotAfterSum{}) - 20)
	_ = -(unsafe.Offsetof(dotAfterSum{}.inverse) - 16)
	_ = -(unsafe.Offsetof(packArgs{}.inverse) - 32)
	_ = -(unsafe.Offsetof(packArgs{}.zero) - 36)
)

// shapeLanes is the number of pixels that the shape of a tile counts.
const shapeLanes = vector

// int8Set is the fastest set of an instruction set.
func int8Set(isa ISA) dotSet {
	switch isa {
	case Generic:
		return setGo
	case DotProd:
		return setSDOT
	case I8MM:
		return setSMMLA
	}
	return setNEON
}

// bf16Set is the same for bfloat16.
func bf16Set(ISA) dotSet { return setGo }

// chooseDotTiles cuts a GEMM of m outputs, n pixels and a number of steps of inputs
// in the way that is estimated to take the least time.
func chooseDotTiles(set dotSet, m, steps, n int) tiling {
	shapes := [][2]int{{8, 3}, {6, 4}, {4, 6}} // rows, and vectors of pixels
	switch set {
	case setGo:
		return genericTiles(m, n)
	case setNEON: // some registers are for products
		shapes = [][2]int{{8, 3}, {5, 4}, {3, 6}}
	case setSMMLA: // inputs take twice as many registers
		shapes = [][2]int{{8, 2}, {6, 3}, {4, 4}}
	}
	var best tiling
	least := math.Inf(1)
	for _, shape := range shapes {
		t := tiling{rows: evenly(m, shape[0]), pixels: cutNEON(n, shape[1])}
		sum := 0.0
		for _, p := range t.pixels {
			sum += float64(steps) * 8 * float64(p.shape) // laying out
			for _, row := range t.rows {
				sum += costNEON(steps, row, p.shape)
			}
		}
		if sum < least {
			best, least = t, sum
		}
	}
	return best
}

func (p *PointwiseDot) tile(out, in, res []Plane, t *pixelTile, e epilogue, scratch []float32, r0, r1 int) {
	if p.set == setGo {
		p.tileGeneric(out, in, res, t, e, scratch, r0, r1)
		return
	}
	src := in[p.rows[r0].in:][:p.kg]
	p.layOut(src[:p.floats], t, scratch, false)
	p.layOut(src[p.floats:], t, scratch[p.laidOut(t, p.lanes(p.floats)):], true)
	a := dotArgs{x: &scratch[0], steps: p.steps, outOff: t.off * floatSize, last: int(t.mask), slope: e.slope, hswish: e.flag()}
	if p.bytesOut {
		a.outOff, a.resOff, a.bytes = t.off, a.outOff, 1
	}
	for r0 < r1 {
		r := &p.rows[r0]
		a.tiles = min(r.alike, r1-r0)
		a.out, a.w, a.after = &out[r.m0], &p.weights[r.w], &p.after[r.m0]
		if res != nil {
			a.res = &res[r.m0]
		}
		switch args := (*byte)(unsafe.Pointer(&a)); p.set {
		case setSMMLA:
			gemmSMMLA(t.shape, r.size, args)
		case setSDOT:
			gemmSDOT(t.shape, r.size, args)
		default:
			gemmInt8NEON(t.shape, r.size, args)
		}
		r0 += a.tiles
	}
}

func (p *PointwiseDot) pack(shape int, a *packArgs, bytes bool) {
	switch args := (*byte)(unsafe.Pointer(a)); {
	case bytes && p.set == setSMMLA:
		packBytesPairs(shape, args)
	case bytes:
		packBytes(shape, args)
	case p.set == setSMMLA:
		packFloatsPairs(shape, args)
	default:
		packFloats(shape, args)
	}
}
