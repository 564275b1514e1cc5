package kernel

import "fmt"

// gemm is the matrix product behind pointwise and dense convolutions:
// out[i][p] = act(bias[i] + sum over k of w[i][k] * in[k][p] + res[i][p]).
// Outputs are cut into row tiles, pixels into pixel tiles; a micro-kernel does
// one of each with all sums in registers, so a tile's shape is what registers
// allow. Rows are cut evenly rather than into full tiles and a small remnant.
type gemm struct {
	isa    ISA
	m, k   int  // outputs and inputs of all groups
	kg     int  // inputs of one group
	across bool // vectors lie across outputs, not along pixels
	rows   []rowTile
	pixels []pixelTile
	w      []float32 // for each row tile: kg times the tile's weights for one input
	bias   []float32
}

// rowTile is a run of outputs of one group.
type rowTile struct {
	m0, size int // first output, number of outputs
	in       int // first input of the group
	w        int // offset of the weights in gemm.w
	alike    int // tiles from this one on that have its size and group
}

// pixelTile is a run of pixels that one micro-kernel does at once.
type pixelTile struct {
	off, n int
	shape  int    // of the micro-kernel, depends on the instruction set
	mask   uint32 // AVX-512: lanes of the last vector, AVX2: pixels of a single one
}

// tiling is how a GEMM of one group is cut.
type tiling struct {
	rows   []int // sizes of the row tiles
	pixels []pixelTile
	across bool
}

// evenly cuts n into as few parts of at most most as possible, the greater
// parts first.
func evenly(n, most int) []int {
	parts := make([]int, (n+most-1)/most)
	for i := range parts {
		parts[i] = (n + len(parts) - 1 - i) / len(parts)
	}
	return parts
}

// newGEMM packs w ([m][k/groups]) for isa. n is the number of pixels of a
// plane, or of a row if the caller works in rows.
func newGEMM(isa ISA, w, bias []float32, m, k, n, groups int) *gemm {
	if groups < 1 || m%groups != 0 || k%groups != 0 || m < 1 || k < 1 || n < 1 {
		panic(fmt.Sprintf("kernel: GEMM of %d outputs, %d inputs, %d pixels in %d groups", m, k, n, groups))
	}
	return newGEMMOf(isa, w, bias, m, k, groups, chooseTiles(isa, m/groups, k/groups, n))
}

// newGEMMOf is newGEMM with the tiles of a group chosen already.
func newGEMMOf(isa ISA, w, bias []float32, m, k, groups int, tiles tiling) *gemm {
	p := &gemm{isa: isa, m: m, k: k, kg: k / groups}
	if len(w) != m*p.kg || (bias != nil && len(bias) != m) {
		panic(fmt.Sprintf("kernel: %d weights and %d biases for %d outputs of %d inputs", len(w), len(bias), m, p.kg))
	}
	p.cut(tiles, groups)
	p.pack(w)
	p.bias = make([]float32, m+genericRows)
	copy(p.bias, bias)
	return p
}

// cut sets the tiles: those of one group, for each group.
func (p *gemm) cut(cut tiling, groups int) {
	p.pixels, p.across = cut.pixels, cut.across
	m0 := 0
	for g := range groups {
		for _, size := range cut.rows {
			p.rows = append(p.rows, rowTile{m0: m0, size: size, in: g * p.kg})
			m0 += size
		}
	}
	for i := len(p.rows) - 1; i >= 0; i-- {
		r := &p.rows[i]
		r.alike = 1
		if i+1 < len(p.rows) && p.rows[i+1].size == r.size && p.rows[i+1].in == r.in {
			r.alike += p.rows[i+1].alike
		}
	}
}

// pack stores the weights in the order in which the micro-kernels read them.
func (p *gemm) pack(w []float32) {
	total := 0
	for i := range p.rows {
		p.rows[i].w = total
		total += p.kg * p.width(p.rows[i])
	}
	p.w = weightFloats(total)
	for _, r := range p.rows {
		width := p.width(r)
		for k := range p.kg {
			for i := range r.size {
				p.w[r.w+k*width+i] = w[(r.m0+i)*p.kg+k]
			}
		}
	}
}

// width is the number of weights a row tile stores for one input.
func (p *gemm) width(r rowTile) int {
	if p.isa == Generic {
		return genericRows
	}
	return r.size
}

// firstTiles returns how many pixel tiles cover the first n pixels.
func firstTiles(tiles []pixelTile, n int) int {
	count := 0
	for count < len(tiles) && tiles[count].off < n {
		count++
	}
	return count
}

// units returns how many independent pieces run can be cut into.
func (p *gemm) units() int { return len(p.rows) * len(p.pixels) }

// cost is the number of multiply-adds of a unit for one input, padding of
// pixels to half a vector included.
func (p *gemm) cost(u int) int {
	const half = 8
	pixels := p.pixels[u/len(p.rows)].n
	if !p.across && p.isa != Generic {
		pixels = (pixels + half - 1) / half * half
	}
	return p.rows[u%len(p.rows)].size * pixels
}

// run does units u0 to u1-1, a unit being one row tile of one pixel tile. in
// and out give the planes; outOff is added to every pixel offset of out and res.
func (p *gemm) run(out, in, res []Plane, outOff int, act Act, u0, u1 int) {
	e, rest := act.fused()
	if e.hswish && p.across && res != nil {
		e, rest = epilogue{slope: 1}, HSwish // vectors across outputs meet the residual too late
	}
	n := len(p.rows)
	for u := u0; u < u1; {
		t := &p.pixels[u/n]
		r0 := u % n
		r1 := min(n, r0+u1-u)
		u += r1 - r0
		p.tile(out, in, res, t, t.off, outOff+t.off, e, r0, r1)
		if rest != None {
			first, last := p.rows[r0], p.rows[r1-1]
			curveRows(p.isa, out[first.m0:last.m0+last.size], outOff+t.off, t.n, rest)
		}
	}
}

// Row and pixel tile of the pure Go micro-kernel: eight sums, two inputs and a
// weight are what scalar registers hold on amd64 and arm64.
const (
	genericRows   = 4
	genericPixels = 128
)

func genericTiles(m, n int) tiling {
	t := tiling{rows: evenly(m, genericRows)}
	for off := 0; off < n; off += genericPixels {
		t.pixels = append(t.pixels, pixelTile{off: off, n: min(genericPixels, n-off)})
	}
	return t
}

// tileGeneric does row tiles r0 to r1-1 for one pixel tile in pure Go.
func (p *gemm) tileGeneric(out, in, res []Plane, n, inOff, outOff int, e epilogue, r0, r1 int) {
	for _, r := range p.rows[r0:r1] {
		src := in[r.in : r.in+p.kg]
		w := p.w[r.w : r.w+p.kg*genericRows]
		b := p.bias[r.m0 : r.m0+genericRows]
		for i := 0; i < n; i += 2 {
			// An odd last pixel is done twice rather than by its own loop.
			second := min(1, n-1-i)
			a00, a10, a20, a30 := b[0], b[1], b[2], b[3]
			a01, a11, a21, a31 := a00, a10, a20, a30
			for k, q := range src {
				x0, x1 := *at(q, inOff+i), *at(q, inOff+i+second)
				v := (*[genericRows]float32)(w[k*genericRows:])
				a00 += v[0] * x0
				a01 += v[0] * x1
				a10 += v[1] * x0
				a11 += v[1] * x1
				a20 += v[2] * x0
				a21 += v[2] * x1
				a30 += v[3] * x0
				a31 += v[3] * x1
			}
			sums := [genericRows][2]float32{{a00, a01}, {a10, a11}, {a20, a21}, {a30, a31}}
			for m := range r.size {
				for j := range 1 + second {
					s := sums[m][j]
					if res != nil {
						s += *at(res[r.m0+m], outOff+i+j)
					}
					*at(out[r.m0+m], outOff+i+j) = e.apply(s)
				}
			}
		}
	}
}
