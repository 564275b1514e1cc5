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
	mask   uint64
	slope  float32
	floor  float32 // what a sum is at least, if slope is 0 or 1
	hswish uint32  // if not 0, neither counts
	_      uint32
	next   int // byte offset in input planes of what is fetched during the first row tile
	step   int // and how much further that is for each row tile
}

// argFloor, argHSwish and argNext of the generator.
const (
	_ = -(unsafe.Offsetof(gemmArgs{}.next) - 96)
	_ = -(unsafe.Offsetof(gemmArgs{}.floor) - 84)
	_ = -(unsafe.Offsetof(gemmArgs{}.hswish) - 88)
)

// chooseTiles cuts a GEMM of m outputs, k inputs and n pixels in the way that
// is estimated to take the least time.
func chooseTiles(isa ISA, m, k, n int) tiling {
	var ways []tiling
	var cost func(t *tiling, k, row int, p pixelTile) float64
	switch isa {
	case AVX512:
		cost = cost512
		ways = []tiling{
			{rows: evenly(m, 9), pixels: cut512(n, 3)},
			{rows: evenly(m, 6), pixels: cut512(n, 4)},
		}
		// A tile across outputs reads half a cache line of every input plane, so
		// all planes have to stay in the second level cache.
		if t := cutAcross(m, n); t.across && k*n <= 128<<10 {
			ways = append(ways, t)
		}
	case AVX2, AVXVNNI:
		cost = cost256
		ways = []tiling{
			{rows: evenly(m, 4), pixels: cut256(n, 3)},
			{rows: evenly(m, 6), pixels: cut256(n, 2)},
		}
	default:
		return genericTiles(m, n)
	}
	best, least := 0, math.Inf(1)
	for i := range ways {
		t := &ways[i]
		sum := 0.0
		for _, row := range t.rows {
			for _, p := range t.pixels {
				sum += cost(t, k, row, p)
			}
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return ways[best]
}

// cutAcross cuts m outputs into tiles of up to three vectors of 16, with half a
// vector in the last tile if need be, and n pixels into tiles of six to eight.
// If that cannot be done, the tiling it returns is not across.
func cutAcross(m, n int) tiling {
	pixels := evenly(n, 8)
	if m%8 != 0 || pixels[len(pixels)-1] < 6 {
		return tiling{}
	}
	t := tiling{rows: evenly((m+15)/16, 3), across: true}
	for i := range t.rows {
		t.rows[i] *= 16
	}
	t.rows[len(t.rows)-1] -= m % 16
	off := 0
	for _, p := range pixels {
		t.pixels = append(t.pixels, pixelTile{off: off, n: p, shape: p, mask: 1<<p - 1})
		off += p
	}
	return t
}

// cut512 cuts n pixels into tiles of at most width vectors, evenly. Up to eight
// left-over pixels go to a half vector.
func cut512(n, width int) []pixelTile {
	wide, rest := n/16, n%16
	half, mask := 0, uint32(1)<<16-1
	switch {
	case rest == 0:
	case rest <= 8:
		half, mask = 1, 1<<rest-1
	default:
		wide, mask = wide+1, 1<<rest-1
	}
	vectors := wide + half
	count := (vectors + width - 1) / width
	tiles := make([]pixelTile, count)
	off := 0
	for i := range tiles {
		v := vectors / count
		if i < vectors%count {
			v++
		}
		tiles[i] = pixelTile{off: off, n: min(16*v, n-off), shape: v << 1, mask: 1<<16 - 1}
		off += 16 * v
	}
	last := &tiles[count-1]
	last.mask = mask
	if half == 1 {
		last.shape += half - 1<<1
	}
	return tiles
}

// cost512 estimates the cycles of a row tile: in the inner loop whatever is
// slowest of FMAs, loads and the latency of a sum, and around it loading and
// storing the sums.
func cost512(t *tiling, k, row int, p pixelTile) float64 {
	if t.across {
		width, pixels := float64(row)/16, float64(p.n)
		return float64(k)*max(pixels*width, width+pixels/2, 4) + 50*width + 20
	}
	r, width := float64(row), float64(p.shape>>1)+float64(p.shape&1)/2
	return float64(k)*max(r*width, width+r/2, 4) + 3*r*width + 20
}

// cut256 cuts n pixels into tiles of two to width vectors of eight, evenly, and
// a single vector for up to eight left-over pixels.
func cut256(n, width int) []pixelTile {
	vectors, rest := n/8, n%8
	if vectors == 1 && rest == 0 {
		vectors, rest = 0, 8
	}
	count := (vectors + width - 1) / width
	var tiles []pixelTile
	off := 0
	for i := range count {
		v := vectors / count
		if i < vectors%count {
			v++
		}
		tiles = append(tiles, pixelTile{off: off, n: 8 * v, shape: v, mask: 8})
		off += 8 * v
	}
	if rest > 0 {
		tiles = append(tiles, pixelTile{off: off, n: rest, shape: 1, mask: uint32(rest)})
	}
	return tiles
}

// cost256 is cost512 for AVX2.
func cost256(_ *tiling, k, row int, p pixelTile) float64 {
	r, width := float64(row), float64(p.shape)
	latency := 4.0
	if p.shape == 1 {
		latency = 2
	}
	return float64(k)*max(r*width/2, (width+r)/2, latency) + 3*r*width + 20
}

func (p *gemm) tile(out, in, res []Plane, t *pixelTile, inOff, outOff int, e epilogue, r0, r1 int) {
	if p.isa == Generic {
		p.tileGeneric(out, in, res, t.n, inOff, outOff, e, r0, r1)
		return
	}
	a := gemmArgs{k: p.kg, inOff: inOff * floatSize, outOff: outOff * floatSize, mask: uint64(t.mask), slope: e.slope, hswish: e.flag()}
	if e.slope == 1 {
		a.floor = float32(math.Inf(-1))
	}
	// Behind the last pixel tile there is nothing to fetch.
	a.next = a.inOff
	if t != &p.pixels[len(p.pixels)-1] {
		a.next, a.step = a.inOff+t.n*floatSize, 64
	}
	for r0 < r1 {
		r := &p.rows[r0]
		n := min(r.alike, r1-r0)
		a.in, a.out, a.w, a.bias, a.tiles = &in[r.in], &out[r.m0], &p.w[r.w], &p.bias[r.m0], n
		if res != nil {
			a.res = &res[r.m0]
		}
		switch {
		case p.across:
			across512(t.shape, r.size>>3, (*byte)(unsafe.Pointer(&a)))
		case p.isa == AVX512:
			gemm512(t.shape, r.size, (*byte)(unsafe.Pointer(&a)))
		default:
			gemm256(t.shape, r.size, (*byte)(unsafe.Pointer(&a)))
		}
		r0 += n
	}
}
