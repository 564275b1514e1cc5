package kernel

import (
	"math"
	"unsafe"

	"golang.org/x/sys/cpu"
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
	mask   uint64
	slope  float32
	hswish uint32 // if not 0, slope does not count
	bytes  uint64 // outputs are bytes: a mask of those of the tile; 0: float32
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
const shapeLanes = 8

// int8Set is the fastest set of an instruction set: AVX-512 alone has no VNNI.
func int8Set(isa ISA) dotSet {
	switch {
	case isa == Generic:
		return setGo
	case isa == AVX512 && cpu.X86.HasAVX512VNNI:
		return setVNNI512
	case isa == AVX2 || !cpu.X86.HasAVXVNNI && !cpu.X86.HasAVX512VNNI:
		return setMadd
	case cpu.X86.HasAVXVNNI:
		return setVNNI
	}
	return setEVEX
}

// bf16Set is the same for bfloat16, which AVX2 does not do faster than float32.
func bf16Set(isa ISA) dotSet {
	if isa == AVX512 && cpu.X86.HasAVX512BF16 {
		return setBF16
	}
	return setGo
}

// chooseDotTiles cuts a GEMM of m outputs, n pixels and a number of steps of
// inputs in the way that is estimated to take the least time.
func chooseDotTiles(set dotSet, m, steps, n int) tiling {
	switch set {
	case setGo:
		return genericTiles(m, n)
	case setMadd:
		return tiling{rows: evenly(m, 5), pixels: cut256(n, 2)}
	case setVNNI, setEVEX:
		return tiling{rows: evenly(m, 6), pixels: cut256(n, 2)}
	}
	ways := []tiling{
		{rows: evenly(m, 9), pixels: cut512(n, 3)},
		{rows: evenly(m, 6), pixels: cut512(n, 4)},
	}
	best, least := 0, math.Inf(1)
	for i := range ways {
		sum := 0.0
		for _, p := range ways[i].pixels {
			width := float64(p.shape>>1) + float64(p.shape&1)/2
			sum += float64(steps) * (10*width + 8) // laying out
			for _, r := range ways[i].rows {
				sum += float64(steps)*max(float64(r)*width, 4) + 4*float64(r)*width + 20
			}
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return ways[best]
}

func (p *PointwiseDot) tile(out, in, res []Plane, t *pixelTile, e epilogue, scratch []float32, r0, r1 int) {
	if p.set == setGo {
		p.tileGeneric(out, in, res, t, e, scratch, r0, r1)
		return
	}
	src := in[p.rows[r0].in:][:p.kg]
	p.layOut(src[:p.floats], t, scratch, false)
	p.layOut(src[p.floats:], t, scratch[p.laidOut(t, p.lanes(p.floats)):], true)
	a := dotArgs{x: &scratch[0], steps: p.steps, outOff: t.off * floatSize, mask: uint64(t.mask), slope: e.slope, hswish: e.flag()}
	if p.bytesOut {
		a.outOff, a.resOff, a.bytes = t.off, a.outOff, math.MaxUint64>>(64-t.n)
	}
	for r0 < r1 {
		r := &p.rows[r0]
		a.tiles = min(r.alike, r1-r0)
		a.out, a.w, a.after = &out[r.m0], &p.weights[r.w], &p.after[r.m0]
		if res != nil {
			a.res = &res[r.m0]
		}
		switch args := (*byte)(unsafe.Pointer(&a)); p.set {
		case setMadd:
			madd256(t.shape, r.size, args)
		case setVNNI:
			vnni256(t.shape, r.size, args)
		case setEVEX:
			evex256(t.shape, r.size, args)
		case setVNNI512:
			vnni512(t.shape, r.size, args)
		case setBF16:
			bf16512(t.shape, r.size, args)
		}
		r0 += a.tiles
	}
}

func (p *PointwiseDot) pack(shape int, a *packArgs, bytes bool) {
	switch args := (*byte)(unsafe.Pointer(a)); {
	case p.set == setMadd && bytes:
		madd256PackBytes(shape, args)
	case p.set == setMadd:
		madd256Pack(shape, args)
	case p.set == setVNNI512 && bytes:
		vnniPackBytes512(shape, args)
	case p.set == setVNNI512:
		vnniPack512(shape, args)
	case p.set == setBF16:
		bf16Pack512(shape, args)
	case bytes:
		vnni256PackBytes(shape, args)
	default:
		vnni256Pack(shape, args)
	}
}
