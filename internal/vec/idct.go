package vec

import (
	"encoding/binary"
	"fmt"
	"math"
)

// IDCT turns the DCT coefficients of a JPEG block into samples.
//
// A block is 8 by 8 coefficients, column by column of frequencies: the one of
// horizontal frequency v and vertical frequency u is coef[8*v+u]. At shift 0 it
// becomes 8x8 samples, at shift 1, 2 or 3 the 4x4, 2x2 or 1x1 means of squares of
// them. These need no full transform: the mean of two neighbours of a cosine is
// the cosine between them, times a constant, and frequencies above half the
// samples that are left fold back into the ones below. libjpeg's reduced
// transforms are the same means (Arai, Agui and Nakajima's flow graph, here in
// float32, does the full one).

// IDCTTable holds the factors of every coefficient at one shift: the quantiser's
// steps and what the transform leaves to them.
type IDCTTable [64]float32

// NewIDCTTable makes one of a quantiser's steps, in the order of IDCT's blocks.
func NewIDCTTable(steps *[64]uint16, shift int) *IDCTTable {
	if shift < 0 || shift > 3 {
		panic(fmt.Sprintf("vec: IDCT with shift %d", shift))
	}
	var f [8]float64
	for u := range f {
		angle := float64(u) * math.Pi / 16
		half := math.Cos(angle) / 2
		if u == 0 {
			half = math.Sqrt2 / 4
		}
		f[u] = half
		switch {
		case shift == 1 && u == 4, shift == 2 && u > 0 && u%2 == 0, shift == 3 && u > 0:
			f[u] = 0 // every mean of it is zero
		case shift == 2 && u > 0:
			f[u] *= math.Cos(2*angle) * math.Cos(4*angle)
		}
	}
	var t IDCTTable
	for i, step := range steps {
		t[i] = float32(float64(step) * f[i/8] * f[i%8])
	}
	return &t
}

// IDCT writes the 8>>shift rows of samples of a block to dst, rows stride bytes
// apart; table must be of the same shift. Samples are 128 more than the transform
// gives, rounded, and clamped to bytes.
func (p ISA) IDCT(dst []byte, stride int, coef *[64]int16, table *IDCTTable, shift int) {
	n := 8 >> shift
	_ = dst[(n-1)*stride+n-1]
	if p == AVX2 {
		switch shift {
		case 0:
			idct8(&dst[0], stride, &coef[0], &table[0])
			return
		case 1:
			idct4(&dst[0], stride, &coef[0], &table[0])
			return
		}
	}
	switch shift {
	case 0:
		idct8Generic(dst, stride, coef, table)
	case 1:
		idct4Generic(dst, stride, coef, table)
	case 2:
		idct2Generic(dst, stride, coef, table)
	default:
		dst[0] = sample(float32(float32(coef[0])*table[0]) + middle)
	}
}

// Flat writes a block whose only coefficient is the first.
func (p ISA) Flat(dst []byte, stride int, coef int16, table *IDCTTable, shift int) {
	v := sample(float32(float32(coef)*table[0]) + middle)
	n := 8 >> shift
	if n == 8 {
		word := uint64(v) * 0x0101010101010101
		for y := range 8 {
			binary.LittleEndian.PutUint64(dst[y*stride:], word)
		}
		return
	}
	for y := range n {
		row := dst[y*stride : y*stride+n]
		for x := range row {
			row[x] = v
		}
	}
}

// middle is 128 and the half that makes cutting off rounding.
const middle = 128.5

func sample(v float32) byte { return byte(int32(min(max(v, 0), 255))) }

// The graph's constants: from cosines of multiples of pi/8.
const (
	root2     = 1.41421356237309504880168872420969807857
	twoCos2   = 1.84775906502257351225636637879357657364 // 2 cos(pi/8)
	rotateIn  = 1.08239220029239396879944641073277884012 // 2 (cos(pi/8) - cos(3 pi/8))
	rotateOut = 2.61312592975275305571328634685437200119 // 2 (cos(pi/8) + cos(3 pi/8))
)

// butterfly8 is the eight-point transform, in place.
func butterfly8(x *[8]float32) {
	a, b := x[0]+x[4], x[0]-x[4]
	c := x[2] + x[6]
	d := float32((x[2]-x[6])*root2) - c
	e0, e3, e1, e2 := a+c, a-c, b+d, b-d
	z13, z10 := x[5]+x[3], x[5]-x[3]
	z11, z12 := x[1]+x[7], x[1]-x[7]
	o0 := z11 + z13
	t := float32((z11 - z13) * root2)
	z5 := float32((z10 + z12) * twoCos2)
	o1 := z5 - float32(z10*rotateOut) - o0
	o2 := t - o1
	o3 := z5 - float32(z12*rotateIn) - o2
	*x = [8]float32{e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0}
}

func idct8Generic(dst []byte, stride int, coef *[64]int16, table *IDCTTable) {
	var m [64]float32 // by horizontal place, then vertical frequency
	for u := range 8 {
		var x [8]float32
		for v := range x {
			x[v] = float32(float32(coef[8*v+u]) * table[8*v+u])
		}
		if u == 0 {
			x[0] += middle
		}
		butterfly8(&x)
		for i, s := range x {
			m[8*i+u] = s
		}
	}
	for i := range 8 {
		x := (*[8]float32)(m[8*i:])
		butterfly8(x)
		for y, s := range x {
			dst[y*stride+i] = sample(s)
		}
	}
}

// Cosines of pi/8, 2 pi/8 and 3 pi/8.
const (
	cos1 = 0.92387953251128675612818318939678828682
	cos2 = 0.70710678118654752440084436210484903928
	cos3 = 0.38268343236508977172845998403039886676
)

// butterfly4 folds eight frequencies into four and transforms these.
func butterfly4(x *[8]float32) [4]float32 {
	y1, y2, y3 := x[1]-x[7], x[2]-x[6], x[3]-x[5]
	h := float32(y2 * cos2)
	e0, e1 := x[0]+h, x[0]-h
	o0 := float32(y1*cos1) + float32(y3*cos3)
	o1 := float32(y1*cos3) - float32(y3*cos1)
	return [4]float32{e0 + o0, e1 + o1, e1 - o1, e0 - o0}
}

func idct4Generic(dst []byte, stride int, coef *[64]int16, table *IDCTTable) {
	var m [4][8]float32
	for u := range 8 {
		if u == 4 {
			continue
		}
		var x [8]float32
		for v := range x {
			x[v] = float32(float32(coef[8*v+u]) * table[8*v+u])
		}
		if u == 0 {
			x[0] += middle
		}
		for i, s := range butterfly4(&x) {
			m[i][u] = s
		}
	}
	for i := range m {
		for y, s := range butterfly4(&m[i]) {
			dst[y*stride+i] = sample(s)
		}
	}
}

// idct2Generic needs sums only: the table holds the cosines.
func idct2Generic(dst []byte, stride int, coef *[64]int16, table *IDCTTable) {
	var left, right [5]float32
	for k, u := range [5]int{0, 1, 3, 5, 7} {
		at := func(v int) float32 { return float32(float32(coef[8*v+u]) * table[8*v+u]) }
		even, odd := at(0), at(1)+at(3)+at(5)+at(7)
		if u == 0 {
			even += middle
		}
		left[k], right[k] = even+odd, even-odd
	}
	for i, x := range [2]*[5]float32{&left, &right} {
		odd := x[1] + x[2] + x[3] + x[4]
		dst[i], dst[stride+i] = sample(x[0]+odd), sample(x[0]-odd)
	}
}
