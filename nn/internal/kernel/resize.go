package kernel

import (
	"fmt"
	"math"
)

// Resize changes the size of planes, by the nearest pixel or bilinearly, with
// the arithmetic of torch.nn.functional.interpolate(size=...).
type Resize struct {
	h, w, oh, ow int
	nearest      bool
	rows, cols   []tap
	blocks       []int32 // how the assembly cuts rows; none: pure Go does it
	blockLanes   int     // outputs of a block
	lines        []int32 // rows, as the assembly reads them
}

// tap says which two inputs an output is mixed from, and how much of the second.
type tap struct {
	a, b int
	t    float32
}

// NewResizeBilinear prepares a bilinear resize of planes of h rows and w
// columns to oh rows and ow columns, as with align_corners=False.
func NewResizeBilinear(isa ISA, h, w, oh, ow int) *Resize {
	r := newResize(h, w, oh, ow, false)
	r.prepare(isa)
	return r
}

// NewResizeNearest prepares a resize that repeats or drops pixels.
func NewResizeNearest(_ ISA, h, w, oh, ow int) *Resize {
	return newResize(h, w, oh, ow, true)
}

func newResize(h, w, oh, ow int, nearest bool) *Resize {
	if h < 1 || w < 1 || oh < 1 || ow < 1 {
		panic(fmt.Sprintf("kernel: resize of planes %dx%d to %dx%d", h, w, oh, ow))
	}
	return &Resize{h: h, w: w, oh: oh, ow: ow, nearest: nearest,
		rows: taps(h, oh, nearest), cols: taps(w, ow, nearest)}
}

// taps maps n outputs to inputs. Coordinates are computed in float32 because
// torch does so.
func taps(in, n int, nearest bool) []tap {
	scale := float32(in) / float32(n)
	out := make([]tap, n)
	for i := range out {
		if nearest {
			a := min(int(float32(i)*scale), in-1)
			out[i] = tap{a: a, b: a}
			continue
		}
		x := max((float32(i)+0.5)*scale-0.5, 0)
		a := min(int(x), in-1)
		out[i] = tap{a: a, b: min(a+1, in-1), t: x - float32(a)}
	}
	return out
}

// cut makes blocks of n outputs, as the assembly reads them, and reports whether
// that is possible. number tells how an input, counted from a block's first, is
// written.
func (r *Resize) cut(n int, number func(int) int32) bool {
	if r.ow < n {
		return false
	}
	r.blocks, r.blockLanes = nil, n
	for x := 0; x < r.ow; x += n {
		x = min(x, r.ow-n)
		cols := r.cols[x : x+n]
		first := cols[0].a
		var a, b, t []int32
		for _, c := range cols {
			if c.b-first >= n {
				r.blocks = nil
				return false
			}
			a, b, t = append(a, number(c.a-first)), append(b, number(c.b-first)), append(t, floatBits(c.t))
		}
		r.blocks = append(r.blocks, int32(first*floatSize), int32(x*floatSize))
		r.blocks = append(append(append(r.blocks, a...), b...), t...)
	}
	return true
}

func floatBits(v float32) int32 { return int32(math.Float32bits(v)) }

// Out returns the size of the output planes.
func (r *Resize) Out() (h, w int) { return r.oh, r.ow }

// Run resizes every plane of in to the plane of out with the same index. Planes
// are independent: threads take parts of both slices.
func (r *Resize) Run(out, in []Plane) {
	for i := range out {
		r.plane(out[i], in[i])
	}
}

// planeGeneric mixes rows first, then columns, like the assembly.
func (r *Resize) planeGeneric(out, in Plane) {
	src, dst := floats(in, r.h*r.w), floats(out, r.oh*r.ow)
	for y, v := range r.rows {
		line := dst[y*r.ow : (y+1)*r.ow]
		upper, lower := src[v.a*r.w:(v.a+1)*r.w], src[v.b*r.w:(v.b+1)*r.w]
		if r.nearest {
			for x, u := range r.cols {
				line[x] = upper[u.a]
			}
			continue
		}
		for x, u := range r.cols {
			left := upper[u.a] + v.t*(lower[u.a]-upper[u.a])
			right := upper[u.b] + v.t*(lower[u.b]-upper[u.b])
			line[x] = left + u.t*(right-left)
		}
	}
}
