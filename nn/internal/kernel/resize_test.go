package kernel

import (
	"fmt"
	"math"
	"testing"
)

func checkResize(t testing.TB, isa ISA, h, w, oh, ow int, nearest bool, seed uint64) {
	t.Helper()
	what := fmt.Sprintf("%s resize %dx%d to %dx%d nearest=%v", isa, h, w, oh, ow, nearest)
	s := random(seed)
	r := NewResizeBilinear(isa, h, w, oh, ow)
	if nearest {
		r = NewResizeNearest(isa, h, w, oh, ow)
	}
	if a, b := r.Out(); a != oh || b != ow {
		t.Fatalf("%s: output is %dx%d", what, a, b)
	}
	in, out := newArena(t, 2, h, w, seed%2 == 0, s.fill), newArena(t, 2, oh, ow, seed%2 == 1, unset)
	r.Run(out.planes, in.planes)
	in.check(t, what, true)
	out.check(t, what, false)
	out.compare(t, what, func(c, i int) (float64, float64) {
		at := func(y, x int) float64 { return float64(in.plane(c)[min(y, h-1)*w+min(x, w-1)]) }
		y, x := i/ow, i%ow
		if nearest {
			return at(int(float32(y)*(float32(h)/float32(oh))), int(float32(x)*(float32(w)/float32(ow)))), 0
		}
		fy := math.Max((float64(y)+0.5)*float64(h)/float64(oh)-0.5, 0)
		fx := math.Max((float64(x)+0.5)*float64(w)/float64(ow)-0.5, 0)
		y0, x0 := math.Floor(fy), math.Floor(fx)
		ty, tx := fy-y0, fx-x0
		a, b := int(y0), int(x0)
		top := at(a, b)*(1-tx) + at(a, b+1)*tx
		bottom := at(a+1, b)*(1-tx) + at(a+1, b+1)*tx
		return top*(1-ty) + bottom*ty, 100 // coordinates are float32: errors grow with the size
	})
}

func TestResize(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		sizes := [][4]int{{1, 1, 1, 1}, {11, 11, 22, 22}, {22, 22, 44, 44}, {6, 6, 11, 11}, {7, 5, 3, 2}, {40, 40, 7, 9}, {3, 9, 3, 10}, {1, 20, 5, 21}, {20, 1, 21, 30}}
		for w := 1; w <= 40; w++ {
			sizes = append(sizes, [4]int{3, w, 5, 2 * w}, [4]int{4, w, 4, w + 3})
		}
		for i, z := range sizes {
			checkResize(t, p, z[0], z[1], z[2], z[3], false, uint64(i))
			checkResize(t, p, z[0], z[1], z[2], z[3], true, uint64(i))
		}
	})
}

// Values of torch.nn.functional.interpolate(x, size=(3, 5), mode=..., align_corners=False).
func TestResizeLikeTorch(t *testing.T) {
	t.Parallel()
	in := newArena(t, 1, 2, 3, true, func(_, i int) float32 { return []float32{1, 2, 4, 8, 16, 32}[i] })
	for _, c := range []struct {
		r    *Resize
		want []float32
	}{
		{NewResizeBilinear(Generic, 2, 3, 3, 5), []float32{1, 1.4, 2, 3.2, 4, 4.5, 6.3, 9, 14.4, 18, 8, 11.2, 16, 25.6, 32}},
		{NewResizeNearest(Generic, 2, 3, 3, 5), []float32{1, 1, 2, 2, 4, 1, 1, 2, 2, 4, 8, 8, 16, 16, 32}},
	} {
		out := newArena(t, 1, 3, 5, true, unset)
		c.r.Run(out.planes, in.planes)
		for i, v := range out.plane(0) {
			if math.Abs(float64(v-c.want[i])) > 1e-5 {
				t.Fatalf("got %v, torch gives %v", out.plane(0), c.want)
			}
		}
	}
}

func FuzzResize(f *testing.F) {
	f.Add(uint8(11), uint8(11), uint8(22), uint8(22), uint64(1))
	f.Add(uint8(3), uint8(9), uint8(4), uint8(40), uint64(2))
	f.Fuzz(func(t *testing.T, h, w, oh, ow uint8, seed uint64) {
		for _, p := range allISAs() {
			checkResize(t, p, int(h%60)+1, int(w%60)+1, int(oh%60)+1, int(ow%60)+1, false, seed)
		}
	})
}

func BenchmarkResize(b *testing.B) {
	for _, isa := range allISAs() {
		b.Run(isa.String()+"/128@22-44", func(b *testing.B) {
			s := random(1)
			r := NewResizeBilinear(isa, 22, 22, 44, 44)
			in, out := newFastArena(128, 22, 22, s.fill), newFastArena(128, 44, 44, unset)
			measureValues(b, 128*44*44, func() { r.Run(out.planes, in.planes) })
		})
	}
}
