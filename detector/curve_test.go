package detector

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

func TestCurveIsStraightBetweenItsKnots(t *testing.T) {
	t.Parallel()
	c := Curve{{0, 0}, {0.5, 0.2}, {0.75, 0.9}, {1, 1}}
	for _, k := range [][2]float32{{0, 0}, {0.25, 0.1}, {0.5, 0.2}, {0.625, 0.55}, {0.75, 0.9}, {0.875, 0.95}, {1, 1}, {-1, 0}, {2, 1}} {
		if got := c.chance(k[0]); math.Abs(float64(got-k[1])) > 1e-6 {
			t.Errorf("chance of %v is %v, want %v", k[0], got, k[1])
		}
		if k[0] < 0 || k[0] > 1 {
			continue
		}
		if got := c.score(k[1]); math.Abs(float64(got-k[0])) > 1e-6 {
			t.Errorf("score of chance %v is %v, want %v", k[1], got, k[0])
		}
	}
	if got := Curve(nil).chance(0.3); got != 0.3 {
		t.Errorf("without a curve 0.3 is worth %v", got)
	}
}

func TestCurveKeepsOrder(t *testing.T) {
	t.Parallel()
	c := Curve{{0, 0}, {0.04, 0.00023}, {0.32, 0.25}, {0.84, 0.9968}, {1, 1}}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		a := r.Float32()
		b := a + 1e-4*(1+r.Float32())
		if c.chance(a) >= c.chance(b) && b < 1 {
			t.Fatalf("%v is worth %v, but %v is worth %v", a, c.chance(a), b, c.chance(b))
		}
	}
}

func TestCurveThatDoesNotRiseIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[[0,0],[0.5,0.4],[0.4,0.6],[1,1]]`: "does not rise",
		`[[0,0],[0.5,0.4],[0.6,0.4],[1,1]]`: "does not rise",
		`[[0,0],[0.5],[1,1]]`:               "1 numbers",
		`[[0.1,0],[1,1]]`:                   "begins at",
		`[[0,0],[1,0.9]]`:                   "ends at",
		`[[0,0]]`:                           "1 knots",
	} {
		var c Curve
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if err := c.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if err := (Curve{{0, 0}, {0.3, 0.1}, {1, 1}}).check(); err != nil {
		t.Error(err)
	}
}

// TestDetectionsCarryTheirChance runs a model with and without a curve: the same
// boxes in the same order, scores along the curve, thresholds on what is shown.
func TestDetectionsCarryTheirChance(t *testing.T) {
	t.Parallel()
	curve := Curve{{0, 0}, {0.2, 0.02}, {0.4, 0.5}, {0.6, 0.9}, {1, 1}}
	plain := trainedWithCurve(t, nil)
	curved := trainedWithCurve(t, curve)
	data, err := os.ReadFile("testdata/trained_scene.png")
	if err != nil {
		t.Fatal(err)
	}
	p, err := photo.Decode(data, photo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Detect(context.Background(), p, Filter{Threshold: Everything})
	if err != nil {
		t.Fatal(err)
	}
	for _, threshold := range []float64{Everything, 0, 0.05, 0.6} {
		got, err := curved.Detect(context.Background(), p, Filter{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		least := threshold
		if least == 0 {
			least = DefaultThreshold
		}
		n := 0
		for _, d := range want.Detections {
			d.Score = curve.chance(d.Score)
			if float64(d.Score) <= least {
				continue
			}
			if n >= len(got.Detections) || got.Detections[n] != d {
				t.Fatalf("threshold %v: detection %d is not %v", threshold, n, d)
			}
			n++
		}
		if n != len(got.Detections) || threshold <= 0.05 && n == 0 {
			t.Errorf("threshold %v: %d detections, want %d", threshold, len(got.Detections), n)
		}
	}
}

// trainedWithCurve is the default model with another curve in its header.
func trainedWithCurve(t *testing.T, c Curve) *Detector {
	t.Helper()
	data, err := os.ReadFile("../models/riffle-v2-1.5x.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	w, err := nn.ReadWeights(data)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ReadHeader(w)
	if err != nil {
		t.Fatal(err)
	}
	h.ScoreCurve = c
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	w.Metadata["riffle"] = string(text)
	if data, err = nn.EncodeWeights(w, func(string, nn.Tensor) bool { return true }); err != nil {
		t.Fatal(err)
	}
	d, err := New(data, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
