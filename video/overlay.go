package video

import (
	"fmt"
	"image"
	"time"

	"example.com/riffle/detector"
)

// compose fills the overlay with a frame's objects and the camera's shapes.
func (o *output) compose(r *result, width, height int) {
	v := &o.overlay
	v.Marks, v.Shapes = v.Marks[:0], v.Shapes[:0]
	for _, s := range o.shapes {
		sh := Shape{Text: s.text, Color: detector.ClassColor(s.color), Closed: s.closed}
		for _, p := range s.points {
			sh.Points = append(sh.Points, image.Pt(int(p.X*float64(width-1)), int(p.Y*float64(height-1))))
		}
		v.Shapes = append(v.Shapes, sh)
	}
	for i := range r.state.Lines { // lines come after the zones
		s := &v.Shapes[len(o.c.cfg.Zones)+i]
		s.Text = fmt.Sprintf("%s: %d in, %d out", s.Text, r.state.Lines[i].In, r.state.Lines[i].Out)
	}
	for i := range r.objects {
		b := &r.objects[i]
		if r.frame.at-b.Last > drawLost {
			continue
		}
		text := fmt.Sprintf("%s %d  %.2f", b.Label, b.ID, b.Score)
		if !b.Seen {
			text = fmt.Sprintf("%s %d", b.Label, b.ID)
		}
		v.Marks = append(v.Marks, Mark{Box: toPixels(b.Box), Text: text, Color: detector.ClassColor(colorOf(b.ID)), Faint: !b.Seen})
	}
	v.Caption = o.caption(r)
}

// drawLost is how long an object is drawn where it should be.
const drawLost = 600 * time.Millisecond

// colorOf gives each number a color far from those of the numbers near it.
func colorOf(id int) int { return id }

func (o *output) caption(r *result) string {
	when := r.frame.wall.Format(time.DateTime)
	if o.c.source.Kind == File {
		at := r.frame.at
		when = fmt.Sprintf("%02d:%02d.%d", int(at.Minutes()), int(at.Seconds())%60, int(at.Milliseconds()/100)%10)
	}
	if !r.looked {
		when += "  still"
	}
	return o.c.name + "  " + when
}
