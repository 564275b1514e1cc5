package scene

import (
	"fmt"
	"time"
)

// Kind is what an event is about.
type Kind string

// The kinds of events.
const (
	ObjectNew Kind = "object_new" // an object came
	ObjectEnd Kind = "object_end" // it is gone; Stayed is how long it was followed
	ZoneEnter Kind = "zone_enter"
	ZoneLeave Kind = "zone_leave" // Stayed is how long it was in there
	LineCross Kind = "line_cross"
	// ObjectLabel: it is something else than was said; Was is the old label.
	ObjectLabel Kind = "object_label"
)

// Event is something that happened.
type Event struct {
	Kind   Kind
	At     time.Duration // of the frame in which it was seen to happen
	Object Object        // as it was then
	Place  string        // the zone's or line's name
	Inward bool          // of a crossing
	Stayed time.Duration
	Was    string
	Into   int // of an end: the number of the object that this one turned out to be, or 0
}

// String tells the event as a person would: "person 7 left zone porch, stayed 12 s".
func (e Event) String() string {
	who := fmt.Sprintf("%s %d", e.Object.Label, e.Object.ID)
	switch e.Kind {
	case ObjectNew:
		return who + " appeared"
	case ObjectLabel:
		return fmt.Sprintf("%s %d is a %s", e.Was, e.Object.ID, e.Object.Label)
	case ObjectEnd:
		if e.Into > 0 {
			return fmt.Sprintf("%s is the same as number %d", who, e.Into)
		}
		return fmt.Sprintf("%s is gone, was there %s", who, seconds(e.Stayed))
	case ZoneEnter:
		return fmt.Sprintf("%s entered zone %s", who, e.Place)
	case ZoneLeave:
		return fmt.Sprintf("%s left zone %s, stayed %s", who, e.Place, seconds(e.Stayed))
	case LineCross:
		way := "out"
		if e.Inward {
			way = "in"
		}
		return fmt.Sprintf("%s crossed line %s, %s", who, e.Place, way)
	}
	return who
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
