package detector

// axis is the resampling of one image axis: source pixels are first averaged in
// boxes of a whole number of pixels, then neighbouring boxes are interpolated.
type axis struct {
	src, dst int // length in pixels
	extent   float64
	plain    bool
	factor   int // pixels in a box: the whole part of src/dst, at least 1
	boxes    int // the last box may be cut short by the end of the picture

	// dst[i] = wa[i]*box[first[i]] + wb[i]*box[second[i]], boxes being sums: the
	// weights hold the division by a box's number of pixels.
	first, second []int32
	wa, wb        []float32
}

// set computes the tables for a source and destination length, reusing memory.
// Sampling follows OpenCV's INTER_LINEAR: pixel centres lie at halves, and what
// lies outside repeats the edge. A box has its centre at its middle, so that
// averaging moves nothing.
// Plain sampling makes every pixel a box of its own.
//
// extent is the length of the picture in source pixels, the last of which may
// reach a part beyond its end if the picture was reduced.
func (a *axis) set(src int, extent float64, dst int, plain bool) {
	if a.src == src && a.extent == extent && a.dst == dst && a.plain == plain {
		return
	}
	a.src, a.extent, a.dst, a.plain = src, extent, dst, plain
	a.factor = max(1, int(extent/float64(dst)))
	if plain {
		a.factor = 1
	}
	a.boxes = (src + a.factor - 1) / a.factor
	a.first, a.second = grow(a.first, dst), grow(a.second, dst)
	a.wa, a.wb = grow(a.wa, dst), grow(a.wb, dst)
	scale := extent / float64(dst) / float64(a.factor)
	for i := range dst {
		c := float32((float64(i)+0.5)*scale - 0.5)
		lo := int(c)
		if c < 0 {
			lo, c = 0, 0
		}
		f := c - float32(lo)
		hi := lo + 1
		if hi >= a.boxes {
			lo, hi, f = min(lo, a.boxes-1), a.boxes-1, 0
		}
		a.first[i], a.second[i] = int32(lo), int32(hi)
		a.wa[i] = (1 - f) / float32(a.pixels(lo))
		a.wb[i] = f / float32(a.pixels(hi))
	}
}

// pixels is the number of source pixels in a box.
func (a *axis) pixels(box int) int {
	return min(a.factor, a.src-box*a.factor)
}

// grow returns a slice of n elements, s itself where it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
