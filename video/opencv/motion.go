//go:build opencv

package opencv

import (
	"image"

	"gocv.io/x/gocv"

	"example.com/riffle/video"
)

// motion is OpenCV's mixture of Gaussians (Zivkovic, 2004) on a small gray copy.
type motion struct {
	model                   gocv.BackgroundSubtractorMOG2
	small, gray, mask, core gocv.Mat
	kernel                  gocv.Mat
	size                    image.Point // of the picture last seen
}

const (
	motionWidth   = 240 // pixels of the small copy
	motionHistory = 150 // comparisons in which something becomes background
	motionSpread  = 30  // squared deviations from the background
)

// NewMotion begins without a background: the first picture is all motion.
func (*Backend) NewMotion() video.Motion {
	return &motion{
		model: gocv.NewBackgroundSubtractorMOG2WithParams(motionHistory, motionSpread, false),
		small: gocv.NewMat(), gray: gocv.NewMat(), mask: gocv.NewMat(), core: gocv.NewMat(),
		kernel: gocv.GetStructuringElement(gocv.MorphRect, image.Pt(3, 3)),
	}
}

// Moved compares and learns. Single pixels are noise and do not count.
func (m *motion) Moved(p video.Picture) float64 {
	mat := &p.(*picture).mat
	if mat.Empty() {
		return 0
	}
	size := image.Pt(mat.Cols(), mat.Rows())
	if m.size != size {
		if m.size != (image.Point{}) { // what was learnt is of another picture
			m.model.Close()
			m.model = gocv.NewBackgroundSubtractorMOG2WithParams(motionHistory, motionSpread, false)
		}
		m.size = size
	}
	w := min(motionWidth, size.X)
	h := max(1, size.Y*w/size.X)
	gocv.Resize(*mat, &m.small, image.Pt(w, h), 0, 0, gocv.InterpolationArea)
	gocv.CvtColor(m.small, &m.gray, gocv.ColorBGRToGray)
	m.model.Apply(m.gray, &m.mask)
	gocv.Erode(m.mask, &m.core, m.kernel)
	// Erosion takes the rim of what moves away: count it again around the rest.
	gocv.Dilate(m.core, &m.mask, m.kernel)
	return float64(gocv.CountNonZero(m.mask)) / float64(w*h)
}

func (m *motion) Close() {
	m.model.Close()
	for _, mat := range []*gocv.Mat{&m.small, &m.gray, &m.mask, &m.core, &m.kernel} {
		mat.Close()
	}
}
