package video

import (
	"time"

	"example.com/riffle/video/scene"
)

// Event is something that happened at a camera: one JSON object a line. These names are a
// contract.
type Event struct {
	Event     string     `json:"event"` // a scene.Kind, or "camera_up", "camera_down", "motion_start", "motion_end"
	Camera    string     `json:"camera"`
	Time      time.Time  `json:"time"`     // when the frame was captured
	Position  float64    `json:"position"` // seconds, in the file or since the start
	Frame     int        `json:"frame"`    // of the source, from 0
	ID        int        `json:"id,omitempty"`
	Label     string     `json:"label,omitempty"`
	Score     float64    `json:"score,omitempty"` // the object's best so far
	Box       *[4]int    `json:"box,omitempty"`   // x_min, y_min, x_max, y_max in pixels
	Zone      string     `json:"zone,omitempty"`
	Line      string     `json:"line,omitempty"`
	Direction string     `json:"direction,omitempty"` // "in" or "out"
	Stayed    *float64   `json:"stayed,omitempty"`    // seconds
	Was       string     `json:"was,omitempty"`       // the label until now
	Into      int        `json:"into,omitempty"`      // the number that goes on in place of ID
	Counts    *LineCount `json:"counts,omitempty"`    // of the line, so far
	Snapshot  string     `json:"snapshot,omitempty"`  // file
	Text      string     `json:"text"`                // the same for people
}

// LineCount is how often a line was crossed.
type LineCount struct {
	In  int `json:"in"`
	Out int `json:"out"`
}

// State is how things are at a camera.
type State struct {
	Motion  bool
	Objects map[string]int   // by label
	Zones   []map[string]int // by zone and label
	Lines   []LineCount
}

// Sink takes events and states. Calls come from several goroutines, one for each
// camera, and should not block for long.
type Sink interface {
	Event(e *Event) error
	// State is called when something in it has changed.
	State(camera string, s *State)
	// Snapshot is the best picture of an object that has gone.
	Snapshot(camera, label string, jpeg []byte)
}

// FrameSink is a Sink that wants all objects of every frame.
type FrameSink interface {
	Frame(f *Frame) error
}

// Frame is what a frame shows, one JSON object a line. These names are a contract.
type Frame struct {
	Camera   string        `json:"camera"`
	Frame    int           `json:"frame"`
	Position float64       `json:"position"`
	Time     time.Time     `json:"time"`
	Still    bool          `json:"still,omitempty"` // the detector did not look
	Objects  []FrameObject `json:"objects"`
}

// FrameObject is an object in a frame.
type FrameObject struct {
	ID    int        `json:"id"`
	Label string     `json:"label"`
	Score float64    `json:"score"`
	Box   [4]float64 `json:"box"`  // x_min, y_min, x_max, y_max in pixels
	Seen  bool       `json:"seen"` // or else where it should be
}

// toFrame is a result as a Frame.
func toFrame(r *result, camera string) *Frame {
	f := &Frame{Camera: camera, Frame: r.frame.number, Position: seconds(r.frame.at), Time: r.frame.wall, Still: !r.looked, Objects: []FrameObject{}}
	for i := range r.objects {
		o := &r.objects[i]
		out := FrameObject{ID: o.ID, Label: o.Label, Score: round(o.Score, 1e3), Seen: o.Seen}
		for k, v := range o.Box {
			out.Box[k] = round(v, 10)
		}
		f.Objects = append(f.Objects, out)
	}
	return f
}

// toEvent converts an event of a scene.
func toEvent(e *scene.Event, f *frame, camera string) *Event {
	o := &e.Object
	out := &Event{
		Event: string(e.Kind), Camera: camera, Time: f.wall, Position: seconds(e.At), Frame: f.number,
		ID: o.ID, Label: o.Label, Score: round(o.Best, 1e3), Box: &[4]int{}, Was: e.Was, Into: e.Into, Text: e.String(),
	}
	for i, v := range o.Box {
		out.Box[i] = int(round(v, 1))
	}
	switch e.Kind {
	case scene.ZoneEnter:
		out.Zone = e.Place
	case scene.ZoneLeave:
		out.Zone = e.Place
		s := seconds(e.Stayed)
		out.Stayed = &s
	case scene.ObjectEnd:
		s := seconds(e.Stayed)
		out.Stayed = &s
	case scene.LineCross:
		out.Line, out.Direction = e.Place, "out"
		if e.Inward {
			out.Direction = "in"
		}
	}
	return out
}
