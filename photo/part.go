package photo

import (
	"fmt"
	"image"
	"math"
)

// FillPart is [Preprocessor.Fill] of a part of a picture, which is stretched to the
// planes' size. The part is in pixels of the upright file, as [Photo.Size] and boxes
// are; it must not be empty nor reach beyond the picture. No pixel is copied, and
// pixels outside of the part do not count.
func (p *Preprocessor) FillPart(dst [][]float32, img image.Image, part image.Rectangle) error {
	photo, ok := img.(*Photo)
	size := img.Bounds().Size()
	if ok {
		size = photo.Size()
	}
	if part.Empty() || !part.In(image.Rectangle{Max: size}) {
		return fmt.Errorf("preprocess: part %v of a picture of %d x %d pixels", part, size.X, size.Y)
	}
	if f, ok := img.(*Frame); ok {
		return p.fillFrame(dst, f, part)
	}
	if !ok {
		img = window(img, part.Add(img.Bounds().Min))
		return p.fill(dst, rowsOf(img), storedAs(part.Dx(), part.Dy()))
	}
	from := photo.storedPart(part)
	covered := image.Rect(int(from.offsetX), int(from.offsetY),
		int(math.Ceil(from.offsetX+from.extentX)), int(math.Ceil(from.offsetY+from.extentY)))
	from.width, from.height = covered.Dx(), covered.Dy()
	from.offsetX -= float64(covered.Min.X)
	from.offsetY -= float64(covered.Min.Y)
	return p.fill(dst, rowsOf(window(photo.Stored, covered.Add(photo.Stored.Bounds().Min))), from)
}

// storedPart is the shape of a part of the upright file in the pixels that are
// stored, of which it may begin and end within.
func (p *Photo) storedPart(part image.Rectangle) stored {
	w, h := p.extent()
	side := float64(int(1) << p.shift)
	x0, x1 := float64(part.Min.X)/side, float64(part.Max.X)/side
	y0, y1 := float64(part.Min.Y)/side, float64(part.Max.Y)/side
	if p.Orientation.Swaps() {
		x0, x1, y0, y1 = y0, y1, x0, x1
	}
	mirrorX, mirrorY := p.Orientation.flips()
	if mirrorX {
		x0, x1 = w-x1, w-x0
	}
	if mirrorY {
		y0, y1 = h-y1, h-y0
	}
	return stored{
		offsetX: x0, offsetY: y0, extentX: x1 - x0, extentY: y1 - y0,
		shift: p.shift, orientation: p.Orientation,
	}
}

// window is a part of a picture that shares its pixels.
func window(img image.Image, part image.Rectangle) image.Image {
	if s, ok := img.(interface {
		SubImage(r image.Rectangle) image.Image
	}); ok {
		return s.SubImage(part)
	}
	return cut{img, part}
}

// cut is a window into a picture that cannot be cut itself.
type cut struct {
	image.Image
	part image.Rectangle
}

func (c cut) Bounds() image.Rectangle { return c.part }
