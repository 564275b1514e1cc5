package kernel

import (
	"math"
	"unsafe"
)

// gemmArgs is what a GEMM kernel reads; the assembly knows the offsets.
type gemmArgs struct {
	in     *Plane   // inputs of the group
	out    *Plane   // first output
	res    *Plane   // residual of the first output, or nil
	w      *float32 // weights of the first row tile
	bias   *float32
	k      int // inputs of the group
	tiles  int // row tiles of the same size to do
	inOff  int // byte offset of the first pixel in input planes
	outOff int // and in output and residual planes
	last   int // pixels of the last vector
	slope  float32
	hswish uint32 // if not 0, slope does not count
}

const _ = -(unsafe.Offsetof(gemmArgs{}.hswish) - 84) // argHSwish of the generator

// vector is the number of floats of a register.
const vector = 4

// chooseTiles cuts a GEMM of m outputs, k inputs and n pixels in the way that
// is estimated to take the least time.
func chooseTiles(isa ISA, m, k, n int) tiling {
	if isa == Generic {
		return genericTiles(m, n)
	}
	var best tiling
	least := math.Inf(1)
	// The tiles that use all registers: rows, and vectors of pixels.
	for _, shape := range [][2]int{{8, 3}, {6, 4}, {4, 6}} {
		t := tiling{rows: evenly(m, shape[0]), pixels: cutNEON(n, shape[1])}
		sum := 0.0
		for _, row := range t.rows {
			for _, p := range t.pixels {
				sum += costNEON(k, row, p.shape)
			}
		}
		if sum < least {
			best, least = t, sum
		}
	}
	return best
}

// cutNEON cuts n pixels into tiles of at most width vectors, evenly. The last
// vector may have fewer than four pixels.
func cutNEON(n, width int) []pixelTile {
	off := 0
	var tiles []pixelTile
	for _, v := range evenly((n+vector-1)/vector, width) {
		t := pixelTile{off: off, n: min(v*vector, n-off), shape: v}
		t.mask = uint32(t.n - (v-1)*vector)
		tiles = append(tiles, t)
		off += t.n
	}
	return tiles
}

// costNEON estimates the cycles of a tile on a core of the middle class, which
// begins three instructions a cycle, two of them FMAs, and adds to the same sum
// every four cycles.
func costNEON(k, rows, vectors int) float64 {
	r, v := float64(rows), float64(vectors)
	loads := math.Ceil(v/2) + math.Ceil(r/4)/2 + 1.5
	return float64(k)*max(r*v/2, (r*v+loads+1)/3, 4) + 2*r*v + 6*r + 20
}

func (p *gemm) tile(out, in, res []Plane, t *pixelTile, inOff, outOff int, e epilogue, r0, r1 int) {
	if p.isa == Generic {
		p.tileGeneric(out, in, res, t.n, inOff, outOff, e, r0, r1)
		return
	}
	a := gemmArgs{k: p.kg, inOff: inOff * floatSize, outOff: outOff * floatSize, last: int(t.mask), slope: e.slope, hswish: e.flag()}
	for r0 < r1 {
		r := &p.rows[r0]
		n := min(r.alike, r1-r0)
		a.in, a.out, a.w, a.bias, a.tiles = &in[r.in], &out[r.m0], &p.w[r.w], &p.bias[r.m0], n
		if res != nil {
			a.res = &res[r.m0]
		}
		gemmNEON(t.shape, r.size, (*byte)(unsafe.Pointer(&a)))
		r0 += n
	}
}
