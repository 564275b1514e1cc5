package api

import (
	"image"

	"example.com/riffle/detector"
)

// drawDetections paints boxes and labels into a copy of the photo.
func drawDetections(photo image.Image, found []Detection) image.Image {
	boxes := make([]detector.Detection, len(found))
	for i, d := range found {
		boxes[i] = detector.Detection{
			Label: d.Label, CategoryID: d.CategoryID, Score: d.Score,
			Box: detector.Box{X1: d.Box[0], Y1: d.Box[1], X2: d.Box[2], Y2: d.Box[3]},
		}
	}
	return detector.Draw(photo, boxes)
}
