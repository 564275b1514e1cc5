//go:build unix

package main

import (
	"errors"
	"testing"
	"time"
)

// steady is a job that takes a fixed time.
type steady struct {
	calls int
	fail  bool
}

func (s *steady) infer() (time.Duration, error) {
	s.calls++
	if s.fail {
		return 0, errors.New("broken")
	}
	time.Sleep(time.Millisecond)
	return 1500 * time.Microsecond, nil
}

func (s *steady) result() []float32 { return nil }

func (s *steady) kernels() string { return "" }

func TestTurn(t *testing.T) {
	j := &steady{}
	got, err := turn(j, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Ms) < 1 || len(got.Ms) != len(got.Switched) {
		t.Fatalf("%d times and %d marks", len(got.Ms), len(got.Switched))
	}
	if j.calls != len(got.Ms)+warmUp {
		t.Errorf("%d inferences for %d times and a warm-up of %d", j.calls, len(got.Ms), warmUp)
	}
	for _, ms := range got.Ms {
		if ms != 1.5 {
			t.Errorf("an inference took %v ms, want 1.5", ms)
		}
	}
}

func TestTurnFails(t *testing.T) {
	if _, err := turn(&steady{fail: true}, time.Millisecond); err == nil {
		t.Error("no error")
	}
}
