package kernel

import "fmt"

// Dilated is a depthwise convolution of stride 1 whose taps lie dilation pixels
// apart, with zero padding that keeps the size (LR-ASPP's last stage, arXiv
// 1905.02244, section 6.4).
//
// Pixels whose coordinates leave the same remainders modulo the dilation only
// meet each other. They are copied together to a smaller plane, on which the
// convolution is an ordinary one, so it needs no kernels of its own.
type Dilated struct {
	dilation, c, h, w int
	phases            []phase
}

// phase is the smaller plane of the pixels from row y and column x on.
type phase struct {
	y, x int
	conv *Depthwise // shared by phases of one size
}

// NewDilated prepares a k x k depthwise convolution of c planes of h rows and w
// columns; weights is [c][k*k], bias has c values or is nil. k is odd.
func NewDilated(isa ISA, weights, bias []float32, c, k, dilation, h, w int) *Dilated {
	if dilation < 1 || h < 1 || w < 1 {
		panic(fmt.Sprintf("kernel: depthwise with dilation %d of planes %dx%d", dilation, h, w))
	}
	d := &Dilated{dilation: dilation, c: c, h: h, w: w}
	made := map[[2]int]*Depthwise{}
	for y := range min(dilation, h) {
		for x := range min(dilation, w) {
			size := [2]int{(h - y + dilation - 1) / dilation, (w - x + dilation - 1) / dilation}
			if made[size] == nil {
				made[size] = NewDepthwise(isa, weights, bias, c, k, 1, size[0], size[1])
			}
			d.phases = append(d.phases, phase{y, x, made[size]})
		}
	}
	return d
}

// Units returns the number of independent pieces of work: one for each plane.
func (d *Dilated) Units() int { return d.c }

// DilatedScratch is the memory one call of [Dilated.Run] works in.
type DilatedScratch struct {
	data    []float32
	first   int // of the smaller plane, behind its guard
	in, out []Plane
}

// NewScratch makes scratch memory. Concurrent calls of Run need one each.
func (d *Dilated) NewScratch() *DilatedScratch {
	conv := d.phases[0].conv // the largest
	size := Stride(conv.h, conv.w)
	first := rowStride(Slack + Guard(conv.w))
	s := &DilatedScratch{data: Floats(first + 2*size + Slack), first: first}
	// All channels take turns in one plane.
	for range d.c {
		s.in = append(s.in, Plane(&s.data[first]))
		s.out = append(s.out, Plane(&s.data[first+size]))
	}
	return s
}

// Run computes planes u0 to u1-1 of out from those of in.
func (d *Dilated) Run(out, in []Plane, act Act, s *DilatedScratch, u0, u1 int) {
	for c := u0; c < u1; c++ {
		for i := range d.phases {
			p := &d.phases[i]
			d.gather(s, in[c], p)
			p.conv.Run(s.out, s.in, act, c, c+1)
			d.scatter(out[c], s.out[c], p)
		}
	}
}

// gather copies the pixels of a phase, and clears the guard behind them, where a
// larger phase may have left some.
func (d *Dilated) gather(s *DilatedScratch, in Plane, p *phase) {
	h, w := p.conv.h, p.conv.w
	dst := s.data[s.first:]
	for y := range h {
		row := floats(Plane(at(in, (p.y+y*d.dilation)*d.w)), d.w)
		line := dst[y*w : (y+1)*w]
		for i := range line {
			line[i] = row[p.x+i*d.dilation]
		}
	}
	clear(dst[h*w : h*w+Guard(w)])
}

func (d *Dilated) scatter(out, result Plane, p *phase) {
	w := p.conv.w
	src := floats(result, p.conv.h*w)
	for y := range p.conv.h {
		row := floats(Plane(at(out, (p.y+y*d.dilation)*d.w)), d.w)
		for i, v := range src[y*w : (y+1)*w] {
			row[p.x+i*d.dilation] = v
		}
	}
}
