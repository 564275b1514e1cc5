package detector

import (
	"image/color"
	"math"
)

// ClassColor is the colour of a class in drawn pictures: the same in every
// picture, and far from those of the classes with neighbouring ids.
func ClassColor(categoryID int) color.RGBA {
	// The golden angle spreads any run of ids evenly over the hues; lightness
	// alternates, so that near hues differ in something else.
	const goldenAngle = 137.50776405
	hue := math.Mod(float64(categoryID)*goldenAngle+40, 360)
	if hue < 0 {
		hue += 360
	}
	lightness := [...]float64{0.52, 0.64, 0.44}[((categoryID%3)+3)%3]
	return hsl(hue, 0.85, lightness)
}

// hsl converts hue in degrees, saturation and lightness from 0 to 1.
func hsl(h, s, l float64) color.RGBA {
	chroma := (1 - math.Abs(2*l-1)) * s
	channel := func(n float64) uint8 {
		k := math.Mod(n+h/30, 12)
		return uint8(math.Round(255 * (l - chroma/2*max(-1, min(k-3, 9-k, 1)))))
	}
	return color.RGBA{channel(0), channel(8), channel(4), 255}
}

// ink is black or white, whichever is easier to read on a background.
func ink(background color.RGBA) color.RGBA {
	// Relative luminance of sRGB; contrast with black and white is equal at 0.179.
	linear := func(v uint8) float64 { return math.Pow(float64(v)/255, 2.2) }
	luminance := 0.2126*linear(background.R) + 0.7152*linear(background.G) + 0.0722*linear(background.B)
	if luminance > 0.25 {
		return color.RGBA{0, 0, 0, 255}
	}
	return color.RGBA{255, 255, 255, 255}
}
