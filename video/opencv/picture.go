//go:build opencv

package opencv

import (
	"errors"
	"image"
	"image/color"
	"math"

	"gocv.io/x/gocv"

	"example.com/riffle/photo"
	"example.com/riffle/video"
)

// picture is a Mat of blue, green and red bytes.
type picture struct {
	mat gocv.Mat
	pen pen
}

// NewPicture makes one without pixels; reading gives it some.
func (*Backend) NewPicture() video.Picture { return &picture{mat: gocv.NewMat()} }

func (p *picture) Close() { p.mat.Close() }

// Frame is a view of the Mat's own memory.
func (p *picture) Frame() photo.Frame {
	if p.mat.Empty() {
		return photo.Frame{}
	}
	pix, err := p.mat.DataPtrUint8()
	if err != nil {
		return photo.Frame{}
	}
	return photo.Frame{Pix: pix, Width: p.mat.Cols(), Height: p.mat.Rows(), Stride: p.mat.Step()}
}

// JPEG compresses the picture.
func (p *picture) JPEG(quality int) ([]byte, error) {
	if p.mat.Empty() {
		return nil, errors.New("no pixels")
	}
	b, err := gocv.IMEncodeWithParams(gocv.JPEGFileExt, p.mat, []int{gocv.IMWriteJpegQuality, quality})
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if b.Len() == 0 {
		return nil, errors.New("OpenCV cannot compress it")
	}
	return append([]byte(nil), b.GetBytes()...), nil
}

// pen is what lines and letters have in a picture of a size.
type pen struct {
	side    int
	line    int
	letters float64 // scale of OpenCV's font
	stroke  int     // of letters
}

const font = gocv.FontHersheySimplex

func (p *pen) fit(width, height int) {
	if p.side == width+height {
		return
	}
	side := math.Sqrt(float64(width) * float64(height))
	letters := max(0.4, side/1450)
	*p = pen{width + height, max(1, int(math.Round(side/330))), letters, max(1, int(math.Round(1.5*letters)))}
}

// Draw draws the caption, then zones and lines, then boxes, then labels: labels can
// be read, and the caption hides no box.
func (p *picture) Draw(o *video.Overlay) {
	if p.mat.Empty() {
		return
	}
	p.pen.fit(p.mat.Cols(), p.mat.Rows())
	if o.Caption != "" {
		p.label(o.Caption, image.Pt(0, 0), color.RGBA{0, 0, 0, 255})
	}
	for i := range o.Shapes {
		p.shape(&o.Shapes[i])
	}
	for i := range o.Marks {
		m := &o.Marks[i]
		line := p.pen.line
		if m.Faint {
			line = max(1, line/2)
		}
		gocv.Rectangle(&p.mat, m.Box, m.Color, line)
	}
	for i := range o.Marks {
		if m := &o.Marks[i]; !m.Faint {
			p.label(m.Text, m.Box.Min, m.Color)
		}
	}
}

func (p *picture) shape(s *video.Shape) {
	if len(s.Points) < 2 {
		return
	}
	for i := 1; i < len(s.Points); i++ {
		gocv.Line(&p.mat, s.Points[i-1], s.Points[i], s.Color, p.pen.line)
	}
	if s.Closed {
		gocv.Line(&p.mat, s.Points[len(s.Points)-1], s.Points[0], s.Color, p.pen.line)
	}
	if s.Text != "" {
		p.label(s.Text, s.Points[0], s.Color)
	}
}

// label writes on a ground of the given color with its lower left corner at a
// point, below it if there is no room above.
func (p *picture) label(text string, at image.Point, ground color.RGBA) {
	size := gocv.GetTextSize(text, font, p.pen.letters, p.pen.stroke)
	pad := max(2, size.Y/4)
	r := image.Rect(0, 0, size.X+2*pad, size.Y+2*pad+1).Add(image.Pt(at.X, at.Y-size.Y-2*pad-1))
	r = r.Add(image.Pt(min(0, p.mat.Cols()-r.Max.X), 0))
	r = r.Add(image.Pt(max(0, -r.Min.X), max(0, -r.Min.Y)))
	gocv.Rectangle(&p.mat, r, ground, -1)
	ink := color.RGBA{255, 255, 255, 255}
	if 3*int(ground.R)+6*int(ground.G)+int(ground.B) > 1300 {
		ink = color.RGBA{0, 0, 0, 255}
	}
	gocv.PutText(&p.mat, text, image.Pt(r.Min.X+pad, r.Max.Y-pad-1), font, p.pen.letters, ink, p.pen.stroke)
}
