package vec

import (
	"math"
	"math/rand/v2"
	"testing"
)

// plainIDCT is the definition in double precision, then means of squares.
func plainIDCT(coef *[64]int16, steps *[64]uint16, shift int) [64]float64 {
	var full [64]float64
	norm := func(u int) float64 {
		if u == 0 {
			return math.Sqrt2 / 4
		}
		return 0.5
	}
	var cosine [8][8]float64
	for x := range 8 {
		for u := range 8 {
			cosine[x][u] = norm(u) * math.Cos(float64((2*x+1)*u)*math.Pi/16)
		}
	}
	for y := range 8 {
		for x := range 8 {
			for v := range 8 {
				for u := range 8 {
					i := 8*v + u
					full[8*y+x] += float64(coef[i]) * float64(steps[i]) * cosine[x][v] * cosine[y][u]
				}
			}
		}
	}
	n, size := 8>>shift, 1<<shift
	var out [64]float64
	for y := range n * size {
		for x := range n * size {
			out[y/size*n+x/size] += full[8*y+x] / float64(size*size)
		}
	}
	return out
}

func checkIDCT(t *testing.T, coef *[64]int16, steps *[64]uint16, stride int) {
	for shift := range 4 {
		table := NewIDCTTable(steps, shift)
		want := plainIDCT(coef, steps, shift)
		n, scale := 8>>shift, 0.0 // rounding errors grow with all terms
		for i, v := range coef {
			scale += math.Abs(float64(v)) * float64(steps[i])
		}
		var first []byte
		for _, p := range Available() {
			dst := newFenced[byte]((n-1)*stride+n, 1)
			p.IDCT(dst.inner, stride, coef, table, shift)
			dst.check(t, "IDCT")
			for i, v := range dst.inner {
				y, x := i/stride, i%stride
				if x >= n {
					continue
				}
				w := min(max(want[n*y+x]+128, 0), 255)
				if d := float64(v) - w; math.Abs(d) > 0.501+1e-6*scale {
					t.Fatalf("%s: shift %d, row %d column %d is %d, want %.3f", p, shift, y, x, v, w)
				}
				if first != nil && first[i] != v {
					t.Fatalf("%s: shift %d, row %d column %d is %d, %d in pure Go", p, shift, y, x, v, first[i])
				}
			}
			if first == nil {
				first = dst.inner
			}
		}
	}
}

func randomBlock(rng *rand.Rand, coefs, size int) (coef [64]int16, steps [64]uint16) {
	for i := range steps {
		steps[i] = uint16(1 + rng.IntN(255))
	}
	coef[0] = int16(rng.IntN(2*size+1) - size)
	for range coefs {
		coef[rng.IntN(64)] = int16(rng.IntN(2*size+1) - size)
	}
	return coef, steps
}

func TestIDCT(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		coef, steps := randomBlock(rng, i%64, []int{3, 20, 2047, 32767}[i%4])
		if i%4 < 2 {
			for k := range steps {
				steps[k] = uint16(1 + rng.IntN(30))
			}
		}
		checkIDCT(t, &coef, &steps, 8+i%9)
	}
}

func FuzzIDCT(f *testing.F) {
	f.Add(uint64(1), uint8(12), uint16(100))
	f.Fuzz(func(t *testing.T, seed uint64, coefs uint8, size uint16) {
		coef, steps := randomBlock(rand.New(rand.NewPCG(seed, 2)), int(coefs), int(size)%32767+1)
		checkIDCT(t, &coef, &steps, 8+int(seed%30))
	})
}

func TestFlatIsIDCT(t *testing.T) {
	t.Parallel()
	steps := [64]uint16{3, 9, 9}
	for shift := range 4 {
		table := NewIDCTTable(&steps, shift)
		n := 8 >> shift
		for dc := -2048; dc < 2048; dc += 7 {
			coef := [64]int16{int16(dc)}
			for _, p := range Available() {
				a, b := make([]byte, 64), newFenced[byte](8*(n-1)+n, 3)
				p.IDCT(a, 8, &coef, table, shift)
				p.Flat(b.inner, 8, int16(dc), table, shift)
				b.check(t, "Flat")
				for i := range n * n {
					if at := i/n*8 + i%n; a[at] != b.inner[at] {
						t.Fatalf("%s: shift %d, first coefficient %d: %d flat, %d transformed", p, shift, dc, b.inner[at], a[at])
					}
				}
			}
		}
	}
}

func BenchmarkIDCT(b *testing.B) {
	coef, steps := randomBlock(rand.New(rand.NewPCG(1, 1)), 20, 20)
	dst := make([]byte, 64)
	for shift := range 3 {
		table := NewIDCTTable(&steps, shift)
		for _, p := range Available() {
			b.Run([]string{"8x8", "4x4", "2x2"}[shift]+"/"+p.String(), func(b *testing.B) {
				for b.Loop() {
					p.IDCT(dst, 8, &coef, table, shift)
				}
			})
		}
	}
}
