package detector

import (
	"fmt"
	"sort"
)

// Curve turns what a network says into the chance that a detection is right: knots
// of a score and its chance, strictly rising from [0 0] to [1 1], straight lines in
// between, so that the order of detections stays. None leaves scores as they are.
// training/calibrate.py fits it on people's labels (isotonic regression; a box is
// right if it overlaps an object of its class with an IoU of 0.5).
type Curve [][]float32

// maxKnots bounds the knots of a file's curve.
const maxKnots = 1000

func (c Curve) check() error {
	if len(c) == 0 {
		return nil
	}
	if len(c) < 2 || len(c) > maxKnots {
		return fmt.Errorf("score_curve: %d knots are not from 2 to %d", len(c), maxKnots)
	}
	for i, k := range c {
		switch {
		case len(k) != 2:
			return fmt.Errorf("score_curve: knot %d has %d numbers, not a score and its chance", i, len(k))
		case i == 0 && (k[0] != 0 || k[1] != 0):
			return fmt.Errorf("score_curve: begins at %v, not at [0 0]", k)
		case i > 0 && !(k[0] > c[i-1][0] && k[1] > c[i-1][1]):
			return fmt.Errorf("score_curve: knot %d, %v, does not rise", i, k)
		}
	}
	if last := c[len(c)-1]; last[0] != 1 || last[1] != 1 {
		return fmt.Errorf("score_curve: ends at %v, not at [1 1]", last)
	}
	return nil
}

// chance is what a score of the network is worth.
func (c Curve) chance(score float32) float32 { return c.at(score, 0, 1) }

// score is the network's score that is worth a chance: the inverse of chance.
func (c Curve) score(chance float32) float32 { return c.at(chance, 1, 0) }

// at follows the curve from one axis to the other.
func (c Curve) at(v float32, from, to int) float32 {
	if len(c) == 0 {
		return v
	}
	i := sort.Search(len(c), func(i int) bool { return c[i][from] >= v })
	switch i {
	case 0:
		return c[0][to]
	case len(c):
		return c[len(c)-1][to]
	}
	a, b := c[i-1], c[i]
	part := (v - a[from]) / (b[from] - a[from])
	return a[to] + float32(part*(b[to]-a[to]))
}
