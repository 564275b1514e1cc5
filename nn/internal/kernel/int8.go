package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// PointwiseInt8 is a 1x1 convolution in 8-bit integers between float32 planes:
// inputs are rounded to bytes 0 to 255 while they are laid out for a tile of
// pixels, weights are rounded to -127 to 127 with one scale an output, products
// are added in 32-bit integers, and the sums become floats again before bias,
// residual and activation (Jacob et al., "Quantization and Training of Neural
// Networks for Efficient Integer-Arithmetic-Only Inference", arXiv 1712.05877,
// section 2, with float32 between layers).
//
// All paths give the same bits.
type PointwiseInt8 struct {
	path    Path
	m, kg   int     // outputs, inputs of one group
	inverse float32 // 1 / the inputs' scale
	zero    uint8   // the byte that stands for 0
	steps   int     // of a group's inputs, lanes hold perLane of them
	perLane int
	rows    []rowTile // w is the offset in weights
	pixels  []pixelTile
	weights []byte
	after   []dotAfterSum // by output
}

// dotAfterSum is what an output's sum goes through; the assembly knows the
// layout.
type dotAfterSum struct {
	start       int32 // minus what the zero byte adds
	scale, bias float32
}

// maxInt8Inputs is how many products of bytes fit a 32-bit sum.
const maxInt8Inputs = math.MaxInt32 / (255 * 127)

// Int8Fits tells whether a 1x1 convolution of k inputs a group can be done in 8
// bits without overflow.
func Int8Fits(k int) bool { return k <= maxInt8Inputs }

// NewPointwiseInt8 prepares the convolution that [NewPointwise] describes for
// inputs from lo to hi; those beyond are taken for lo or hi.
func NewPointwiseInt8(path Path, w, bias []float32, m, k, n, groups int, lo, hi float32) *PointwiseInt8 {
	if groups < 1 || m%groups != 0 || k%groups != 0 || m < 1 || k < 1 || n < 1 || !Int8Fits(k/groups) {
		panic(fmt.Sprintf("kernel: int8 product of %d outputs, %d inputs, %d pixels in %d groups", m, k, n, groups))
	}
	if len(w) != m*(k/groups) || (bias != nil && len(bias) != m) {
		panic(fmt.Sprintf("kernel: %d weights and %d biases for %d outputs of %d inputs", len(w), len(bias), m, k/groups))
	}
	p := &PointwiseInt8{path: int8Path(path), m: m, kg: k / groups}
	scale := p.inputs(lo, hi)
	p.perLane = inputsPerLane(p.path)
	p.steps = (p.kg + p.perLane - 1) / p.perLane
	p.cut(chooseInt8Tiles(p.path, m/groups, p.steps, n), groups)
	p.round(w, bias, scale)
	return p
}

// inputs settles how floats become bytes and returns the width of a step. The
// range is widened to hold 0, which padding and dead channels need exactly.
func (p *PointwiseInt8) inputs(lo, hi float32) float32 {
	lo, hi = min(lo, 0), max(hi, 0)
	scale := (hi - lo) / 255
	if !(scale > 0) || math.IsInf(float64(scale), 0) || math.IsInf(float64(1/scale), 0) {
		scale, lo = 1, 0
	}
	p.inverse = 1 / scale
	p.zero = uint8(min(255, math.RoundToEven(float64(-lo/scale))))
	return scale
}

// cut sets the tiles: those of one group, for each group.
func (p *PointwiseInt8) cut(cut tiling, groups int) {
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
			w += p.steps * size * laneBytes
		}
	}
	p.weights = asBytes(weightFloats(w / laneBytes))
}

const laneBytes = 4

// round stores the weights in the order in which the micro-kernels read them:
// for each tile of rows and each step, a lane for every row.
func (p *PointwiseInt8) round(w, bias []float32, inputScale float32) {
	p.after = make([]dotAfterSum, p.m)
	for _, r := range p.rows {
		for i := range r.size {
			m := r.m0 + i
			row := w[m*p.kg : (m+1)*p.kg]
			scale := weightScale(row)
			sum := int32(0)
			for k, v := range row {
				q := int8(max(-127, min(127, math.RoundToEven(float64(v/scale)))))
				sum += int32(q)
				p.setWeight(r.w+(k/p.perLane*r.size+i)*laneBytes, k%p.perLane, q)
			}
			p.after[m] = dotAfterSum{start: -int32(p.zero) * sum, scale: scale * inputScale}
			if bias != nil {
				p.after[m].bias = bias[m]
			}
		}
	}
}

// setWeight stores a weight as part of a lane: a byte of four, or a word of two.
func (p *PointwiseInt8) setWeight(lane, part int, q int8) {
	if p.perLane == 4 {
		p.weights[lane+part] = byte(q)
		return
	}
	p.weights[lane+2*part], p.weights[lane+2*part+1] = byte(q), byte(q>>7)
}

// weightScale is the width of a step of an output's weights.
func weightScale(row []float32) float32 {
	top := float32(0)
	for _, v := range row {
		top = max(top, v, -v)
	}
	if scale := top / 127; scale > 0 && !math.IsInf(float64(scale), 0) && !math.IsInf(float64(1/scale), 0) {
		return scale
	}
	return 1
}

// Units returns the number of independent pieces of work: a row tile of a pixel
// tile each. Every call of Run lays the inputs of its pixels out anew, so give a
// thread a run of units.
func (p *PointwiseInt8) Units() int { return len(p.rows) * len(p.pixels) }

// ScratchFloats returns the size of the memory, on a cache line, that a call of
// Run works in; concurrent calls need one each.
func (p *PointwiseInt8) ScratchFloats() int {
	widest := 0
	for _, t := range p.pixels {
		widest = max(widest, t.n)
	}
	return p.steps * ((widest + widestVector - 1) / widestVector * widestVector)
}

// widestVector is the number of 32-bit lanes of the widest registers.
const widestVector = 16

// Run computes units u0 to u1-1 as [Pointwise.Run] does.
func (p *PointwiseInt8) Run(out, in, res []Plane, act Act, scratch []float32, u0, u1 int) {
	slope, rest := act.split()
	n := len(p.rows)
	for u := u0; u < u1; {
		t := &p.pixels[u/n]
		r0 := u % n
		r1 := min(n, r0+u1-u)
		u += r1 - r0
		for a := r0; a < r1; {
			// one group: its inputs are laid out once
			b := a + 1
			for b < r1 && p.rows[b].in == p.rows[a].in {
				b++
			}
			p.tile(out, in, res, t, slope, scratch, a, b)
			a = b
		}
		if rest != None {
			first, last := p.rows[r0], p.rows[r1-1]
			curveRows(p.path, out[first.m0:last.m0+last.size], t.off, t.n, rest)
		}
	}
}

// toByte rounds an input as the assembly does: beyond 32 bits the processor's
// conversion gives the least integer, which becomes 0.
func (p *PointwiseInt8) toByte(x float32) uint8 {
	v := math.RoundToEven(float64(x * p.inverse))
	if !(v < 1<<31 && v >= -1<<31) {
		return 0
	}
	return uint8(max(0, min(255, max(math.MinInt16, min(math.MaxInt16, v))+float64(p.zero))))
}

// asBytes views floats as bytes.
func asBytes(f []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), len(f)*floatSize)
}

// tileGeneric is the pure Go form. Its packed inputs are those of the VNNI form,
// a pixel's quads together.
func (p *PointwiseInt8) tileGeneric(out, in, res []Plane, t *pixelTile, slope float32, scratch []float32, r0, r1 int) {
	x := asBytes(scratch)[:t.n*p.steps*laneBytes]
	src := in[p.rows[r0].in:][:p.kg]
	for i := range t.n {
		pixel := x[i*p.steps*laneBytes:][:p.steps*laneBytes]
		for k, q := range src {
			pixel[k] = p.toByte(*at(q, t.off+i))
		}
		clear(pixel[p.kg:]) // meets weights of 0
	}
	for _, r := range p.rows[r0:r1] {
		for i := range r.size {
			m := r.m0 + i
			after := &p.after[m]
			var resPlane Plane
			if res != nil {
				resPlane = res[m]
			}
			for j := range t.n {
				sum := after.start
				pixel := x[j*p.steps*laneBytes:][:p.steps*laneBytes]
				w := p.weights[r.w+i*laneBytes:]
				for k := 0; k < len(pixel); k += laneBytes {
					a, b := (*[laneBytes]byte)(pixel[k:]), (*[laneBytes]byte)(w[k*r.size:])
					sum += int32(a[0])*int32(int8(b[0])) + int32(a[1])*int32(int8(b[1])) +
						int32(a[2])*int32(int8(b[2])) + int32(a[3])*int32(int8(b[3]))
				}
				y := float32(float32(sum)*after.scale) + after.bias
				if res != nil {
					y += *at(resPlane, t.off+j)
				}
				*at(out[m], t.off+j) = leaky(y, slope)
			}
		}
	}
}
