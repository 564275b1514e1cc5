package detector

import "image"

const (
	// mergeIoU is the overlap above which two looks' boxes of a class are one object.
	mergeIoU = 0.6
	// borderPart is the part of a tile's side within which a box touches its border.
	borderPart = 0.03
)

// merger gathers what several looks at a picture found.
type merger struct {
	size  image.Point // of the picture
	pairs candidates
}

// add takes what a look at a part of the picture found, in the pixels of an input of
// that size. Boxes that touch a border of the part within the picture show an object
// that is cut there: it is whole in another part, or large enough for the look at all
// of the picture.
func (m *merger) add(found []classBox, part image.Rectangle, input image.Point) {
	width, height := float32(part.Dx()), float32(part.Dy())
	sx, sy := width/float32(input.X), height/float32(input.Y)
	marginX, marginY := borderPart*width, borderPart*height
	for _, f := range found {
		b := f.Box.Scale(sx, sy).Clip(width, height)
		if part.Min.X > 0 && b.X1 < marginX || part.Max.X < m.size.X && b.X2 > width-marginX ||
			part.Min.Y > 0 && b.Y1 < marginY || part.Max.Y < m.size.Y && b.Y2 > height-marginY {
			continue
		}
		// Nor is a tile asked for what is larger than its overlap with the next one: an
		// object that the look at all of the picture shows better, or a part of it.
		if part.Size() != m.size && max(b.Width()/width, b.Height()/height) > tileOverlap {
			continue
		}
		m.pairs.add(b.Move(part.Min), f.Score, f.Class)
	}
}

// merged is what is left after suppression within each class, best first.
func (m *merger) merged(nms *Suppressor, limit int) []classBox {
	return m.pairs.best(nil, nms, mergeIoU, limit)
}
