package detector

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"example.com/riffle/photo"
)

// Draw copies a picture, upright, and draws detections into the copy: a box in
// the colour of its class, and a label with the score that stays within the
// picture and clear of other labels where there is room. Lines and letters grow
// with the picture.
func Draw(img image.Image, detections []Detection) *image.RGBA {
	out := photo.Upright(img)
	if len(detections) == 0 {
		return out
	}
	c := newCanvas(out)
	defer c.close()
	// The best is drawn last and lies on top; its label has first choice of place.
	order := make([]int, len(detections))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return int(math.Copysign(1, float64(detections[b].Score-detections[a].Score)))
	})
	for _, i := range slices.Backward(order) {
		c.box(&detections[i])
	}
	labels := make([]label, 0, len(order))
	for _, i := range order {
		labels = append(labels, c.place(&detections[i]))
	}
	for _, l := range slices.Backward(labels) {
		c.label(l)
	}
	return out
}

// canvas is a picture with a pen and a typeface of the right size for it.
type canvas struct {
	img     *image.RGBA
	line    int // width in pixels
	padding int // around a label's text
	face    font.Face
	ascent  int
	height  int // of a label
	taken   []image.Rectangle
}

// goBold is parsed once; faces of it are cheap.
var goBold = sync.OnceValue(func() *opentype.Font {
	f, err := opentype.Parse(gobold.TTF)
	if err != nil {
		panic(err) // the typeface is part of the program
	}
	return f
})

func newCanvas(img *image.RGBA) *canvas {
	side := math.Sqrt(float64(img.Rect.Dx()) * float64(img.Rect.Dy()))
	letters := max(11, side/42)
	face, err := opentype.NewFace(goBold(), &opentype.FaceOptions{Size: letters, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic(err) // NewFace of a parsed typeface has nothing to complain of
	}
	m := face.Metrics()
	c := &canvas{
		img: img, face: face,
		line:    max(1, int(math.Round(side/260))),
		padding: max(2, int(math.Round(letters/4))),
		ascent:  m.Ascent.Ceil(),
	}
	c.height = m.Ascent.Ceil() + m.Descent.Ceil() + c.padding/2
	return c
}

func (c *canvas) close() { _ = c.face.Close() }

// pixels rounds a box to whole pixels of the picture, at least one each way.
func (c *canvas) pixels(b Box) image.Rectangle {
	round := func(v float32) int { return int(math.Round(float64(v))) }
	b = b.Clip(float32(c.img.Rect.Max.X), float32(c.img.Rect.Max.Y))
	r := image.Rect(round(b.X1), round(b.Y1), round(b.X2), round(b.Y2))
	r.Min.X, r.Min.Y = min(r.Min.X, c.img.Rect.Max.X-1), min(r.Min.Y, c.img.Rect.Max.Y-1)
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+1), max(r.Max.Y, r.Min.Y+1)
	return r
}

// shade lies under lines so that they show on a ground of their own colour.
var shade = color.RGBA{0, 0, 0, 110}

func (c *canvas) box(d *Detection) {
	r := c.pixels(d.Box)
	line := min(c.line, max(1, min(r.Dx(), r.Dy())/6))
	rim := (line + 2) / 3
	c.frame(r.Inset(-rim), line+2*rim, shade)
	c.frame(r, line, ClassColor(d.CategoryID))
}

// frame draws the border of r, inwards.
func (c *canvas) frame(r image.Rectangle, line int, colour color.RGBA) {
	inner := r.Inset(line)
	if inner.Empty() {
		c.fill(r, colour)
		return
	}
	c.fill(image.Rect(r.Min.X, r.Min.Y, r.Max.X, inner.Min.Y), colour)
	c.fill(image.Rect(r.Min.X, inner.Max.Y, r.Max.X, r.Max.Y), colour)
	c.fill(image.Rect(r.Min.X, inner.Min.Y, inner.Min.X, inner.Max.Y), colour)
	c.fill(image.Rect(inner.Max.X, inner.Min.Y, r.Max.X, inner.Max.Y), colour)
}

func (c *canvas) fill(r image.Rectangle, colour color.RGBA) {
	draw.Draw(c.img, r, image.NewUniform(colour), image.Point{}, draw.Over)
}

// label is a text and where it goes.
type label struct {
	text   string
	ground image.Rectangle
	colour color.RGBA
}

// place looks for a place for a detection's label: above its box, below it if it
// is small, inside it, and then down along its left edge. Where all overlap
// labels placed before, the one that overlaps least is taken.
func (c *canvas) place(d *Detection) label {
	l := label{text: fmt.Sprintf("%s %.2f", d.Label, d.Score), colour: ClassColor(d.CategoryID)}
	size := image.Pt(font.MeasureString(c.face, l.text).Ceil()+2*c.padding, c.height)
	r := c.pixels(d.Box)
	least := math.MaxInt
	for _, at := range c.places(r, size) {
		ground := c.within(image.Rectangle{Min: at, Max: at.Add(size)})
		covered := 0
		for _, t := range c.taken {
			x := t.Intersect(ground)
			covered += x.Dx() * x.Dy()
		}
		if covered < least {
			least, l.ground = covered, ground
		}
		if least == 0 {
			break
		}
	}
	c.taken = append(c.taken, l.ground.Inset(-1)) // a gap, so that neighbours do not run together
	return l
}

// places are the corners that a label of the given size may take, best first.
func (c *canvas) places(r image.Rectangle, size image.Point) []image.Point {
	left, right := r.Min.X, r.Max.X-size.X
	above, inside, below, bottom := r.Min.Y-size.Y, r.Min.Y, r.Max.Y, r.Max.Y-size.Y
	var out []image.Point
	if above >= 0 {
		out = append(out, image.Pt(left, above), image.Pt(right, above))
	}
	if below+size.Y <= c.img.Rect.Max.Y && r.Dy() < 4*size.Y { // inside, it would hide the object
		out = append(out, image.Pt(left, below), image.Pt(right, below))
	}
	out = append(out, image.Pt(left, inside), image.Pt(right, inside), image.Pt(left, bottom), image.Pt(right, bottom))
	for y := inside + size.Y; y < bottom; y += size.Y {
		out = append(out, image.Pt(left, y))
	}
	return out
}

// within moves a rectangle into the picture; one too wide begins at its left edge.
func (c *canvas) within(r image.Rectangle) image.Rectangle {
	p := c.img.Rect
	r = r.Add(image.Pt(min(0, p.Max.X-r.Max.X), min(0, p.Max.Y-r.Max.Y)))
	return r.Add(image.Pt(max(0, p.Min.X-r.Min.X), max(0, p.Min.Y-r.Min.Y)))
}

func (c *canvas) label(l label) {
	c.fill(l.ground, l.colour)
	text := font.Drawer{
		Dst: c.img, Src: image.NewUniform(ink(l.colour)), Face: c.face,
		Dot: fixed.P(l.ground.Min.X+c.padding, l.ground.Min.Y+c.padding/4+c.ascent),
	}
	text.DrawString(l.text)
}

// ClassColor is the color of a class in drawn pictures: the same in every
// picture, and far from those of the classes that are seen beside it.
func ClassColor(categoryID int) color.RGBA {
	if c, ok := commonColors[categoryID]; ok {
		return c
	}
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
