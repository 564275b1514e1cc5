package eval

// A chart is drawn once and shown twice: in the HTML page, where the page's theme
// gives the colors, and as an SVG file of its own.

// ink is a color by its role.
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

// chart is one drawing of a report.
type chart struct {
	name   string // of the file
	title  string
	w, h   float64
	drawOn func(*canvas)
}
