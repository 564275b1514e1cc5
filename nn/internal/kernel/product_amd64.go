package kernel

import (
	"math"
	"unsafe"
)

//go:generate sh -c "cd _generate && go run ."

// productArgs is what a product kernel reads; the assembly knows the offsets.
type productArgs struct {
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
	_      float32
}

const _ = -(unsafe.Offsetof(productArgs{}.slope) - 80) // argSlope of the generator

// shapeTiles returns the largest row tile and the pixel tiles of a product of m
// outputs and k inputs a group.
func shapeTiles(path Path, m, k, n int) (most int, tiles []pixelTile) {
	switch path {
	case AVX512:
		return cheapest(m, k, n, cut512, cost512, [][2]int{{9, 3}, {6, 4}})
	case AVX2:
		return cheapest(m, k, n, cut256, cost256, [][2]int{{4, 3}, {6, 2}})
	}
	return genericTiles(n)
}

// cheapest tries the sizes of tiles (outputs, vectors of pixels) that use the
// registers well and keeps those whose estimated time is least.
func cheapest(m, k, n int, cut func(n, width int) []pixelTile, cost func(k, rows int, t pixelTile) float64, sizes [][2]int) (most int, tiles []pixelTile) {
	best := math.Inf(1)
	for _, size := range sizes {
		rows := min(m, size[0])
		count := (m + rows - 1) / rows
		t := cut(n, size[1])
		sum := 0.0
		for i := range count { // rows are cut evenly, see newProduct
			for _, p := range t {
				sum += cost(k, (m+i)/count, p)
			}
		}
		if sum < best {
			best, most, tiles = sum, rows, t
		}
	}
	return most, tiles
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
func cost512(k, rows int, t pixelTile) float64 {
	r, width := float64(rows), float64(t.shape>>1)+float64(t.shape&1)/2
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
func cost256(k, rows int, t pixelTile) float64 {
	r, width := float64(rows), float64(t.shape)
	latency := 4.0
	if t.shape == 1 {
		latency = 2
	}
	return float64(k)*max(r*width/2, (width+r)/2, latency) + 3*r*width + 20
}

func (p *product) tile(out, in, res []Plane, t *pixelTile, inOff, outOff int, slope float32, r0, r1 int) {
	if p.path == Generic {
		p.tileGeneric(out, in, res, t.n, inOff, outOff, slope, r0, r1)
		return
	}
	a := productArgs{k: p.kg, inOff: inOff * floatSize, outOff: outOff * floatSize, mask: uint64(t.mask), slope: slope}
	for r0 < r1 {
		r := &p.rows[r0]
		n := min(r.alike, r1-r0)
		a.in, a.out, a.w, a.bias, a.tiles = &in[r.in], &out[r.m0], &p.w[r.w], &p.bias[r.m0], n
		if res != nil {
			a.res = &res[r.m0]
		}
		if p.path == AVX512 {
			product512(t.shape, r.size, (*byte)(unsafe.Pointer(&a)))
		} else {
			product256(t.shape, r.size, (*byte)(unsafe.Pointer(&a)))
		}
		r0 += n
	}
}
