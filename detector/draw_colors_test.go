package detector

import (
	"image/color"
	"math"
	"testing"
)

// lab converts to CIE L*a*b* (D65), where distances are what eyes see.
func lab(c color.RGBA) [3]float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f > 0.04045 {
			return math.Pow((f+0.055)/1.055, 2.4)
		}
		return f / 12.92
	}
	r, g, b := linear(c.R), linear(c.G), linear(c.B)
	f := func(t float64) float64 {
		if t > 0.008856 {
			return math.Cbrt(t)
		}
		return 7.787*t + 16.0/116
	}
	x, y, z := f((0.4124*r+0.3576*g+0.1805*b)/0.95047), f(0.2126*r+0.7152*g+0.0722*b), f((0.0193*r+0.1192*g+0.9505*b)/1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func colorDistance(a, b int) float64 {
	p, q := lab(ClassColor(a)), lab(ClassColor(b))
	return math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
}

// Person, bicycle, car, motorcycle, bus and truck stand in one street: 2.3 is a
// difference that can just be seen, 40 one that nobody misses.
func TestColorsOfAStreetAreFarApart(t *testing.T) {
	street := []int{1, 2, 3, 4, 6, 8}
	for i, a := range street {
		for _, b := range street[:i] {
			if d := colorDistance(a, b); d < 40 {
				t.Errorf("classes %d and %d: %v and %v are %.0f apart", a, b, ClassColor(a), ClassColor(b), d)
			}
		}
	}
	for a := range commonColors {
		for b := range commonColors {
			if d := colorDistance(a, b); a != b && d < 18 {
				t.Errorf("classes %d and %d: %v and %v are %.0f apart", a, b, ClassColor(a), ClassColor(b), d)
			}
		}
	}
}
