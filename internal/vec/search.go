package vec

import "math"

// MaxInto raises dst[i] to src[i] where that is greater.
func (p ISA) MaxInto(dst, src []float32) {
	src = src[:len(dst)]
	done := 0
	if n := len(dst) / Lanes * Lanes; p == AVX2 && n > 0 {
		maxInto(&dst[0], &src[0], n)
		done = n
	}
	for i, v := range src[done:] {
		if v > dst[done+i] {
			dst[done+i] = v
		}
	}
}

// AtLeast sets bit i%8 of mask[i/8] where src[i] >= floor and clears the rest.
// mask has (len(src)+7)/8 bytes.
func (p ISA) AtLeast(mask []byte, src []float32, floor float32) {
	mask = mask[:(len(src)+7)/8]
	done := 0
	if n := len(src) / Lanes * Lanes; p == AVX2 && n > 0 {
		atLeast(&mask[0], &src[0], n, floor)
		done = n
	}
	clear(mask[done/8:])
	for i, v := range src[done:] {
		if v >= floor {
			mask[(done+i)/8] |= 1 << (i % 8)
		}
	}
}

// MeanBin sets out[r] to the mean bin, 0 to 7, under the softmax of the eight
// logits of row r.
func (p ISA) MeanBin(out, logits []float32) {
	logits = logits[:Lanes*len(out)]
	if len(out) == 0 {
		return
	}
	if p == AVX2 {
		meanBin(&out[0], &logits[0], len(out))
		return
	}
	for r := range out {
		row := (*[Lanes]float32)(logits[Lanes*r:])
		top := row[0]
		for _, v := range row[1:] {
			top = max(top, v)
		}
		var sum, weighted float64
		for bin, v := range row {
			e := math.Exp(float64(v - top))
			sum += e
			weighted += e * float64(bin)
		}
		out[r] = float32(weighted / sum)
	}
}

// MeanProbability sets out to the geometric mean of the probabilities
// 1/(1+exp(-x)) of two rows of logits; those of y have the given weight, 0 to 1.
func (p ISA) MeanProbability(out, x, y []float32, weight float64) {
	x, y = x[:len(out)], y[:len(out)]
	done := 0
	if n := len(out) / Lanes * Lanes; p == AVX2 && n > 0 {
		meanProbability(&out[0], &x[0], &y[0], n, float32(1-weight), float32(weight))
		done = n
	}
	for i := done; i < len(out); i++ {
		out[i] = float32(math.Exp((1-weight)*logProbability(x[i]) + weight*logProbability(y[i])))
	}
}

// logProbability is the logarithm of 1/(1+exp(-x)).
func logProbability(x float32) float64 {
	z := float64(x)
	return min(z, 0) - math.Log1p(math.Exp(-math.Abs(z)))
}
