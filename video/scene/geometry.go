package scene

import (
	"errors"
	"fmt"
	"math"
)

// Point is a place in the picture, as parts of its width and height from the
// upper left corner: {0.5, 1} is the middle of the lower edge. So zones and lines
// stay where they are when a camera changes its resolution.
type Point struct{ X, Y float64 }

func (p Point) check() error {
	for _, v := range []float64{p.X, p.Y} {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("point [%g, %g]: parts of width and height are from 0 to 1", p.X, p.Y)
		}
	}
	return nil
}

// inside tells whether a point lies in a polygon, by the number of edges that a
// ray to the right crosses.
func inside(p Point, polygon []Point) bool {
	in := false
	for i, a := range polygon {
		b := polygon[(i+1)%len(polygon)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < a.X+(p.Y-a.Y)*(b.X-a.X)/(b.Y-a.Y) {
			in = !in
		}
	}
	return in
}

// offBorder is the distance in pixels from a point to the nearest edge.
func offBorder(p Point, polygon []Point, width, height int) float64 {
	x, y := float64(width), float64(height)
	least := math.Inf(1)
	for i, a := range polygon {
		b := polygon[(i+1)%len(polygon)]
		dx, dy := (b.X-a.X)*x, (b.Y-a.Y)*y
		px, py := (p.X-a.X)*x, (p.Y-a.Y)*y
		along := 0.0
		if n := dx*dx + dy*dy; n > 0 {
			along = min(max((px*dx+py*dy)/n, 0), 1)
		}
		least = min(least, math.Hypot(px-along*dx, py-along*dy))
	}
	return least
}

// area is that of a polygon that does not cross itself.
func area(polygon []Point) float64 {
	sum := 0.0
	for i, a := range polygon {
		b := polygon[(i+1)%len(polygon)]
		sum += a.X*b.Y - b.X*a.Y
	}
	return math.Abs(sum) / 2
}

func checkPolygon(polygon []Point) error {
	if len(polygon) < 3 {
		return errors.New("a zone has at least three points")
	}
	for _, p := range polygon {
		if err := p.check(); err != nil {
			return err
		}
	}
	n := len(polygon)
	for i := range n {
		for j := i + 2; j < n; j++ {
			if i == 0 && j == n-1 {
				continue // neighbours
			}
			if cross(polygon[i], polygon[i+1], polygon[j], polygon[(j+1)%n]) {
				return fmt.Errorf("the edge from point %d crosses the one from point %d: give the points in their order around the zone", i+1, j+1)
			}
		}
	}
	if area(polygon) < 1e-6 {
		return errors.New("the zone is empty")
	}
	return nil
}

// turn is positive if the way from a over b to c turns clockwise in a picture.
func turn(a, b, c Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }

// cross tells whether the segments ab and cd cut each other.
func cross(a, b, c, d Point) bool {
	return turn(a, b, c)*turn(a, b, d) < 0 && turn(c, d, a)*turn(c, d, b) < 0
}

// reach is cross where a point of the first segment on the second counts.
func reach(a, b, c, d Point) bool {
	return turn(a, b, c)*turn(a, b, d) <= 0 && turn(c, d, a)*turn(c, d, b) <= 0
}
