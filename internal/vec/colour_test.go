package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func checkRGB(t *testing.T, p ISA, n, shift int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	bytes := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(rng.Uint32())
		}
		return atEdge(t, out)
	}
	samples := (n + 1<<shift - 1) >> shift
	luma, cb, cr := bytes(n), bytes(samples), bytes(samples)
	var out [3]*fenced[float32]
	for i := range out {
		out[i] = newFenced[float32](n, seed)
	}
	p.RGB(out[0].inner, out[1].inner, out[2].inner, luma, cb, cr, shift)
	twin := make([]float32, 3*n)
	Generic.RGB(twin[:n], twin[n:2*n], twin[2*n:], luma, cb, cr, shift)
	for i := range out {
		out[i].check(t, "RGB")
		if !slices.Equal(out[i].inner, twin[i*n:(i+1)*n]) {
			t.Fatalf("%s: %d pixels, shift %d: channel %d is not that of pure Go", p, n, shift, i)
		}
	}
	for x := range n {
		y, b, r := float64(luma[x]), float64(cb[x>>shift])-128, float64(cr[x>>shift])-128
		for i, want := range []float64{y + 1.402*r, y - 0.344136*b - 0.714136*r, y + 1.772*b} {
			got := float64(out[i].inner[x])
			if got != math.Trunc(got) || math.Abs(got-min(max(want, 0), 255)) > 0.502 {
				t.Fatalf("%s: %d pixels, shift %d: channel %d of pixel %d is %v, want %.3f", p, n, shift, i, x, got, want)
			}
		}
	}
}

func TestRGB(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		for n := 1; n < 100; n++ {
			checkRGB(t, p, n, n%2, uint64(n))
			checkRGB(t, p, n, 1-n%2, uint64(n))
		}
		checkRGB(t, p, 100_000, 0, 1)
	})
}

func FuzzRGB(f *testing.F) {
	f.Add(uint16(352), false, uint64(1))
	f.Fuzz(func(t *testing.T, n uint16, shared bool, seed uint64) {
		shift := 0
		if shared {
			shift = 1
		}
		for _, p := range Available() {
			checkRGB(t, p, int(n%5000)+1, shift, seed)
		}
	})
}

func checkBGR(t *testing.T, p ISA, n int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	pix := make([]byte, 3*n)
	for i := range pix {
		pix[i] = byte(rng.Uint32())
	}
	pix = atEdge(t, pix)
	var out [3]*fenced[float32]
	for i := range out {
		out[i] = newFenced[float32](n, seed)
	}
	p.BGR(out[2].inner, out[1].inner, out[0].inner, pix)
	for c := range out {
		out[c].check(t, "BGR")
		for x, got := range out[c].inner {
			if got != float32(pix[3*x+c]) {
				t.Fatalf("%s: byte %d of pixel %d of %d is %v, want %d", p, c, x, n, got, pix[3*x+c])
			}
		}
	}
}

func TestBGR(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		for n := 1; n < 70; n++ {
			checkBGR(t, p, n, uint64(n))
		}
	})
}

func FuzzBGR(f *testing.F) {
	f.Add(uint16(26), uint64(1))
	f.Fuzz(func(t *testing.T, n uint16, seed uint64) {
		for _, p := range Available() {
			checkBGR(t, p, int(n%5000)+1, seed)
		}
	})
}

func BenchmarkRGB(b *testing.B) {
	var out [3][640]float32
	luma, chroma := make([]byte, 640), make([]byte, 320)
	for _, p := range Available() {
		b.Run(p.String(), func(b *testing.B) {
			for b.Loop() {
				p.RGB(out[0][:], out[1][:], out[2][:], luma, chroma, chroma, 1)
			}
		})
	}
}
