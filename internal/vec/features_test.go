package vec

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"example.com/riffle/internal/isa"
)

// each runs a test on every instruction set of this machine.
func each(t *testing.T, f func(t *testing.T, p ISA)) {
	for _, p := range Available() {
		t.Run(p.String(), func(t *testing.T) { f(t, p) })
	}
}

func TestISAs(t *testing.T) {
	if For("generic") != Generic || For("neon") != Generic || For("z80") != Generic {
		t.Error("an instruction set without loops of its own is not generic")
	}
	for _, i := range isa.Available() {
		t.Setenv(isa.EnvVar, i.String())
		if got, err := Best(); err != nil || got != For(i.String()) {
			t.Errorf("%s=%s: %v, %v", isa.EnvVar, i, got, err)
		}
	}
	t.Setenv(isa.EnvVar, "z80")
	if _, err := Best(); err == nil || !strings.Contains(err.Error(), "RIFFLE_CPU=z80 is unknown, want one of: generic") {
		t.Errorf("unknown name: %v", err)
	}
}

func checkWeigh(t *testing.T, p ISA, per, outs, n int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	src := atEdge(t, randomFloats(n+rng.IntN(300), seed))
	taps := make([]Tap, per*outs)
	for i := range taps {
		taps[i] = Tap{int32(rng.IntN(len(src) - n + 1)), rng.Float32()*2 - 1}
	}
	taps[0].At = int32(len(src) - n)
	taps = atEdge(t, taps)
	dst := newFenced[float32](outs*n, seed)
	p.Weigh(dst.inner, src, taps, per, n)
	dst.check(t, "Weigh")
	for o := range outs {
		for i := range n {
			want, scale := 0.0, 0.0
			for _, tap := range taps[o*per : (o+1)*per] {
				v := float64(src[int(tap.At)+i]) * float64(tap.Weight)
				want += v
				scale += math.Abs(v)
			}
			if got := float64(dst.inner[o*n+i]); !(math.Abs(got-want) <= 1e-6*scale+1e-7) {
				t.Fatalf("%s: %d taps of %d floats, output %d float %d is %v, want %v", p, per, n, o, i, got, want)
			}
		}
	}
}

func TestWeigh(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		for n := Lanes; n <= 24*Lanes; n += Lanes {
			for per := 1; per <= 5; per++ {
				checkWeigh(t, p, per, 1+n%4, n, uint64(n*10+per))
			}
		}
	})
}

func FuzzWeigh(f *testing.F) {
	f.Add(uint8(4), uint8(7), uint8(8), uint64(1))
	f.Fuzz(func(t *testing.T, per, outs, n uint8, seed uint64) {
		for _, p := range Available() {
			checkWeigh(t, p, int(per%9)+1, int(outs%9)+1, (int(n%40)+1)*Lanes, seed)
		}
	})
}

func TestWeighRefusesOddShapes(t *testing.T) {
	t.Parallel()
	for what, f := range map[string]func(){
		"odd length": func() { Generic.Weigh(make([]float32, 9), make([]float32, 9), make([]Tap, 1), 1, 9) },
		"short dst":  func() { Generic.Weigh(make([]float32, 8), make([]float32, 8), make([]Tap, 2), 1, 8) },
		"far tap":    func() { Generic.Weigh(make([]float32, 8), make([]float32, 8), []Tap{{At: 1}}, 1, 8) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			f()
		}()
	}
}

func checkTransposes(t *testing.T, p ISA, n, stride int, seed uint64) {
	var planes [Lanes][]float32
	for k := range planes {
		planes[k] = atEdge(t, randomFloats(n, seed+uint64(k)))
	}
	length := (n-1)*stride + Lanes
	rows := newFenced[float32](length, seed)
	before := append([]float32(nil), rows.inner...)
	p.Interleave(rows.inner, stride, &planes)
	rows.check(t, "Interleave")
	for i, v := range rows.inner {
		want := before[i]
		if k := i % stride; k < Lanes {
			want = planes[k][i/stride]
		}
		if math.Float32bits(v) != math.Float32bits(want) {
			t.Fatalf("%s: %d values %d apart: float %d is %v, want %v", p, n, stride, i, v, want)
		}
	}
	src := atEdge(t, rows.inner)
	var back [Lanes][]float32
	var fences [Lanes]*fenced[float32]
	for k := range back {
		fences[k] = newFenced[float32](n, seed+uint64(k))
		back[k] = fences[k].inner
	}
	p.Separate(&back, src, stride)
	for k := range back {
		fences[k].check(t, "Separate")
		for i, v := range back[k] {
			if v != planes[k][i] {
				t.Fatalf("%s: %d values %d apart: value %d of plane %d came back as %v, not %v", p, n, stride, i, k, v, planes[k][i])
			}
		}
	}
}

func TestTransposes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		for n := 1; n < 40; n++ {
			checkTransposes(t, p, n, Lanes+n%5*3, uint64(n))
		}
	})
}

func FuzzTransposes(f *testing.F) {
	f.Add(uint8(17), uint8(3), uint64(1))
	f.Fuzz(func(t *testing.T, n, gap uint8, seed uint64) {
		for _, p := range Available() {
			checkTransposes(t, p, int(n)+1, Lanes+int(gap), seed)
		}
	})
}

func checkSearch(t *testing.T, p ISA, n int, seed uint64) {
	src := atEdge(t, randomFloats(n, seed))
	floor := src[n/2]
	if n > 3 {
		src[1] = float32(math.NaN())
	}
	dst := newFenced[float32](n, seed)
	copy(dst.inner, randomFloats(n, seed+1))
	before := append([]float32(nil), dst.inner...)
	p.MaxInto(dst.inner, src)
	dst.check(t, "MaxInto")
	for i, v := range dst.inner {
		want := before[i]
		if src[i] > want {
			want = src[i]
		}
		if v != want {
			t.Fatalf("%s: greater of %v and %v is %v", p, before[i], src[i], v)
		}
	}
	mask := newFenced[byte]((n+7)/8, seed)
	p.AtLeast(mask.inner, src, floor)
	mask.check(t, "AtLeast")
	for i := range 8 * len(mask.inner) {
		want := i < n && src[i] >= floor
		if got := mask.inner[i/8]>>(i%8)&1 != 0; got != want {
			t.Fatalf("%s: bit %d of %d is %v", p, i, n, got)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		for n := 1; n < 80; n++ {
			checkSearch(t, p, n, uint64(n))
		}
	})
}

func FuzzSearch(f *testing.F) {
	f.Add(uint16(121), uint64(1))
	f.Fuzz(func(t *testing.T, n uint16, seed uint64) {
		for _, p := range Available() {
			checkSearch(t, p, int(n%3000)+1, seed)
		}
	})
}

func checkMeanBin(t *testing.T, p ISA, logits []float32) {
	rows := len(logits) / Lanes
	out := newFenced[float32](rows, 1)
	p.MeanBin(out.inner, atEdge(t, logits))
	out.check(t, "MeanBin")
	for r, got := range out.inner {
		row := logits[r*Lanes : (r+1)*Lanes]
		top := row[0]
		for _, v := range row {
			top = max(top, v)
		}
		var sum, weighted float64
		for bin, v := range row {
			e := math.Exp(float64(v) - float64(top))
			sum += e
			weighted += e * float64(bin)
		}
		if want := weighted / sum; !(math.Abs(float64(got)-want) <= 2e-6) {
			t.Fatalf("%s: mean bin of %v is %v, want %v", p, row, got, want)
		}
	}
}

func TestMeanBin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		checkMeanBin(t, p, randomFloats(101*Lanes, 1))
		checkMeanBin(t, p, []float32{-1e30, 0, 1e30, 5, -5, 88, -88, 1e3})
		checkMeanBin(t, p, []float32{0, 0, 0, 0, 0, 0, 0, 0, -100, -100, -100, -100, -100, -100, -100, 0})
	})
}

func checkMeanProbability(t *testing.T, p ISA, x, y []float32, weight float64) {
	t.Helper()
	out := newFenced[float32](len(x), 1)
	p.MeanProbability(out.inner, atEdge(t, x), atEdge(t, y), weight)
	out.check(t, "MeanProbability")
	for i, got := range out.inner {
		probability := func(z float32) float64 { return 1 / (1 + math.Exp(-float64(z))) }
		want := math.Pow(probability(x[i]), 1-weight) * math.Pow(probability(y[i]), weight)
		// The logarithm is good to a float32's last place, and so is its exponential.
		tolerance := 1e-6 + 2e-7*min(-math.Log(want), 100)
		if !(math.Abs(float64(got)-want) <= tolerance*want+1e-37) {
			t.Fatalf("%s: mean probability of %v and %v by %v is %v, want %v", p, x[i], y[i], weight, got, want)
		}
	}
}

func TestMeanProbability(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p ISA) {
		for n := range 40 {
			x, y := randomFloats(n, uint64(n)), randomFloats(n, uint64(n+100))
			for i := range x {
				x[i], y[i] = x[i]*float32(n), y[i]*float32(n)
			}
			checkMeanProbability(t, p, x, y, float64(n%11)/10)
		}
		for _, weight := range []float64{0, 0.2, 1} {
			edges := []float32{0, -1, 1, 1e-30, -1e-30, 20, -20, 80, -80, 1e30, 0, 88, 100, 0, 0, 3e38}
			other := []float32{0, 5, -5, 30, -0, -9, 9, -3, 0, 1e30, 1e-20, 1, 2, 3, 4, 5}
			checkMeanProbability(t, p, edges, other, weight)
		}
	})
}

func FuzzMeanProbability(f *testing.F) {
	f.Add(uint64(1), uint8(64), float32(10), 0.2)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, scale float32, weight float64) {
		if !(math.Abs(float64(scale)) < 20 && weight >= 0 && weight <= 1) {
			return
		}
		x, y := randomFloats(int(n), seed), randomFloats(int(n), seed+1)
		for i := range x {
			x[i], y[i] = x[i]*scale, y[i]*scale
		}
		for _, p := range Available() {
			checkMeanProbability(t, p, x, y, weight)
		}
	})
}

func FuzzMeanBin(f *testing.F) {
	f.Add(uint64(1), float32(10))
	f.Fuzz(func(t *testing.T, seed uint64, scale float32) {
		if !(math.Abs(float64(scale)) < 1e4) {
			return
		}
		logits := randomFloats(5*Lanes, seed)
		for i := range logits {
			logits[i] *= scale
		}
		for _, p := range Available() {
			checkMeanBin(t, p, logits)
		}
	})
}

func BenchmarkWeigh(b *testing.B) {
	for _, p := range Available() {
		b.Run(p.String(), func(b *testing.B) {
			src, dst := randomFloats(64*100, 1), make([]float32, 7*64)
			taps := make([]Tap, 28)
			for i := range taps {
				taps[i] = Tap{int32(64 * i), 0.25}
			}
			b.ResetTimer()
			for b.Loop() {
				p.Weigh(dst, src, taps, 4, 64)
			}
		})
	}
}

func BenchmarkInterleave(b *testing.B) {
	for _, p := range Available() {
		b.Run(p.String(), func(b *testing.B) {
			var planes [Lanes][]float32
			for k := range planes {
				planes[k] = randomFloats(44*44, uint64(k))
			}
			dst := make([]float32, 44*44*64)
			for b.Loop() {
				p.Interleave(dst, 64, &planes)
			}
		})
	}
}
