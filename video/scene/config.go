package scene

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Anchor says which point of its box stands for an object.
type Anchor string

// The anchors; "" is Bottom.
const (
	Bottom Anchor = "bottom" // the middle of the lower edge: where it stands
	Center Anchor = "center"
)

// Zone is a part of the picture.
type Zone struct {
	Name   string
	Points []Point       // its corners in order, at least three
	Labels []string      // of the objects that count; none for all
	After  time.Duration // an object must stay so long before it has entered
	Anchor Anchor
}

// Direction is a way across a line, as seen in the picture.
type Direction string

// The directions.
const (
	Up    Direction = "up"
	Down  Direction = "down"
	Left  Direction = "left"
	Right Direction = "right"
)

// Line counts what crosses it.
type Line struct {
	Name     string
	From, To Point
	In       Direction // which way is in; "" for Down, or Right across a steep line
	Labels   []string
	Anchor   Anchor
}

// Config is what is watched.
type Config struct {
	Zones []Zone
	Lines []Line
	// Labels of the objects whose coming and going is reported; none for all.
	Labels []string
	// After is how long an object must be followed before its coming is reported.
	After time.Duration
}

func (a Anchor) check() error {
	if a != "" && a != Bottom && a != Center {
		return fmt.Errorf("anchor is %q, want bottom or center", a)
	}
	return nil
}

// Check says what is wrong with a zone.
func (z *Zone) Check() error {
	switch {
	case z.Name == "":
		return errors.New("a zone has no name")
	case z.After < 0:
		return fmt.Errorf("zone %s: the time before it counts is negative", z.Name)
	}
	if err := errors.Join(checkPolygon(z.Points), z.Anchor.check()); err != nil {
		return fmt.Errorf("zone %s: %w", z.Name, err)
	}
	return nil
}

// Check says what is wrong with a line.
func (l *Line) Check() error {
	if l.Name == "" {
		return errors.New("a line has no name")
	}
	for _, p := range []Point{l.From, l.To} {
		if err := p.check(); err != nil {
			return fmt.Errorf("line %s: %w", l.Name, err)
		}
	}
	if math.Hypot(l.To.X-l.From.X, l.To.Y-l.From.Y) < 1e-3 {
		return fmt.Errorf("line %s: its ends are the same point", l.Name)
	}
	if _, err := l.inward(); err != nil {
		return fmt.Errorf("line %s: %w", l.Name, err)
	}
	if err := l.Anchor.check(); err != nil {
		return fmt.Errorf("line %s: %w", l.Name, err)
	}
	return nil
}

// inward is 1 if "in" goes to the side where turn is positive, else -1.
func (l *Line) inward() (float64, error) {
	dx, dy := l.To.X-l.From.X, l.To.Y-l.From.Y
	in := l.In
	if in == "" {
		in = Down
		if math.Abs(dy) > math.Abs(dx) {
			in = Right
		}
	}
	// A step (sx, sy) off the line has the turn dx*sy - dy*sx.
	var t float64
	switch in {
	case Up:
		t = -dx
	case Down:
		t = dx
	case Left:
		t = dy
	case Right:
		t = -dy
	default:
		return 0, fmt.Errorf("in is %q, want up, down, left or right", in)
	}
	if math.Abs(t) < 1e-3 {
		return 0, fmt.Errorf("nothing crosses it going %s: it runs that way itself", in)
	}
	return math.Copysign(1, t), nil
}

func wanted(labels []string, label string) bool {
	return len(labels) == 0 || slices.Contains(labels, label)
}
