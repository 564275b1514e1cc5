package eval

// A chart is drawn once and shown twice: as SVG in the HTML page, where the
// page's theme gives the colours, and as a PNG file.

// ink is a colour by its role.
type ink int

const (
	inkText ink = iota
	inkMuted
	inkGrid
	inkFirst
	inkSecond
	inkThird
)

type point struct{ x, y float64 }

type anchor int

const (
	anchorStart anchor = iota
	anchorMiddle
	anchorEnd
)

// canvas is what charts draw on. Units are CSS pixels, y points down, text
// stands on its baseline.
type canvas interface {
	line(points []point, width float64, c ink)
	// rect may carry a title that a pointer on it shows.
	rect(x, y, w, h float64, c ink, opacity float64, title string)
	dot(x, y, radius float64, c ink, opacity float64, title string)
	text(x, y float64, s string, size float64, c ink, a anchor)
	// textUp reads from bottom to top, from its start.
	textUp(x, y float64, s string, size float64, c ink)
}

// chart is one drawing of a report.
type chart struct {
	name   string // of the file
	title  string
	w, h   float64
	drawOn func(canvas)
}
