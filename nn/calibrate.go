package nn

import "math"

// Calibrator collects what the inputs of a network's 1x1 and depthwise convolutions
// hold, to settle which range of them 8 bits shall cover. Its Observe is an
// [Options.Observe].
type Calibrator struct{ layers map[string]*histogram }

// NewCalibrator returns a calibrator that has seen nothing.
func NewCalibrator() *Calibrator { return &Calibrator{map[string]*histogram{}} }

// Observe adds a layer's input. A layer that runs several times, on the levels of a
// pyramid for instance, gets one range for all.
func (c *Calibrator) Observe(layer string, input [][]float32) {
	h := c.layers[layer]
	if h == nil {
		h = &histogram{top: 1.0 / 1024}
		c.layers[layer] = h
	}
	for _, plane := range input {
		h.add(plane)
	}
}

// Ranges returns for every layer the range that makes the least mean square
// error of rounding what was seen to one of 256 steps.
func (c *Calibrator) Ranges() Ranges {
	r := Ranges{}
	for name, h := range c.layers {
		r[name] = h.best()
	}
	return r
}

// halfBins is the number of a histogram's bins on either side of 0: fine enough
// for bins to be much narrower than a step of any range worth considering.
const halfBins = 2048

// histogram counts values between -top and top, which doubles as need be.
type histogram struct {
	top    float32
	counts [2 * halfBins]uint64
}

func (h *histogram) add(values []float32) {
	scale := halfBins / h.top
	for _, v := range values {
		if !(v >= -h.top && v < h.top) {
			if v-v != 0 {
				continue // NaN, infinity
			}
			for v < -h.top || v >= h.top {
				h.double()
			}
			scale = halfBins / h.top
		}
		h.counts[min(2*halfBins-1, int((v+h.top)*scale))]++
	}
}

// double joins bins two by two.
func (h *histogram) double() {
	var wider [2 * halfBins]uint64
	for i, n := range h.counts {
		wider[halfBins/2+i/2] += n
	}
	h.counts = wider
	h.top *= 2
}

// candidates is how many ends of a range are tried on either side of 0.
const candidates = 64

// best tries ranges of which one end is that of the values or nearer to 0.
func (h *histogram) best() Range {
	first, last := h.span()
	if first > last {
		return Range{}
	}
	width := float64(h.top) / halfBins
	lowest, highest := min(0, float64(first-halfBins)*width), max(0, float64(last+1-halfBins)*width)
	least, found := math.Inf(1), Range{}
	for i := range candidates {
		lo := lowest * (1 - float64(i)/candidates)
		for j := range candidates {
			hi := highest * (1 - float64(j)/candidates)
			if e := h.squareError(lo, hi, first, last, least); e < least {
				least, found = e, Range{float32(lo), float32(hi)}
			}
			if highest == 0 {
				break
			}
		}
		if lowest == 0 {
			break
		}
	}
	return found
}

// span returns the first and the last bin that hold values.
func (h *histogram) span() (first, last int) {
	first, last = 0, len(h.counts)-1
	for first <= last && h.counts[first] == 0 {
		first++
	}
	for last >= first && h.counts[last] == 0 {
		last--
	}
	return first, last
}

// squareError is the sum over all values of the square of their error: a
// rounding error within the range, the distance to it outside. It may give up
// above limit.
func (h *histogram) squareError(lo, hi float64, first, last int, limit float64) float64 {
	width := float64(h.top) / halfBins
	step := (hi - lo) / 255
	rounding := step * step / 12
	sum := 0.0
	for i := first; i <= last; i++ {
		if h.counts[i] == 0 {
			continue
		}
		v := (float64(i-halfBins) + 0.5) * width
		d := max(lo-v, v-hi, 0)
		if sum += float64(h.counts[i]) * max(rounding, d*d); sum > limit {
			break
		}
	}
	return sum
}
