package kernel

import (
	"fmt"
	"math"
)

// Pool is a max or an average over a square window of every plane.
type Pool struct {
	isa            ISA
	average        bool
	k, stride, pad int
	h, w, oh, ow   int
	filter         *Depthwise // does an average pool that is also a depthwise convolution
}

// filterPlanes is the number of planes that an average pool's filter does in one
// call: on small planes calls cost as much as the work.
const filterPlanes = 64

// NewMaxPool prepares a k x k max-pool of planes of h rows and w columns.
// Padding counts as minus infinity, so it never wins. pad is at most k/2.
func NewMaxPool(isa ISA, k, stride, pad, h, w int) *Pool {
	return newPool(isa, false, k, stride, pad, h, w)
}

// NewAvgPool prepares a k x k average pool. Padding counts as zeros and is
// counted in the divisor, like count_include_pad=True of torch.nn.AvgPool2d.
func NewAvgPool(isa ISA, k, stride, pad, h, w int) *Pool {
	return newPool(isa, true, k, stride, pad, h, w)
}

func newPool(isa ISA, average bool, k, stride, pad, h, w int) *Pool {
	if k < 1 || stride < 1 || pad < 0 || 2*pad > k || h < 1 || w < 1 || h+2*pad < k || w+2*pad < k {
		panic(fmt.Sprintf("kernel: %dx%d pool, stride %d, padding %d, of planes %dx%d", k, k, stride, pad, h, w))
	}
	p := &Pool{isa: isa, average: average, k: k, stride: stride, pad: pad, h: h, w: w,
		oh: (h+2*pad-k)/stride + 1, ow: (w+2*pad-k)/stride + 1}
	if average && isa != Generic && k%2 == 1 && pad == k/2 && stride <= 2 {
		filter := make([]float32, filterPlanes*k*k)
		for i := range filter {
			filter[i] = 1 / float32(k*k)
		}
		p.filter = NewDepthwise(isa, filter, nil, filterPlanes, k, stride, h, w)
	}
	return p
}

// Out returns the size of the output planes.
func (p *Pool) Out() (h, w int) { return p.oh, p.ow }

// Run pools every plane of in to the plane of out with the same index. Planes
// are independent: threads take parts of both slices.
func (p *Pool) Run(out, in []Plane) {
	if p.filter != nil {
		for len(out) > 0 {
			n := min(len(out), filterPlanes)
			p.filter.planes(out[:n], in[:n], epilogue{slope: 1}, 0, n)
			out, in = out[n:], in[n:]
		}
		return
	}
	for i := range out {
		p.plane(out[i], in[i])
	}
}

func (p *Pool) planeGeneric(out, in Plane) {
	src, dst := floats(in, p.h*p.w), floats(out, p.oh*p.ow)
	scale := 1 / float32(p.k*p.k)
	for y := range p.oh {
		y0 := y*p.stride - p.pad
		y1 := min(y0+p.k, p.h)
		y0 = max(y0, 0)
		for x := range p.ow {
			x0 := x*p.stride - p.pad
			x1 := min(x0+p.k, p.w)
			x0 = max(x0, 0)
			top, sum := float32(math.Inf(-1)), float32(0)
			for i := y0; i < y1; i++ {
				for _, v := range src[i*p.w+x0 : i*p.w+x1] {
					top = max(top, v)
					sum += v
				}
			}
			if p.average {
				top = sum * scale
			}
			dst[y*p.ow+x] = top
		}
	}
}

// GlobalAvgPool sets every out plane of one pixel to the mean of the n pixels
// of the in plane with the same index.
func GlobalAvgPool(isa ISA, out, in []Plane, n int) {
	scale := 1 / float32(n)
	if means(isa, out, in, n, scale) {
		return
	}
	for i := range out {
		*(*float32)(out[i]) = sumPlane(isa, in[i], n) * scale
	}
}

// sumGeneric adds n values in eight partial sums, for speed and because the
// error of one long sum grows with n.
func sumGeneric(p Plane, n int) float32 {
	x := floats(p, n)
	var s [8]float32
	for ; len(x) >= 8; x = x[8:] {
		for i := range s {
			s[i] += x[i]
		}
	}
	for i, v := range x {
		s[i] += v
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}
