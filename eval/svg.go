package eval

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// pageInk names the page's CSS variables; fileInk are the colors of a file, which
// programs that know no CSS show too.
var (
	pageInk = [...]string{inkText: "var(--text)", inkMuted: "var(--muted)", inkGrid: "var(--grid)",
		inkFirst: "var(--first)", inkSecond: "var(--second)", inkThird: "var(--third)"}
	fileInk = [...]string{inkText: "#1b1f24", inkMuted: "#5d6670", inkGrid: "#e2e5e9",
		inkFirst: "#0b62c4", inkSecond: "#c4500b", inkThird: "#177a3e"}
)

var svgAnchor = [...]string{anchorStart: "start", anchorMiddle: "middle", anchorEnd: "end"}

// canvas is what charts draw on: SVG. Units are CSS pixels, y points down, text
// stands on its baseline.
type canvas struct {
	b   strings.Builder
	ink [len(pageInk)]string
}

// svg draws a chart as an element of the page.
func (c *chart) svg() string {
	s := canvas{ink: pageInk}
	fmt.Fprintf(&s.b, `<svg viewBox="0 0 %s %s" role="img" aria-label="%s" xmlns="http://www.w3.org/2000/svg">`, num(c.w), num(c.h), html.EscapeString(c.title))
	c.drawOn(&s)
	s.b.WriteString("</svg>")
	return s.b.String()
}

// file draws a chart as a file of its own: on white, below its title and the
// report's, which on the page are headings.
func (c *chart) file(report string) string {
	const margin, scale = 10.0, 2.0
	head := 26.0
	if report != "" {
		head = 44
	}
	w, h := c.w+2*margin, c.h+head+2*margin
	s := canvas{ink: fileInk}
	fmt.Fprintf(&s.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" font-family="system-ui, sans-serif">`, num(w), num(h), num(w*scale), num(h*scale))
	fmt.Fprintf(&s.b, `<rect width="%s" height="%s" fill="#fff"/>`, num(w), num(h))
	s.text(margin, margin+14, c.title, 15, inkText, anchorStart)
	s.text(margin, margin+32, report, typeSize, inkMuted, anchorStart)
	fmt.Fprintf(&s.b, `<g transform="translate(%s %s)">`, num(margin), num(margin+head))
	c.drawOn(&s)
	s.b.WriteString("</g></svg>\n")
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

func (s *canvas) line(points []point, width float64, c ink) {
	fmt.Fprintf(&s.b, `<polyline fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round" points="`, s.ink[c], num(width))
	for i, p := range points {
		if i > 0 {
			s.b.WriteByte(' ')
		}
		s.b.WriteString(num(p.x) + "," + num(p.y))
	}
	s.b.WriteString(`"/>`)
}

// rect may carry a title that a pointer on it shows.
func (s *canvas) rect(x, y, w, h float64, c ink, opacity float64, about string) {
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" opacity="%s">%s</rect>`, num(x), num(y), num(w), num(h), s.ink[c], num(opacity), title(about))
}

func (s *canvas) dot(x, y, radius float64, c ink, opacity float64, about string) {
	fmt.Fprintf(&s.b, `<circle cx="%s" cy="%s" r="%s" fill="%s" opacity="%s">%s</circle>`, num(x), num(y), num(radius), s.ink[c], num(opacity), title(about))
}

func (s *canvas) text(x, y float64, text string, size float64, c ink, a anchor) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" font-size="%s" fill="%s" text-anchor="%s">%s</text>`, num(x), num(y), num(size), s.ink[c], svgAnchor[a], html.EscapeString(text))
}

// textUp reads from bottom to top, from its start.
func (s *canvas) textUp(x, y float64, text string, size float64, c ink) {
	fmt.Fprintf(&s.b, `<text transform="translate(%s %s) rotate(-90)" font-size="%s" fill="%s">%s</text>`, num(x), num(y), num(size), s.ink[c], html.EscapeString(text))
}
