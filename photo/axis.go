package photo

import (
	"math"

	"example.com/riffle/internal/vec"
)

// axis is the resampling of one image axis: source pixels are first averaged in
// boxes, then neighbouring boxes are interpolated.
type axis struct {
	key    axisKey
	factor int // pixels that the reader of a picture adds up to a source value
	values int // source values; the last one may have fewer pixels
	per    int // taps of an output
	// Output i is the weighted sum of values over taps[i*per : (i+1)*per], which
	// lie within per neighbouring values. Its weights add up to one.
	taps []vec.Tap
}

// axisKey is what an axis is made of.
type axisKey struct {
	src    int     // length in pixels
	offset float64 // where what is sampled begins, within the first pixel; 0 unless reduced
	extent float64 // length of that; less than src by parts of pixels if the picture was reduced
	shift  int     // the binary logarithm of that reduction
	dst    int
	plain  bool
	single bool // the reader gives single pixels, which is fast where it can
}

// set computes the tables, reusing memory. Sampling follows OpenCV's
// INTER_LINEAR: pixel centres lie at halves, and what lies outside repeats the
// edge. A box is as many of the file's pixels long as source and destination fit
// into each other; its centre is its middle, so that averaging moves nothing.
// Plain sampling makes every pixel a box of its own.
func (a *axis) set(k axisKey) {
	if a.key == k {
		return
	}
	a.key = k
	box := math.Floor(k.extent * float64(int(1)<<k.shift) / float64(k.dst))
	if box < 1 || k.plain {
		box = 1
	}
	box /= float64(int(1) << k.shift)
	if k.shift == 0 && (box == 1 || !k.single) {
		a.whole(int(box))
		return
	}
	a.weigh(max(box, 1))
}

// whole makes taps for boxes of a whole number of pixels, added up by the
// picture's reader.
func (a *axis) whole(factor int) {
	k := &a.key
	a.factor, a.values, a.per = factor, (k.src+factor-1)/factor, 2
	a.taps = vec.Grow(a.taps, 2*k.dst)
	scale := k.extent / float64(k.dst) / float64(factor)
	if k.plain {
		scale = float64(float32(scale)) // as torch rounds it: at the far end that is 1/20,000 of a pixel
	}
	for i := range k.dst {
		lo, hi, f := interpolate(i, scale, a.values)
		a.taps[2*i] = vec.Tap{At: int32(lo), Weight: 1 - f}
		a.taps[2*i+1] = vec.Tap{At: int32(hi), Weight: f}
	}
}

// interpolate says between which two of n boxes output i lies, and how much of
// the second it has.
func interpolate(i int, scale float64, n int) (lo, hi int, f float32) {
	c := float32((float64(i)+0.5)*scale - 0.5)
	lo = int(c)
	if c < 0 {
		lo, c = 0, 0
	}
	f = c - float32(lo)
	if hi = lo + 1; hi >= n {
		return min(lo, n-1), n - 1, 0
	}
	return lo, hi, f
}

// weigh makes taps for boxes of single pixels. The ends of a reduced picture's
// boxes lie within pixels: of a pixel, a box has as much as it covers.
func (a *axis) weigh(box float64) {
	k := &a.key
	a.factor, a.values = 1, k.src
	a.per = int(math.Ceil(2 * box))
	if box != math.Trunc(box) || k.offset != 0 {
		a.per++
	}
	a.taps = vec.Grow(a.taps, a.per*k.dst)
	boxes := int(math.Ceil(k.extent/box - 1e-9))
	scale := k.extent / float64(k.dst) / box
	for i := range k.dst {
		lo, hi, f := interpolate(i, scale, boxes)
		first := min(int(k.offset+float64(lo)*box), max(0, a.values-a.per))
		taps := a.taps[i*a.per : (i+1)*a.per]
		for t := range taps {
			at := float64(first + t)
			w := float64(1-f)*a.share(at, box, lo) + float64(f)*a.share(at, box, hi)
			taps[t] = vec.Tap{At: int32(min(first+t, a.values-1)), Weight: float32(w)}
		}
	}
}

// share is how much of box number n is pixel at.
func (a *axis) share(at, box float64, n int) float64 {
	from := a.key.offset + float64(n)*box
	to := a.key.offset + min(float64(n+1)*box, a.key.extent)
	return max(0, min(at+1, to)-max(at, from)) / (to - from)
}

// pixels is the number of source pixels in a value.
func (a *axis) pixels(value int) int {
	return min(a.factor, a.key.src-value*a.factor)
}
