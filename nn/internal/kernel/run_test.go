package kernel

import (
	"fmt"
	"math"
	"sync"
	"testing"
)

// job is a kernel with operands: out is made by the caller, so that several
// goroutines can have one each.
type job struct {
	name    string
	c, h, w int // of out
	run     func(out *arena, scratch any)
	scratch func() any
}

// jobs makes one of every kernel, with sizes that reach the borders of tiles.
func jobs(p ISA) []job {
	s := random(5)
	none := func() any { return nil }
	act := Act{Kind: LeakyReLU, Slope: 0.1}
	a, b := newFastArena(20, 13, 13, s.fill), newFastArena(20, 13, 13, s.fill)
	pixels, factors := newFastArena(20, 1, 1, s.fill), newFastArena(20, 1, 1, s.fill)
	pw := NewPointwise(p, s.slice(24*10), nil, 24, 20, 169, 2)
	dw3 := NewDepthwise(p, s.slice(20*9), nil, 20, 3, 1, 13, 13)
	dw5 := NewDepthwise(p, s.slice(20*25), nil, 20, 5, 2, 13, 13)
	conv := NewConv(p, s.slice(6*20*9), nil, ConvShape{Out: 6, In: 20, Kernel: 3, Stride: 2, Pad: 1, Groups: 1, Height: 13, Width: 13})
	stem := NewConvMaxPool(p, s.slice(6*20*9), nil, ConvShape{Out: 6, In: 20, Kernel: 3, Stride: 2, Pad: 1, Groups: 1, Height: 13, Width: 13})
	linear := NewLinear(p, s.slice(33*20), nil, 33, 20)
	maximum, mean := NewMaxPool(p, 3, 2, 1, 13, 13), NewAvgPool(p, 3, 2, 1, 13, 13)
	resize := NewResizeBilinear(p, 13, 13, 26, 26)
	return []job{
		{"pointwise", 24, 13, 13, func(o *arena, _ any) { pw.Run(o.planes, a.planes, nil, act, 0, pw.Units()) }, none},
		{"depthwise 3", 20, 13, 13, func(o *arena, _ any) { dw3.Run(o.planes, a.planes, act, 0, dw3.Units()) }, none},
		{"depthwise 5", 20, 7, 7, func(o *arena, _ any) { dw5.Run(o.planes, a.planes, Act{Kind: HSwish}, 0, dw5.Units()) }, none},
		{"convolution", 6, 7, 7, func(o *arena, x any) { conv.Run(o.planes, a.planes, nil, act, x.(*ConvScratch), 0, conv.Units()) }, func() any { return conv.NewScratch() }},
		{"convolution and max-pool", 6, 4, 4, func(o *arena, x any) { stem.Run(o.planes, a.planes, act, x.(*ConvMaxPoolScratch), 0, stem.Units()) }, func() any { return stem.NewScratch() }},
		{"linear", 33, 1, 1, func(o *arena, x any) { linear.Run(o.planes, pixels.planes, act, *x.(*[]float32), 0, linear.Units()) }, func() any {
			x := make([]float32, linear.ScratchFloats())
			return &x
		}},
		{"max-pool", 20, 7, 7, func(o *arena, _ any) { maximum.Run(o.planes, a.planes) }, none},
		{"average pool", 20, 7, 7, func(o *arena, _ any) { mean.Run(o.planes, a.planes) }, none},
		{"global average", 20, 1, 1, func(o *arena, _ any) { GlobalAvgPool(p, o.planes, a.planes, 169) }, none},
		{"resize", 20, 26, 26, func(o *arena, _ any) { resize.Run(o.planes, a.planes) }, none},
		{"add", 20, 13, 13, func(o *arena, _ any) { Add(p, o.planes, a.planes, b.planes, 169, act) }, none},
		{"scale", 20, 13, 13, func(o *arena, _ any) { Scale(p, o.planes, a.planes, factors.planes, 169) }, none},
	}
}

func TestNoAllocations(t *testing.T) {
	forEachISA(t, func(t *testing.T, p ISA) {
		for _, j := range jobs(p) {
			out, scratch := newFastArena(j.c, j.h, j.w, unset), j.scratch()
			if n := testing.AllocsPerRun(10, func() { j.run(out, scratch) }); n != 0 {
				t.Errorf("%s: %v allocations a run", j.name, n)
			}
		}
	})
}

// One prepared kernel serves many goroutines; run with -race.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		for _, j := range jobs(p) {
			const workers = 4
			outs := make([]*arena, workers)
			var wait sync.WaitGroup
			for i := range outs {
				outs[i] = newFastArena(j.c, j.h, j.w, unset)
				wait.Go(func() {
					scratch := j.scratch()
					for range 5 {
						j.run(outs[i], scratch)
					}
				})
			}
			wait.Wait()
			for c := range j.c {
				for i, want := range outs[0].plane(c) {
					for _, o := range outs[1:] {
						if got := o.plane(c)[i]; math.Float32bits(got) != math.Float32bits(want) {
							t.Fatalf("%s: plane %d pixel %d is %v in one goroutine, %v in another", j.name, c, i, got, want)
						}
					}
				}
			}
		}
	})
}

func TestShapesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for what, f := range map[string]func(){
		"few weights": func() { NewPointwise(Generic, make([]float32, 5), nil, 2, 3, 1, 1) },
		"many biases": func() { NewPointwise(Generic, make([]float32, 6), make([]float32, 3), 2, 3, 1, 1) },
		"odd groups":  func() { NewPointwise(Generic, make([]float32, 6), nil, 2, 3, 1, 2) },
		"even filter": func() { NewDepthwise(Generic, make([]float32, 4), nil, 1, 2, 1, 3, 3) },
		"depthwise":   func() { NewDepthwise(Generic, make([]float32, 8), nil, 1, 3, 1, 3, 3) },
		"large filter": func() {
			NewConv(Generic, make([]float32, 25), nil, ConvShape{Out: 1, In: 1, Kernel: 5, Stride: 1, Groups: 1, Height: 4, Width: 4})
		},
		"linear":        func() { NewLinear(Generic, make([]float32, 5), nil, 2, 3) },
		"padded window": func() { NewMaxPool(Generic, 3, 1, 2, 5, 5) },
		"resize":        func() { NewResizeNearest(Generic, 0, 1, 1, 1) },
	} {
		func() {
			defer func() {
				if r := recover(); r == nil {
					t.Errorf("%s: no panic", what)
				} else if s := fmt.Sprint(r); len(s) < 10 || s[:8] != "kernel: " {
					t.Errorf("%s: panic says %q", what, s)
				}
			}()
			f()
		}()
	}
}

func TestStride(t *testing.T) {
	t.Parallel()
	for w := 1; w < 200; w++ {
		s := Stride(w, w)
		if s < w*w+Guard(w) || s%16 != 0 || s/16%2 == 0 {
			t.Errorf("Stride(%d, %d) = %d", w, w, s)
		}
	}
}
