package eval

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// svgInk names the page's CSS variables.
var svgInk = [...]string{inkText: "var(--text)", inkMuted: "var(--muted)", inkGrid: "var(--grid)",
	inkFirst: "var(--first)", inkSecond: "var(--second)", inkThird: "var(--third)"}

var svgAnchor = [...]string{anchorStart: "start", anchorMiddle: "middle", anchorEnd: "end"}

type svgCanvas struct{ b strings.Builder }

// svg draws a chart as an SVG element.
func (c *chart) svg() string {
	var s svgCanvas
	fmt.Fprintf(&s.b, `<svg viewBox="0 0 %s %s" role="img" aria-label="%s" xmlns="http://www.w3.org/2000/svg">`, num(c.w), num(c.h), html.EscapeString(c.title))
	c.drawOn(&s)
	s.b.WriteString("</svg>")
	return s.b.String()
}

// num writes a coordinate, to a hundredth of a pixel.
func num(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func title(s string) string {
	if s == "" {
		return ""
	}
	return "<title>" + html.EscapeString(s) + "</title>"
}

func (s *svgCanvas) line(points []point, width float64, c ink) {
	fmt.Fprintf(&s.b, `<polyline fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round" points="`, svgInk[c], num(width))
	for i, p := range points {
		if i > 0 {
			s.b.WriteByte(' ')
		}
		s.b.WriteString(num(p.x) + "," + num(p.y))
	}
	s.b.WriteString(`"/>`)
}

func (s *svgCanvas) rect(x, y, w, h float64, c ink, opacity float64, about string) {
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" opacity="%s">%s</rect>`, num(x), num(y), num(w), num(h), svgInk[c], num(opacity), title(about))
}

func (s *svgCanvas) dot(x, y, radius float64, c ink, opacity float64, about string) {
	fmt.Fprintf(&s.b, `<circle cx="%s" cy="%s" r="%s" fill="%s" opacity="%s">%s</circle>`, num(x), num(y), num(radius), svgInk[c], num(opacity), title(about))
}

func (s *svgCanvas) text(x, y float64, text string, size float64, c ink, a anchor) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" font-size="%s" fill="%s" text-anchor="%s">%s</text>`, num(x), num(y), num(size), svgInk[c], svgAnchor[a], html.EscapeString(text))
}

func (s *svgCanvas) textUp(x, y float64, text string, size float64, c ink) {
	fmt.Fprintf(&s.b, `<text transform="translate(%s %s) rotate(-90)" font-size="%s" fill="%s">%s</text>`, num(x), num(y), num(size), svgInk[c], html.EscapeString(text))
}
