package kernel

import (
	"fmt"
	"math"
	"testing"
)

func TestAdd(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		for n := 1; n <= 70; n++ {
			act := testActs[n%len(testActs)]
			s := random(uint64(n))
			a, b := newArena(t, 2, 1, n, true, s.fill), newArena(t, 2, 1, n, true, s.fill)
			want := func(c, i int) (float64, float64) {
				return act.reference(float64(a.before[Slack+Guard(n)+c*a.stride+i]) + float64(b.plane(c)[i])), 2
			}
			what := fmt.Sprintf("%s add %d %v", p, n, act)
			out := newArena(t, 2, 1, n, true, unset)
			Add(p, out.planes, a.planes, b.planes, n, act)
			a.check(t, what, true)
			b.check(t, what, true)
			out.check(t, what, false)
			out.compare(t, what, want)
			before := append([]float32(nil), a.before...)
			Add(p, a.planes, a.planes, b.planes, n, act)
			a.check(t, what+" in place", false)
			a.before = before
			a.compare(t, what+" in place", want)
		}
	})
}

func TestScale(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		for n := 1; n <= 70; n++ {
			s := random(uint64(n))
			in, f := newArena(t, 3, 1, n, true, s.fill), newArena(t, 3, 1, 1, true, s.fill)
			out := newArena(t, 3, 1, n, true, unset)
			Scale(p, out.planes, in.planes, f.planes, n)
			in.check(t, "scale", true)
			out.check(t, "scale", false)
			out.compare(t, fmt.Sprintf("%s scale %d", p, n), func(c, i int) (float64, float64) {
				return float64(in.plane(c)[i]) * float64(f.plane(c)[0]), 1
			})
		}
	})
}

func TestActApply(t *testing.T) {
	t.Parallel()
	forEachISA(t, func(t *testing.T, p ISA) {
		for n := 1; n <= 70; n++ {
			for _, act := range testActs {
				s := random(uint64(n))
				a := newArena(t, 2, 1, n, true, func(_, _ int) float32 { return 8 * s.float() })
				in := [][]float32{append([]float32(nil), a.plane(0)...), append([]float32(nil), a.plane(1)...)}
				act.Apply(p, a.planes, n)
				a.check(t, act.Kind.String(), false)
				a.compare(t, fmt.Sprintf("%s %v of %d", p, act, n), func(c, i int) (float64, float64) {
					return act.reference(float64(in[c][i])), 1
				})
			}
		}
	})
}

// Curves at the ends of their domain, where clamping sets in.
func TestCurves(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(1))
	values := []float32{-inf, -1e30, -200, -100, -88, -87, -50, -20, -3.0001, -3, -2.9999, -1e-6, 0, 1e-6, 0.5, 3, 4, 16, 17, 87, 88, 100, 1e30, inf, nan}
	for _, p := range allISAs() {
		for _, kind := range []ActKind{HSwish, HSigmoid, Sigmoid} {
			got := append([]float32(nil), values...)
			for len(got)%lanes != 0 {
				got = append(got, 0)
			}
			curve(p, Plane(&got[0]), len(got), kind)
			for i, v := range values {
				want := float32(Act{Kind: kind}.reference(float64(v)))
				if math.IsInf(float64(want), 0) || want != want {
					continue // -inf*0 of HSwish, and NaN
				}
				if d := math.Abs(float64(got[i] - want)); !(d <= 1e-6*math.Abs(float64(want))+1e-37) {
					t.Errorf("%s: %v of %v is %v, want %v", p, kind, v, got[i], want)
				}
			}
			if got[len(values)-1] == got[len(values)-1] {
				t.Errorf("%s: %v of NaN is %v", p, kind, got[len(values)-1])
			}
		}
	}
}

// The assembly and Go agree on values that are not finite.
func TestLeakyNotFinite(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(1))
	values := []float32{inf, -inf, nan, float32(math.Copysign(0, -1)), 0, 1, -1, -inf, nan}
	for _, slope := range []float32{0, 0.1, 1} {
		want := append([]float32(nil), values...)
		leakyGeneric(Plane(&want[0]), len(want), slope)
		for _, p := range allISAs() {
			got := append([]float32(nil), values...)
			leakyPlane(p, Plane(&got[0]), len(got), slope)
			for i := range got {
				if g, w := got[i], want[i]; g != w && !(g != g && w != w) {
					t.Errorf("%s: slope %v of %v is %v, in Go %v", p, slope, values[i], g, w)
				}
			}
		}
	}
}

// Convolutions let values that are not finite through like Go does: a ReLU keeps
// NaN and plus infinity, although 0 times infinity is NaN.
func TestConvolutionsNotFinite(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(1))
	values := []float32{inf, nan, 3, -4}
	for _, p := range allISAs() {
		for _, n := range []int{1, 8, 40, 100} {
			in := newArena(t, 1, 1, n, true, func(_, i int) float32 { return values[i%4] })
			out := newArena(t, 16, 1, n, true, unset)
			ones := make([]float32, 16)
			for i := range ones {
				ones[i] = 1
			}
			pw := NewPointwise(p, ones, nil, 16, 1, n, 1)
			pw.Run(out.planes, in.planes, nil, Act{Kind: ReLU}, 0, pw.Units())
			for c := range out.c {
				for i, got := range out.plane(c) {
					if want := leaky(values[i%4], 0); got != want && !(got != got && want != want) {
						t.Fatalf("%s: pointwise ReLU of %v is %v, want %v", p, values[i%4], got, want)
					}
				}
			}
		}
		for _, k := range []int{3, 5} {
			for stride := 1; stride <= 2; stride++ {
				in := newArena(t, 4, 1, 1, true, func(c, _ int) float32 { return values[c] })
				out := newArena(t, 4, 1, 1, true, unset)
				w := make([]float32, 4*k*k)
				for i := range w {
					w[i] = 1
				}
				dw := NewDepthwise(p, w, nil, 4, k, stride, 1, 1)
				dw.Run(out.planes, in.planes, Act{Kind: ReLU}, 0, 4)
				for c := range out.c {
					got, want := out.plane(c)[0], leaky(values[c], 0)
					if got != want && !(got != got && want != want) {
						t.Errorf("%s: %dx%d depthwise ReLU of %v is %v, want %v", p, k, k, values[c], got, want)
					}
				}
			}
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, isa := range allISAs() {
		b.Run(isa.String()+"/128@22", func(b *testing.B) {
			s := random(1)
			x, y, out := newFastArena(128, 22, 22, s.fill), newFastArena(128, 22, 22, s.fill), newFastArena(128, 22, 22, unset)
			measureValues(b, 128*22*22, func() { Add(isa, out.planes, x.planes, y.planes, 22*22, Act{}) })
		})
	}
}

func BenchmarkCurve(b *testing.B) {
	for _, kind := range []ActKind{HSwish, Sigmoid} {
		for _, isa := range allISAs() {
			b.Run(fmt.Sprintf("%s/%s", isa, kind), func(b *testing.B) {
				x := newFastArena(100, 14, 14, random(1).fill)
				measureValues(b, 100*14*14, func() { Act{Kind: kind}.Apply(isa, x.planes, 14*14) })
			})
		}
	}
}

func BenchmarkScale(b *testing.B) {
	for _, isa := range allISAs() {
		b.Run(isa.String()+"/128@22", func(b *testing.B) {
			s := random(1)
			x, f, out := newFastArena(128, 22, 22, s.fill), newFastArena(128, 1, 1, s.fill), newFastArena(128, 22, 22, unset)
			measureValues(b, 128*22*22, func() { Scale(isa, out.planes, x.planes, f.planes, 22*22) })
		})
	}
}

func BenchmarkLeaky(b *testing.B) {
	for _, isa := range allISAs() {
		b.Run(isa.String()+"/100@14", func(b *testing.B) {
			x := newFastArena(100, 14, 14, random(1).fill)
			measureValues(b, 100*14*14, func() { Act{Kind: LeakyReLU, Slope: 0.1}.Apply(isa, x.planes, 14*14) })
		})
	}
}
