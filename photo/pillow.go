package photo

import (
	"image"
	"math"
)

// Crop resizes a picture and cuts out its middle, byte for byte as Pillow's
// Image.resize(BILINEAR) and torchvision's center_crop do: a triangle filter as
// wide as the picture shrinks, weights rounded to 22 bits, columns first, and
// rounded to bytes in between. What is cut away is not computed.
type Crop struct {
	Resize        int // shorter side of the resized picture, pixels
	Width, Height int // of what is cut out, pixels
}

// fixedBits is the precision of the weights.
const fixedBits = 32 - 8 - 2

// taps are the source pixels that one resized pixel is mixed from.
type taps struct {
	first   int
	weights []int32
}

// Sample returns red, green and blue of the cut-out, height x width pixels.
func (c *Crop) Sample(img image.Image) []uint8 {
	size := img.Bounds().Size()
	w, h := SizeFor(size.X, size.Y, c.Resize)
	return resize(img, w, h, c.Width, c.Height)
}

// Resize returns red, green and blue of the whole picture, resized to width x
// height pixels whatever its shape.
func Resize(img image.Image, width, height int) []uint8 {
	return resize(img, width, height, width, height)
}

// resize cuts width x height pixels out of the middle of a picture that is
// resized to rw x rh pixels.
func resize(img image.Image, rw, rh, width, height int) []uint8 {
	w, h, read := rgbRows(img)
	columns := resample(w, rw, middle(rw, width), width)
	rows := resample(h, rh, middle(rh, height), height)
	first, last := rows[0].first, 0
	for _, t := range rows {
		last = max(last, t.first+len(t.weights))
	}
	line := make([]uint8, 3*w)
	narrow := make([]uint8, (last-first)*3*width)
	for y := first; y < last; y++ {
		read(line, y)
		across(narrow[(y-first)*3*width:][:3*width], line, columns)
	}
	out := make([]uint8, 3*width*height)
	sums := make([]int32, 3*width)
	for y, t := range rows {
		down(out[y*3*width:][:3*width], sums, narrow[(t.first-first)*3*width:], t.weights)
	}
	return out
}

// SizeFor is the size of a picture of w x h pixels whose shorter side is resized
// to the given length; the longer one is cut to a whole number.
func SizeFor(w, h, shorter int) (width, height int) {
	if w <= h {
		return shorter, shorter * h / w
	}
	return shorter * w / h, shorter
}

// middle is where a part of n pixels begins in the middle of size: half of what
// is left, a half pixel rounded to the even number, as Python's round does.
func middle(size, n int) int { return int(math.RoundToEven(float64(size-n) / 2)) }

// resample computes the taps of resized pixels [from, from+n) of an axis of src
// pixels resized to dst.
func resample(src, dst, from, n int) []taps {
	scale := float64(src) / float64(dst)
	support := max(scale, 1) // of the triangle filter, to either side
	out := make([]taps, n)
	for i := range out {
		if src == dst {
			out[i] = taps{from + i, []int32{1 << fixedBits}}
			continue
		}
		center := (float64(from+i) + 0.5) * scale
		first := max(0, int(center-support+0.5))
		last := min(src, int(center+support+0.5))
		weights := make([]float64, last-first)
		sum := 0.0
		for j := range weights {
			x := math.Abs(float64(j+first)-center+0.5) / support
			weights[j] = max(0, 1-x)
			sum += weights[j]
		}
		t := taps{first, make([]int32, len(weights))}
		for j, v := range weights {
			t.weights[j] = int32(0.5 + v/sum*(1<<fixedBits))
		}
		out[i] = t
	}
	return out
}

// across mixes the columns of one row.
func across(dst, line []uint8, columns []taps) {
	for x, t := range columns {
		r, g, b := int32(1)<<(fixedBits-1), int32(1)<<(fixedBits-1), int32(1)<<(fixedBits-1)
		p := line[3*t.first:]
		for _, w := range t.weights {
			r += int32(p[0]) * w
			g += int32(p[1]) * w
			b += int32(p[2]) * w
			p = p[3:]
		}
		dst[3*x], dst[3*x+1], dst[3*x+2] = toByte(r), toByte(g), toByte(b)
	}
}

// down mixes rows, which lie one after the other in narrow.
func down(dst []uint8, sums []int32, narrow []uint8, weights []int32) {
	for i := range sums {
		sums[i] = 1 << (fixedBits - 1)
	}
	for j, w := range weights {
		for i, v := range narrow[j*len(dst) : (j+1)*len(dst)] {
			sums[i] += int32(v) * w
		}
	}
	for i, s := range sums {
		dst[i] = toByte(s)
	}
}

func toByte(sum int32) uint8 { return uint8(max(0, min(255, sum>>fixedBits))) }
