package video

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// JSONLSink is a Sink that writes events as lines of JSON, at once. What cannot be
// written, as on a full disk, is kept for the next try; no line is ever torn.
type JSONLSink struct {
	mu      sync.Mutex
	w       io.Writer
	pending []byte // begins with the rest of a line that was written in part
	lost    int    // lines that pending had no room for
}

const maxPending = 1 << 20

// NewJSONLSink makes one.
func NewJSONLSink(w io.Writer) *JSONLSink { return &JSONLSink{w: w} }

// Event writes a line.
func (s *JSONLSink) Event(e *Event) error { return s.write(e) }

// State does nothing.
func (*JSONLSink) State(string, *State) {}

// Snapshot does nothing.
func (*JSONLSink) Snapshot(string, string, []byte) {}

func (s *JSONLSink) write(v any) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 && len(s.pending)+line.Len() > maxPending {
		s.lost++
	} else {
		s.pending = append(s.pending, line.Bytes()...)
	}
	return s.flush()
}

func (s *JSONLSink) flush() error {
	n, err := s.w.Write(s.pending)
	s.pending = append(s.pending[:0], s.pending[n:]...)
	return err
}

// Close tries once more to write what is left. Its error says how many lines are
// missing.
func (s *JSONLSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if len(s.pending) > 0 {
		err = s.flush()
	}
	if missing := s.lost + bytes.Count(s.pending, []byte{'\n'}); missing > 0 {
		err = errors.Join(fmt.Errorf("%d lines are missing", missing), err)
	}
	return err
}

// TracksSink is a Sink that writes all objects of every frame as lines of JSON.
type TracksSink struct{ JSONLSink }

// NewTracksSink makes one.
func NewTracksSink(w io.Writer) *TracksSink { return &TracksSink{JSONLSink{w: w}} }

// Event does nothing.
func (*TracksSink) Event(*Event) error { return nil }

// Frame writes a line.
func (s *TracksSink) Frame(f *Frame) error { return s.write(f) }
