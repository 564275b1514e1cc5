package video

import (
	"image"

	"example.com/riffle/detector"
	"example.com/riffle/video/track"
)

// Packages track and scene import nothing of riffle's and have boxes of their own.
// These are the ways between them.

func toTrack(b detector.Box) track.Box {
	return track.Box{X1: float64(b.X1), Y1: float64(b.Y1), X2: float64(b.X2), Y2: float64(b.Y2)}
}

// toScene cuts a box off at the picture's edges.
func toScene(b track.Box, width, height int) [4]float64 {
	w, h := float64(width), float64(height)
	clamp := func(v, limit float64) float64 { return min(max(v, 0), limit) }
	return [4]float64{clamp(b.X1, w), clamp(b.Y1, h), clamp(b.X2, w), clamp(b.Y2, h)}
}

func toDetector(b [4]float64) detector.Box {
	return detector.Box{X1: float32(b[0]), Y1: float32(b[1]), X2: float32(b[2]), Y2: float32(b[3])}
}

// toPixels rounds a box to whole pixels.
func toPixels(b [4]float64) image.Rectangle {
	return image.Rect(int(round(b[0], 1)), int(round(b[1], 1)), int(round(b[2], 1)), int(round(b[3], 1)))
}
