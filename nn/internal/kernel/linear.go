package kernel

import "fmt"

// linearRows is the number of outputs of one unit of a [Linear].
const linearRows = 8

// Linear is a fully connected layer: a matrix times one vector. For many
// vectors at once use a [Pointwise] whose pixels are the vectors.
type Linear struct {
	isa  ISA
	m, k int
	kPad int       // k rounded up to whole vectors
	w    []float32 // blocks of linearRows outputs, each [kPad/16][linearRows][16]
	bias []float32
}

const linearVec = 16

// NewLinear prepares a layer of k inputs and m outputs; w is [m][k], bias has m
// values or is nil.
func NewLinear(isa ISA, w, bias []float32, m, k int) *Linear {
	if m < 1 || k < 1 || len(w) != m*k || (bias != nil && len(bias) != m) {
		panic(fmt.Sprintf("kernel: %d weights and %d biases for a linear layer of %d inputs and %d outputs", len(w), len(bias), k, m))
	}
	l := &Linear{isa: isa, m: m, k: k, kPad: (k + linearVec - 1) / linearVec * linearVec}
	blocks := l.Units()
	l.w = weightFloats(blocks * linearRows * l.kPad)
	l.bias = make([]float32, blocks*linearRows)
	copy(l.bias, bias)
	for i := range m {
		for j := range k {
			l.w[l.index(i, j)] = w[i*k+j]
		}
	}
	return l
}

// index returns where the weight of output i for input j is kept. The rows of a
// block are interleaved so that a block is one sequential stream of memory.
func (l *Linear) index(i, j int) int {
	return (i/linearRows)*linearRows*l.kPad + (j/linearVec)*linearRows*linearVec + (i%linearRows)*linearVec + j%linearVec
}

// Units returns the number of independent pieces of work.
func (l *Linear) Units() int { return (l.m + linearRows - 1) / linearRows }

// ScratchFloats returns the length of the scratch slice one call of Run needs.
func (l *Linear) ScratchFloats() int { return l.kPad }

// Run computes the outputs of units u0 to u1-1. in has k planes and out m
// planes of one pixel. Concurrent calls need a scratch slice each.
func (l *Linear) Run(out, in []Plane, act Act, scratch []float32, u0, u1 int) {
	x := scratch[:l.kPad]
	for i, p := range in[:l.k] {
		x[i] = *(*float32)(p)
	}
	clear(x[l.k:])
	slope, rest := act.split()
	for u := u0; u < u1; u++ {
		var sums [linearRows]float32
		l.block(&sums, x, u)
		n := min(linearRows, l.m-u*linearRows)
		for i := range n {
			sums[i] = leaky(sums[i]+l.bias[u*linearRows+i], slope)
		}
		if rest != None {
			curve(l.isa, Plane(&sums), n, rest)
		}
		for i := range n {
			*(*float32)(out[u*linearRows+i]) = sums[i]
		}
	}
}

// blockGeneric computes the dot products of one block in pure Go, each with
// four partial sums so that additions overlap.
func (l *Linear) blockGeneric(sums *[linearRows]float32, x []float32, u int) {
	w := l.w[u*linearRows*l.kPad : (u+1)*linearRows*l.kPad]
	for r := range sums {
		var a, b, c, d float32
		for j := 0; j < l.kPad; j += linearVec {
			v := (*[linearVec]float32)(w[j*linearRows+r*linearVec:])
			y := (*[linearVec]float32)(x[j:])
			for i := 0; i < linearVec; i += 4 {
				a += v[i] * y[i]
				b += v[i+1] * y[i+1]
				c += v[i+2] * y[i+2]
				d += v[i+3] * y[i+3]
			}
		}
		sums[r] = (a + c) + (b + d)
	}
}
