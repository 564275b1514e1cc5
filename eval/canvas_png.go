package eval

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

var pngInk = [...]color.NRGBA{
	inkText: {0x1b, 0x1f, 0x24, 255}, inkMuted: {0x5d, 0x66, 0x70, 255}, inkGrid: {0xe2, 0xe5, 0xe9, 255},
	inkFirst: {0x0b, 0x62, 0xc4, 255}, inkSecond: {0xc4, 0x50, 0x0b, 255}, inkThird: {0x17, 0x7a, 0x3e, 255},
}

// parsedFont is the font of PNG plots, which comes with golang.org/x/image.
var parsedFont = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(goregular.TTF) })

// pngCanvas draws with scale device pixels to a unit.
type pngCanvas struct {
	img    *image.RGBA
	scale  float64
	origin point // in units
	faces  map[float64]font.Face
	font   *opentype.Font
	err    error // the first one; drawing goes on
}

// png writes a chart as a PNG file on white, below its own title and the
// report's; on the page it has a heading instead.
func (c *chart) png(w io.Writer, report string) error {
	f, err := parsedFont()
	if err != nil {
		return err
	}
	const scale, margin = 2.5, 10.0
	head := 26.0
	if report != "" {
		head = 44
	}
	p := &pngCanvas{scale: scale, font: f, faces: map[float64]font.Face{}}
	p.img = image.NewRGBA(image.Rect(0, 0, int(math.Ceil((c.w+2*margin)*scale)), int(math.Ceil((c.h+head+2*margin)*scale))))
	draw.Draw(p.img, p.img.Bounds(), image.White, image.Point{}, draw.Src)
	p.text(margin, margin+14, c.title, 15, inkText, anchorStart)
	p.text(margin, margin+32, report, typeSize, inkMuted, anchorStart)
	p.origin = point{margin, margin + head}
	c.drawOn(p)
	if p.err != nil {
		return p.err
	}
	return png.Encode(w, p.img)
}

// fill rasterises one closed shape, given in units. The rasteriser covers only
// the shape's own pixels, so that many small shapes stay cheap.
func (p *pngCanvas) fill(shape []point, c ink, opacity float64) {
	moved := make([]point, len(shape))
	for i, v := range shape {
		moved[i] = point{(v.x + p.origin.x) * p.scale, (v.y + p.origin.y) * p.scale}
	}
	low, high := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, v := range moved {
		low = point{min(low.x, v.x), min(low.y, v.y)}
		high = point{max(high.x, v.x), max(high.y, v.y)}
	}
	box := image.Rect(int(math.Floor(low.x)), int(math.Floor(low.y)), int(math.Ceil(high.x))+1, int(math.Ceil(high.y))+1)
	box = box.Intersect(p.img.Bounds())
	if box.Empty() {
		return
	}
	r := vector.NewRasterizer(box.Dx(), box.Dy())
	at := func(v point) (x, y float32) {
		return float32(v.x - float64(box.Min.X)), float32(v.y - float64(box.Min.Y))
	}
	x, y := at(moved[0])
	r.MoveTo(x, y)
	for _, v := range moved[1:] {
		x, y = at(v)
		r.LineTo(x, y)
	}
	r.ClosePath()
	col := pngInk[c]
	col.A = uint8(math.Round(255 * opacity))
	r.Draw(p.img, box, image.NewUniform(col), image.Point{})
}

func (p *pngCanvas) line(points []point, width float64, c ink) {
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		dx, dy := b.x-a.x, b.y-a.y
		length := math.Hypot(dx, dy)
		if length == 0 {
			continue
		}
		// Half a line's width to either side, and a little beyond the ends so
		// that corners close.
		ux, uy := dx/length*width/2, dy/length*width/2
		if i > 1 {
			a = point{a.x - ux/2, a.y - uy/2}
		}
		p.fill([]point{{a.x - uy, a.y + ux}, {a.x + uy, a.y - ux}, {b.x + uy, b.y - ux}, {b.x - uy, b.y + ux}}, c, 1)
	}
}

func (p *pngCanvas) rect(x, y, w, h float64, c ink, opacity float64, _ string) {
	p.fill([]point{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}, c, opacity)
}

func (p *pngCanvas) dot(x, y, radius float64, c ink, opacity float64, _ string) {
	const corners = 16
	shape := make([]point, corners)
	for i := range shape {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		shape[i] = point{x + radius*cos, y + radius*sin}
	}
	p.fill(shape, c, opacity)
}

func (p *pngCanvas) face(size float64) font.Face {
	if f, ok := p.faces[size]; ok {
		return f
	}
	f, err := opentype.NewFace(p.font, &opentype.FaceOptions{Size: size * p.scale, DPI: 72, Hinting: font.HintingNone})
	if err != nil && p.err == nil {
		p.err = err
	}
	p.faces[size] = f
	return f
}

func (p *pngCanvas) text(x, y float64, s string, size float64, c ink, a anchor) {
	face := p.face(size)
	if face == nil {
		return
	}
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(pngInk[c]), Face: face}
	x = (x + p.origin.x) * p.scale
	switch width := float64(d.MeasureString(s)) / 64; a {
	case anchorMiddle:
		x -= width / 2
	case anchorEnd:
		x -= width
	}
	d.Dot = fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6((y + p.origin.y) * p.scale * 64)}
	d.DrawString(s)
}

func (p *pngCanvas) textUp(x, y float64, s string, size float64, c ink) {
	face := p.face(size)
	if face == nil {
		return
	}
	d := font.Drawer{Src: image.NewUniform(color.Opaque), Face: face}
	m := face.Metrics()
	w, up, down := d.MeasureString(s).Ceil(), m.Ascent.Ceil(), m.Descent.Ceil()
	lying := image.NewAlpha(image.Rect(0, -up, w, down))
	d.Dst = lying
	d.DrawString(s)
	standing := image.NewAlpha(image.Rect(-up, -w, down, 0))
	for ly := -up; ly < down; ly++ {
		for lx := range w {
			standing.SetAlpha(ly, -1-lx, lying.AlphaAt(lx, ly))
		}
	}
	origin := image.Pt(int(math.Round((x+p.origin.x)*p.scale)), int(math.Round((y+p.origin.y)*p.scale)))
	draw.DrawMask(p.img, standing.Rect.Add(origin), image.NewUniform(pngInk[c]), image.Point{}, standing, standing.Rect.Min, draw.Over)
}
