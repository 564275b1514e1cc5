package kernel

import (
	"fmt"
	"unsafe"
)

// PointwiseDot is a 1x1 convolution that multiplies numbers of 8 or 16 bits: two
// or four inputs lie in a 32-bit lane, which the processor multiplies by as many
// weights and adds up in one instruction. Inputs are laid out so for a tile of
// pixels; those that are planes of float32 are rounded meanwhile. Sums become
// floats again before bias, residual and activation, and bytes after those where
// the outputs are planes of bytes.
type PointwiseDot struct {
	dotRounding
	isa      ISA
	set      dotSet
	m, kg    int       // outputs, inputs of one group
	perLane  int       // inputs
	order    []int     // of a group's inputs: those of float32, then those of bytes
	floats   int       // how many of them are float32
	steps    int       // lanes that the inputs of a group take
	bytesOut bool      // outputs are planes of bytes
	clamped  bool      // and byte 0 stands for 0, so that rounding is a ReLU too
	rows     []rowTile // w is the offset in weights
	pixels   []pixelTile
	weights  []byte
	after    []dotAfterSum // by output
}

// dotSet is the kernels that do a GEMM of lower precision.
type dotSet uint8

const (
	setGo      dotSet = iota // pure Go
	setMadd                  // int8 by VPMADDWD, 256 bits
	setVNNI                  // int8 by VPDPBUSD of AVX-VNNI, 256 bits
	setEVEX                  // int8 by VPDPBUSD of AVX512_VNNI, 256 bits
	setVNNI512               // int8 by VPDPBUSD of AVX512_VNNI
	setBF16                  // bfloat16 by VDPBF16PS of AVX512_BF16
	setNEON                  // int8 by SMULL and SADALP
	setSDOT                  // int8 by SDOT
	setSMMLA                 // int8 by SMMLA
)

// perLane is the number of inputs that are multiplied together: in a lane of 32
// bits, or with SMMLA of 64.
func (s dotSet) perLane(bf16 bool) int {
	switch {
	case bf16 || s == setMadd:
		return 2
	case s == setSMMLA:
		return 8
	}
	return 4
}

// laneBytes is the size of a lane.
func (s dotSet) laneBytes() int {
	if s == setSMMLA {
		return 2 * laneBytes
	}
	return laneBytes
}

// storedRows is how many rows' weights a tile of so many rows stores: SMMLA takes
// two at a time.
func (s dotSet) storedRows(rows int) int {
	if s == setSMMLA {
		return (rows + 1) / 2 * 2
	}
	return rows
}

// shift is what kernels take off bytes of inputs, to multiply them with sign.
func (s dotSet) shift() int32 {
	if s == setNEON || s == setSDOT || s == setSMMLA {
		return 128
	}
	return 0
}

// dotRounding is how inputs that are float32 are rounded.
type dotRounding struct {
	bf16    bool    // to bfloat16; else to bytes, as follows
	inverse float32 // 1 / the width of a step
	zero    uint8   // the byte that stands for 0
}

// dotAfterSum is what an output's sum goes through; the assembly knows the
// layout. Where outputs are bytes, scale, bias and inverse are in their steps.
type dotAfterSum struct {
	start       int32 // int8: minus what the zero bytes add
	scale, bias float32
	zero        int32   // the byte that stands for 0, as two words
	inverse     float32 // of a residual
}

const laneBytes = 4

// newPointwiseDot makes the convolution without its weights.
func newPointwiseDot(isa ISA, set dotSet, r dotRounding, w, bias []float32, m, k, n, groups int) *PointwiseDot {
	if groups < 1 || m%groups != 0 || k%groups != 0 || m < 1 || k < 1 || n < 1 {
		panic(fmt.Sprintf("kernel: GEMM of %d outputs, %d inputs, %d pixels in %d groups", m, k, n, groups))
	}
	if len(w) != m*(k/groups) || (bias != nil && len(bias) != m) {
		panic(fmt.Sprintf("kernel: %d weights and %d biases for %d outputs of %d inputs", len(w), len(bias), m, k/groups))
	}
	p := &PointwiseDot{dotRounding: r, isa: isa, set: set, m: m, kg: k / groups, perLane: set.perLane(r.bf16)}
	for i := range p.kg {
		p.order = append(p.order, i)
	}
	p.split(p.kg)
	p.after = make([]dotAfterSum, m)
	for i, b := range bias {
		p.after[i].bias = b
	}
	return p
}

// split says how many inputs of a group, the first in order, are float32.
func (p *PointwiseDot) split(floats int) {
	p.floats = floats
	p.steps = p.lanes(floats) + p.lanes(p.kg-floats)
}

// lanes is how many lanes take n inputs.
func (p *PointwiseDot) lanes(n int) int { return (n + p.perLane - 1) / p.perLane }

// place is where the weight of the i-th input in order lies.
func (p *PointwiseDot) place(i int) (step, part int) {
	if i < p.floats {
		return i / p.perLane, i % p.perLane
	}
	i -= p.floats
	return p.lanes(p.floats) + i/p.perLane, i % p.perLane
}

// Inputs returns a table of planes in the order in which Run takes them: it
// wants one that was made with this.
func (p *PointwiseDot) Inputs(in []Plane) []Plane {
	table := make([]Plane, 0, len(in))
	for g := range len(in) / p.kg {
		for _, k := range p.order {
			table = append(table, in[g*p.kg+k])
		}
	}
	return table
}

// cut sets the tiles: those of one group, for each group.
func (p *PointwiseDot) cut(cut tiling, groups int) {
	p.pixels = cut.pixels
	m0, w := 0, 0
	for g := range groups {
		for i, size := range cut.rows {
			alike := 1
			for i+alike < len(cut.rows) && cut.rows[i+alike] == size {
				alike++
			}
			p.rows = append(p.rows, rowTile{m0: m0, size: size, in: g * p.kg, w: w, alike: alike})
			m0 += size
			w += p.steps * p.set.storedRows(size) * p.set.laneBytes()
		}
	}
	const overRead = 8 // floats, of kernels that load whole vectors
	p.weights = asBytes(weightFloats(w/laneBytes + overRead))
}

// eachWeight calls f for every weight of output m and an input of its group, with
// the place of its lane in p.weights and its part of the lane: for each tile of rows and each step, there
// is a lane for every row.
func (p *PointwiseDot) eachWeight(w []float32, f func(m, lane, input, part int, v float32)) {
	for _, r := range p.rows {
		for i := range r.size {
			m := r.m0 + i
			for at, k := range p.order {
				step, part := p.place(at)
				f(m, r.w+(step*p.set.storedRows(r.size)+i)*p.set.laneBytes(), k, part, w[m*p.kg+k])
			}
		}
	}
}

// Units returns the number of independent pieces of work: a row tile of a pixel
// tile each. Every call of Run lays the inputs of its pixels out anew, so give a
// thread a run of units.
func (p *PointwiseDot) Units() int { return len(p.rows) * len(p.pixels) }

// Cost is in proportion to the time that a unit takes beside others.
func (p *PointwiseDot) Cost(u int) int {
	const half = 8 // lanes of the narrowest vector
	pixels := p.pixels[u/len(p.rows)].n
	return p.rows[u%len(p.rows)].size * ((pixels + half - 1) / half * half)
}

// First returns how many units, from 0 on, cover the first n pixels.
func (p *PointwiseDot) First(n int) int { return firstTiles(p.pixels, n) * len(p.rows) }

// ScratchFloats returns the size of the memory, on a cache line, that a call of
// Run works in; concurrent calls need one each.
func (p *PointwiseDot) ScratchFloats() int {
	const vector = 16 // lanes of the widest registers
	widest := 0
	for _, t := range p.pixels {
		widest = max(widest, t.n)
	}
	return p.steps * ((widest + vector - 1) / vector * vector) * p.set.laneBytes() / floatSize
}

// Run computes units u0 to u1-1 as [Pointwise.Run] does. Inputs come in the order
// of [PointwiseDot.Inputs].
func (p *PointwiseDot) Run(out, in, res []Plane, act Act, scratch []float32, u0, u1 int) {
	e, rest := act.fused()
	if p.bytesOut && (e.hswish || rest != None) {
		panic("kernel: " + act.Kind.String() + " between planes of bytes")
	}
	if p.clamped && e.slope == 0 {
		e.slope = 1
	}
	n := len(p.rows)
	for u := u0; u < u1; {
		t := &p.pixels[u/n]
		r0 := u % n
		r1 := min(n, r0+u1-u)
		u += r1 - r0
		for a := r0; a < r1; {
			b := a + 1 // up to the next group: inputs are laid out once for all its tiles
			for b < r1 && p.rows[b].in == p.rows[a].in {
				b++
			}
			p.tile(out, in, res, t, e, scratch, a, b)
			a = b
		}
		if rest != None {
			first, last := p.rows[r0], p.rows[r1-1]
			curveRows(p.isa, out[first.m0:last.m0+last.size], t.off, t.n, rest)
		}
	}
}

// tileGeneric is the pure Go form. It lays inputs out pixel by pixel.
func (p *PointwiseDot) tileGeneric(out, in, res []Plane, t *pixelTile, e epilogue, scratch []float32, r0, r1 int) {
	size := p.steps * laneBytes
	x := asBytes(scratch)[:t.n*size]
	src := in[p.rows[r0].in:][:p.kg]
	for i := range t.n {
		p.layOutGeneric(x[i*size:(i+1)*size], src, t.off+i)
	}
	for _, r := range p.rows[r0:r1] {
		for i := range r.size {
			m := r.m0 + i
			after := &p.after[m]
			w := p.weights[r.w+i*laneBytes:]
			for j := range t.n {
				pixel := x[j*size : (j+1)*size]
				if p.bytesOut {
					*byteAt(out[m], t.off+j) = after.toByte(dotInt8(pixel, w, r.size), res, m, t.off+j, e)
					continue
				}
				var y float32
				if p.bf16 {
					y = dotBF16(pixel, w, r.size) + after.bias
				} else {
					y = float32(float32(after.start+dotInt8(pixel, w, r.size))*after.scale) + after.bias
				}
				if res != nil {
					y += *at(res[m], t.off+j)
				}
				*at(out[m], t.off+j) = e.apply(y)
			}
		}
	}
}

// toByte returns the output byte of a sum, at pixel i of plane m of the residual.
func (a *dotAfterSum) toByte(sum int32, res []Plane, m, i int, e epilogue) byte {
	y := fma32(float32(a.start+sum), a.scale, a.bias)
	if res != nil {
		y = fma32(*at(res[m], i), a.inverse, y)
	}
	return toByte(e.apply(y), uint8(a.zero))
}

// layOutGeneric rounds one pixel of every plane. What a last lane lacks meets
// weights of 0.
func (p *PointwiseDot) layOutGeneric(pixel []byte, src []Plane, off int) {
	clear(pixel)
	for i, q := range src {
		step, part := p.place(i)
		switch to := pixel[step*laneBytes:]; {
		case i >= p.floats:
			to[part] = *byteAt(q, off)
		case p.bf16:
			setWord(to[2*part:], inputBF16(*at(q, off)))
		default:
			to[part] = toByte(*at(q, off)*p.inverse, p.zero)
		}
	}
}

func setWord(b []byte, v uint16) { b[0], b[1] = byte(v), byte(v>>8) }

// asBytes views floats as bytes.
func asBytes(f []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), len(f)*floatSize)
}
