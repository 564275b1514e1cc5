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
		return shapeTiles512(m, k, n)
	}
	return genericTiles(n)
}

// shapeTiles512 tries both widths of pixel tiles that use the registers well
// and keeps the one whose estimated time is less.
func shapeTiles512(m, k, n int) (most int, tiles []pixelTile) {
	best := math.Inf(1)
	for _, width := range []int{3, 4} {
		rows := min(m, 31/width-1)
		t := cut512(n, width)
		if c := cost512(m, k, rows, t); c < best {
			best, most, tiles = c, rows, t
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

// cost512 estimates the cycles of a product: in the inner loop whatever is
// slowest of FMAs, loads and the latency of a sum, and around it loading and
// storing the sums.
func cost512(m, k, rows int, tiles []pixelTile) float64 {
	count := (m + rows - 1) / rows
	size := float64(m) / float64(count)
	total := 0.0
	for _, t := range tiles {
		width := float64(t.shape>>1) + float64(t.shape&1)/2
		loop := max(size*width, width+size/2, 4)
		total += float64(k)*loop + 3*size*width + 20
	}
	return total * float64(count)
}

func (p *product) tile(out, in, res []Plane, t *pixelTile, inOff, outOff int, slope float32, r0, r1 int) {
	if p.path == Generic {
		p.tileGeneric(out, in, res, t.n, inOff, outOff, slope, r0, r1)
		return
	}
	a := productArgs{k: p.kg, inOff: inOff * floatSize, outOff: outOff * floatSize, mask: uint64(t.mask), slope: slope}
	for r0 < r1 {
		r := &p.rows[r0]
		n := 1
		for r0+n < r1 && p.rows[r0+n].size == r.size && p.rows[r0+n].in == r.in {
			n++
		}
		a.in, a.out, a.w, a.bias, a.tiles = &in[r.in], &out[r.m0], &p.w[r.w], &p.bias[r.m0], n
		if res != nil {
			a.res = &res[r.m0]
		}
		product512(t.shape, r.size, (*byte)(unsafe.Pointer(&a)))
		r0 += n
	}
}
