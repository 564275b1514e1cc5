package detector

import (
	"fmt"
	"image"
	"math"
	"strconv"
	"strings"
)

// Tiles says into which parts a picture is cut that are looked at beside the whole,
// each enlarged to the network's input, for objects that are too small in the whole
// picture. The zero value looks at the whole picture alone; others come from
// [ParseTiles], [Grid] and [AutoTiles].
type Tiles struct {
	cols, rows int // of a grid
	count      int // most tiles of a grid that suits the picture's shape
}

// AutoTiles cuts a picture into as many tiles as its pixels are worth: none if the
// network's input has about as many, at most maxAuto.
var AutoTiles = Tiles{count: auto}

const (
	// MaxTiles bounds the tiles of a picture.
	MaxTiles = 64
	// auto as a count leaves the number to the picture.
	auto = -1
	// maxAuto is the most tiles that AutoTiles makes.
	maxAuto = 6
	// autoScale is how many pixels of the picture a pixel of the network's input must
	// stand for, along a side, in a tile that AutoTiles makes: an object in a tile
	// that shows less is not much clearer than in the whole picture.
	autoScale = 1.7
	// tileOverlap is the part of a tile's side that it shares with the next one. An object
	// no larger than that is whole in at least one tile.
	tileOverlap = 1.0 / 3
)

// Grid is a grid of tiles whatever the picture's shape; a single tile is none.
func Grid(cols, rows int) Tiles {
	if cols == 1 && rows == 1 {
		return Tiles{}
	}
	return Tiles{cols: cols, rows: rows}
}

// ParseTiles reads "none", "auto", a number of tiles, which a grid that suits the
// picture's shape may have at most, or a grid as COLSxROWS, such as 2x2.
func ParseTiles(text string) (Tiles, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	t := Tiles{}
	cols, rows, grid := strings.Cut(text, "x")
	switch {
	case text == "none":
		return t, nil
	case text == "auto":
		return AutoTiles, nil
	case grid:
		c, err := strconv.ParseUint(cols, 10, 16)
		r, err2 := strconv.ParseUint(rows, 10, 16)
		if err != nil || err2 != nil || c == 0 || r == 0 {
			return t, fmt.Errorf("tiles: %q is not a grid such as 2x2", text)
		}
		t = Grid(int(c), int(r))
	default:
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return t, fmt.Errorf("tiles: want auto, none, a number or a grid such as 2x2, not %q", text)
		}
		if n > 1 {
			t.count = int(n)
		}
	}
	return t, t.check()
}

func (t Tiles) check() error {
	if t.cols < 0 || t.rows < 0 || t.count < auto || (t.cols == 0) != (t.rows == 0) {
		return fmt.Errorf("tiles: %d x %d", t.cols, t.rows)
	}
	if n := max(t.cols*t.rows, t.count); n > MaxTiles {
		return fmt.Errorf("tiles: %d are more than %d", n, MaxTiles)
	}
	return nil
}

// String is what ParseTiles reads.
func (t Tiles) String() string {
	switch {
	case t.count == auto:
		return "auto"
	case t.count > 0:
		return strconv.Itoa(t.count)
	case t.cols > 0:
		return fmt.Sprintf("%dx%d", t.cols, t.rows)
	}
	return "none"
}

// MarshalText is String.
func (t Tiles) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText is ParseTiles.
func (t *Tiles) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTiles(string(text))
	return err
}

// tileSide is the length of each of n tiles along a side.
func tileSide(side, n int) float64 {
	return float64(side) / (float64(n) - tileOverlap*float64(n-1))
}

// grid is how many columns and rows of tiles a picture gets, 1 and 1 for none.
func (t Tiles) grid(size, input image.Point) (cols, rows int) {
	if t.count == 0 {
		return max(t.cols, 1), max(t.rows, 1)
	}
	most := t.count
	if most == auto {
		most = maxAuto
	}
	best := math.Inf(1)
	cols, rows = 1, 1
	for c := 1; c <= most; c++ {
		for r := 1; c*r <= most; r++ {
			w, h := tileSide(size.X, c)/float64(input.X), tileSide(size.Y, r)/float64(input.Y)
			if w < 1 || h < 1 || t.count == auto && math.Sqrt(w*h) < autoScale {
				continue // nothing to be seen in it that the whole picture does not show
			}
			// The smallest tiles, and of those the ones nearest to the input's shape.
			if cost := math.Max(w, h); cost < best && c*r > 1 {
				best, cols, rows = cost, c, r
			}
		}
	}
	return cols, rows
}

// Parts are the tiles of a picture in its pixels, none for the whole alone.
func (t Tiles) Parts(size, input image.Point) []image.Rectangle {
	cols, rows := t.grid(size, input)
	cols, rows = min(cols, size.X), min(rows, size.Y)
	if cols*rows == 1 {
		return nil
	}
	parts := make([]image.Rectangle, 0, cols*rows)
	for r := range rows {
		top, bottom := tileSpan(size.Y, rows, r)
		for c := range cols {
			left, right := tileSpan(size.X, cols, c)
			parts = append(parts, image.Rect(left, top, right, bottom))
		}
	}
	return parts
}

// tileSpan is where tile number i of n begins and ends along a side.
func tileSpan(side, n, i int) (from, to int) {
	length := int(math.Ceil(tileSide(side, n)))
	if n == 1 {
		return 0, side
	}
	from = int(math.Round(float64(i) * float64(side-length) / float64(n-1)))
	return from, from + length
}

// DecodeSize is [photo.Options.SizeFor] for a network with an input of a size: what
// a picture may be reduced to so that each tile still fills the input.
func (t Tiles) DecodeSize(size, input image.Point) image.Point {
	parts := t.Parts(size, input)
	if len(parts) == 0 || input == (image.Point{}) {
		return input
	}
	scale := func(side, tile, input int) int { return int(math.Ceil(float64(side) * float64(input) / float64(tile))) }
	return image.Pt(scale(size.X, parts[0].Dx(), input.X), scale(size.Y, parts[0].Dy(), input.Y))
}
