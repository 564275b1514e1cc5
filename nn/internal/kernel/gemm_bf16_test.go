package kernel

import (
	"fmt"
	"math"
	"testing"
)

// checkBF16 compares all instruction sets with sums in double precision of the rounded
// inputs and weights.
func checkBF16(t testing.TB, m, k, n, groups int, act Act, res int, seed uint64) {
	t.Helper()
	for _, isa := range allISAs() {
		what := fmt.Sprintf("%s %dx%d, %d pixels, %d groups", isa, m, k, n, groups)
		s := random(seed)
		kg := k / groups
		w, bias := s.slice(m*kg), s.slice(m)
		in, other := newArena(t, k, 1, n, seed%2 == 0, s.fill), newArena(t, m, 1, n, seed%2 == 1, s.fill)
		p := NewPointwiseBF16(isa, w, bias, m, k, n, groups)
		scratch := Floats(p.ScratchFloats())
		out := forEachSplit(t, what, p.Units(), s, func() *arena { return newArena(t, m, 1, n, seed%2 == 0, unset) },
			func(out *arena, u0, u1 int) {
				var r []Plane
				if res != 0 {
					r = other.planes
				}
				p.Run(out.planes, in.planes, r, act, scratch, u0, u1)
			})
		in.check(t, what, true)
		out.compare(t, what, func(c, i int) (float64, float64) {
			sum, scale := float64(bias[c]), 1.0
			if res != 0 {
				sum += float64(other.plane(c)[i])
			}
			for j := range kg {
				x := in.plane(c/(m/groups)*kg + j)[i]
				v := nearestBF16(x, math.Round) * nearestBF16(w[c*kg+j], math.RoundToEven)
				sum += v
				scale += math.Abs(v)
			}
			return act.reference(sum), scale
		})
	}
}

// nearestBF16 rounds to 8 bits of mantissa.
func nearestBF16(x float32, round func(float64) float64) float64 {
	if x == 0 {
		return 0
	}
	f, e := math.Frexp(float64(x))
	return math.Ldexp(round(f*256), e-8)
}

func TestPointwiseBF16(t *testing.T) {
	t.Parallel()
	leaky := Act{Kind: LeakyReLU, Slope: 0.1}
	checkBF16(t, 58, 58, 28*28, 1, Act{Kind: ReLU}, 0, 1)
	checkBF16(t, 80, 352, 121, 1, leaky, 1, 2)
	checkBF16(t, 240, 60, 100, 3, leaky, 1, 3)
	for n := 1; n <= 130; n += every {
		checkBF16(t, 1+n%19, 1+n%7, n, 1, testActs[n%6], n%2, uint64(n))
	}
}

func FuzzPointwiseBF16(f *testing.F) {
	f.Add(uint8(9), uint8(16), uint16(49), uint8(0), uint8(1), uint8(0), uint64(1))
	f.Add(uint8(3), uint8(1), uint16(17), uint8(2), uint8(2), uint8(1), uint64(2))
	f.Fuzz(func(t *testing.T, m, k uint8, n uint16, groups, act, res uint8, seed uint64) {
		g := int(groups%8) + 1
		checkBF16(t, (int(m%40)+1)*g, (int(k%40)+1)*g, int(n%300)+1, g, testActs[act%6], int(res%2), seed)
	})
}

func TestBF16Rounding(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(1))
	for x, want := range map[float32]float32{
		0: 0, 1: 1, -1: -1, 1 + 1.0/256: 1, 1 + 3.0/256: 1 + 4.0/256, 3.4e38: inf, inf: inf, -inf: -inf,
	} {
		b := toBF16(x)
		if got := fromBF16(byte(b), byte(b>>8)); got != want {
			t.Errorf("%v becomes %v, want %v", x, got, want)
		}
	}
	b := toBF16(math.Float32frombits(0x7f800001))
	if v := fromBF16(byte(b), byte(b>>8)); v == v {
		t.Errorf("NaN becomes %v", v)
	}
	if b := inputBF16(1 + 1.0/256); fromBF16(byte(b), byte(b>>8)) != 1+2.0/256 {
		t.Error("halves of inputs are not rounded away from 0")
	}
}
