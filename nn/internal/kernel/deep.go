package kernel

// deep is a GEMM of so many inputs and weights that neither the inputs of a tile
// of pixels nor the weights would stay in a cache. It goes over the inputs part by
// part and adds up in the output planes: a part's inputs of a tile of pixels stay in
// the first level cache for a group of outputs, and each weight comes from memory
// once and serves all pixels.
type deep struct {
	parts  []*gemm
	first  []int // input of each part, and the end
	groups []int // row tile with which each group begins, and the end
	pixels []pixelTile
}

const (
	deepInputs  = 144       // of a part: 27 kB for 48 pixels
	deepRows    = 144       // outputs of a group, at least: their weights for a part stay in the second level cache
	deepWeights = 128 << 10 // weights from which on a GEMM is deep
	deepPixels  = 16        // and pixels
)

// isDeep tells whether a GEMM of m outputs, k inputs and n pixels is one.
func isDeep(m, k, n int) bool { return m*k >= deepWeights && n >= deepPixels }

// newDeep packs w, [m][k]. Parts have a multiple of unit inputs.
func newDeep(isa ISA, w, bias []float32, m, k, n, unit int) *deep {
	size := (deepInputs + unit - 1) / unit * unit
	tiles := chooseTiles(isa, m, min(size, k), n)
	d := &deep{pixels: tiles.pixels}
	for from := 0; from < k; from += size {
		to := min(from+size, k)
		part := make([]float32, 0, m*(to-from))
		for i := range m {
			part = append(part, w[i*k+from:i*k+to]...)
		}
		d.parts, d.first = append(d.parts, newGEMMOf(isa, part, bias, m, to-from, 1, tiles)), append(d.first, from)
		bias = nil
	}
	d.first = append(d.first, k)
	rows := deepRows
	for r, t := range d.parts[0].rows {
		if rows >= deepRows {
			d.groups, rows = append(d.groups, r), 0
		}
		rows += t.size
	}
	d.groups = append(d.groups, len(d.parts[0].rows))
	return d
}

// units is the number of independent pieces of work: groups of outputs.
func (d *deep) units() int { return len(d.groups) - 1 }

// run adds part i to units u0 to u1-1, and with the last part does the activation,
// for at least the first n pixels. in are the planes of the part's inputs; res
// counts for the first part.
func (d *deep) run(i int, out, in, res []Plane, act Act, n, u0, u1 int) {
	g := d.parts[i]
	if i > 0 {
		res = out
	}
	e, rest := epilogue{slope: 1}, None
	if i == len(d.parts)-1 {
		if e, rest = act.fused(); e.hswish && g.across && res != nil {
			e, rest = epilogue{slope: 1}, HSwish // as in gemm.run
		}
	}
	for u := u0; u < u1; u++ {
		r0, r1 := d.groups[u], d.groups[u+1]
		for t := range firstTiles(d.pixels, n) {
			p := &d.pixels[t]
			g.tile(out, in, res, p, p.off, p.off, e, r0, r1)
			if rest != None {
				first, last := g.rows[r0], g.rows[r1-1]
				curveRows(g.isa, out[first.m0:last.m0+last.size], p.off, p.n, rest)
			}
		}
	}
}
