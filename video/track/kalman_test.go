package track

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
)

func boxAt(x, y, w, h float64) Box { return Box{x - w/2, y - h/2, x + w/2, y + h/2} }

// After some frames the filter knows speeds, and its box is nearer to the truth
// than what it is told.
func TestFilterLearnsSpeedAndSmooths(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const frame = 100 * time.Millisecond
	truth := func(i int) Box {
		s := float64(i) * frame.Seconds()
		return boxAt(100+60*s, 200-10*s, 40+2*s, 100+5*s)
	}
	noisy := func(b Box) Box {
		return Box{b.X1 + 4*rng.NormFloat64(), b.Y1 + 4*rng.NormFloat64(), b.X2 + 4*rng.NormFloat64(), b.Y2 + 4*rng.NormFloat64()}
	}
	k := newKalman(noisy(truth(0)))
	var told, kept float64
	for i := 1; i < 200; i++ {
		k.predict(frame)
		z := noisy(truth(i))
		k.update(z)
		if i >= 20 {
			zx, zy := z.Center()
			kx, ky := k.box().Center()
			x, y := truth(i).Center()
			told += math.Hypot(zx-x, zy-y)
			kept += math.Hypot(kx-x, ky-y)
		}
	}
	if kept > 0.85*told {
		t.Errorf("error of the filter %.1f, of its input %.1f", kept/180, told/180)
	}
	if vx, vy := k.x.AtVec(4), k.x.AtVec(5); math.Abs(vx-60) > 15 || math.Abs(vy+10) > 15 {
		t.Errorf("speed (%.1f, %.1f), want (60, -10)", vx, vy)
	}
}

// Two steps foretell what one step of both times does.
func TestPredictionIsOneForAllStepSizes(t *testing.T) {
	a, b := newKalman(boxAt(50, 60, 30, 80)), newKalman(boxAt(50, 60, 30, 80))
	for _, k := range []*kalman{a, b} {
		for i := range 5 {
			k.predict(100 * time.Millisecond)
			k.update(boxAt(50+5*float64(i+1), 60, 30, 80))
		}
	}
	size := sizeOf(a.box())
	a.predict(400 * time.Millisecond)
	for range 4 {
		b.predict(100 * time.Millisecond)
	}
	if size != sizeOf(boxAt(0, 0, 30, 80)) && math.Abs(size-55) > 1 {
		t.Fatalf("size %v", size)
	}
	for i := range states {
		if math.Abs(a.x.AtVec(i)-b.x.AtVec(i)) > 1e-9 {
			t.Errorf("state %d: %v in one step, %v in four", i, a.x.AtVec(i), b.x.AtVec(i))
		}
		for j := range states {
			if math.Abs(a.p.At(i, j)-b.p.At(i, j)) > 0.02*(1+math.Abs(a.p.At(i, j))) {
				t.Errorf("covariance %d,%d: %v in one step, %v in four", i, j, a.p.At(i, j), b.p.At(i, j))
			}
		}
	}
}

// An hour of boxes, gaps and jumps leaves a covariance that is one.
func TestCovarianceStaysOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	k := newKalman(boxAt(300, 200, 1, 1))
	for i := range 36000 {
		k.predict(time.Duration(rng.IntN(200)) * time.Millisecond)
		if i%7 != 0 {
			k.update(boxAt(rng.Float64()*4000, rng.Float64()*4000, 1+rng.Float64()*2000, 1+rng.Float64()*2000))
		}
	}
	var c mat.Cholesky
	if !c.Factorize(k.p) {
		t.Error("the covariance is not positive definite")
	}
	if !finite(k.box()) {
		t.Errorf("box %v", k.box())
	}
}

func TestRescaleMovesStateAndDoubt(t *testing.T) {
	k := newKalman(boxAt(100, 50, 20, 40))
	k.predict(time.Second)
	px := k.p.At(0, 4)
	k.rescale(2, 0.5)
	if got := k.box(); math.Abs(got.X1-180) > 1e-9 || math.Abs(got.Y2-35) > 1e-9 {
		t.Errorf("box %v", got)
	}
	if math.Abs(k.p.At(0, 4)-4*px) > 1e-9 {
		t.Errorf("covariance %v, want %v", k.p.At(0, 4), 4*px)
	}
}

func BenchmarkFilter(b *testing.B) {
	k := newKalman(boxAt(100, 50, 20, 40))
	b.ReportAllocs()
	for b.Loop() {
		k.predict(100 * time.Millisecond)
		k.update(boxAt(100, 50, 20, 40))
	}
}
