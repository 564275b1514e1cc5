package eval

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"image"
	"image/draw"
	"image/jpeg"
	"strings"

	"github.com/nfnt/resize"
)

// drawnPicture puts one photo into the page twice, with the truth's and with
// the detections' boxes over it.
func drawnPicture(pic Picture, load func(Image) (image.Image, error)) pagePicture {
	out := pagePicture{File: pic.Image.File, Missed: pic.Missed, False: pic.False}
	w, h := float64(pic.Image.Width), float64(pic.Image.Height)
	img, err := load(pic.Image)
	var data string
	if err == nil {
		if w <= 0 || h <= 0 {
			w, h = float64(img.Bounds().Dx()), float64(img.Bounds().Dy())
		}
		data, err = smallJPEG(img)
	}
	if err != nil {
		out.Failed = err.Error()
	}
	out.Truth = drawMarks(w, h, data, pic.Truth)
	out.Found = drawMarks(w, h, data, pic.Found)
	return out
}

// smallJPEG is a photo as a data URL, its longer side at most 720 pixels.
func smallJPEG(img image.Image) (string, error) {
	const most = 720
	b := img.Bounds()
	if b.Empty() {
		return "", fmt.Errorf("a photo of %d x %d pixels", b.Dx(), b.Dy())
	}
	img = resize.Thumbnail(most, most, img, resize.Lanczos3)
	small := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(small, small.Rect, image.White, image.Point{}, draw.Src) // below what is transparent
	draw.Draw(small, small.Rect, img, img.Bounds().Min, draw.Over)
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, small, &jpeg.Options{Quality: 78}); err != nil {
		return "", err
	}
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(buf.Bytes()), nil
}

var markClass = [...]string{MarkRight: "right", MarkMissed: "missed", MarkFalse: "false", MarkIgnored: "ignored"}

func drawMarks(w, h float64, photo string, marks []Mark) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %s %s" xmlns="http://www.w3.org/2000/svg">`, num(w), num(h))
	if photo == "" {
		fmt.Fprintf(&b, `<rect width="%s" height="%s" fill="var(--grid)"/>`, num(w), num(h))
	} else {
		fmt.Fprintf(&b, `<image href="%s" width="%s" height="%s" preserveAspectRatio="none"/>`, photo, num(w), num(h))
	}
	t := tags{size: w / 36, w: w, h: h}
	// What is right comes first, so that the errors lie on top of it.
	for _, kind := range []MarkKind{MarkIgnored, MarkRight, MarkFalse, MarkMissed} {
		for _, m := range marks {
			if m.Kind == kind {
				t.drawMark(&b, m)
			}
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // labels are escaped
}

// tags places the labels of one picture.
type tags struct {
	size, w, h float64 // of the type and of the picture, in the picture's pixels
	placed     []Box
}

func (t *tags) drawMark(b *strings.Builder, m Mark) {
	label, about := m.Label, m.Label
	if m.Score > 0 {
		label += fmt.Sprintf(" %.2f", m.Score)
		about = label
	}
	if m.Kind == MarkFalse {
		about += ": " + m.Error.String() + " error"
	}
	fmt.Fprintf(b, `<rect class="box %s" x="%s" y="%s" width="%s" height="%s">%s</rect>`,
		markClass[m.Kind], num(m.Box.X), num(m.Box.Y), num(m.Box.W), num(m.Box.H), title(about))
	at := t.place(m.Box, label)
	fmt.Fprintf(b, `<text class="tag" x="%s" y="%s" font-size="%s">%s</text>`, num(at.X), num(at.Y+at.H), num(t.size), html.EscapeString(label))
}

// place finds room for a label above the box's upper left corner or, where
// other labels are, further down.
func (t *tags) place(box Box, label string) Box {
	at := Box{box.X + 2, max(0, box.Y-t.size*1.2), float64(len(label)) * t.size * 0.56, t.size}
	at.X = max(2, min(at.X, t.w-at.W))
	free := func() bool {
		for _, p := range t.placed {
			if iou(at, p, false) > 0 {
				return false
			}
		}
		return true
	}
	for range 8 {
		if free() || at.Y+2*t.size > t.h {
			break
		}
		at.Y += t.size
	}
	t.placed = append(t.placed, at)
	return at
}
