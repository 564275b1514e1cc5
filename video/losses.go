package video

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// What may be lost: values of a metric's label.
const (
	lostVideo     = "video"
	lostSnapshots = "snapshots"
	lostEvents    = "events"
	lostTracks    = "tracks"
)

// losses are what a camera could not write, as on a full disk. That ends neither
// this camera nor others: it is said once and counted, and the run ends with an
// error.
type losses struct {
	log     zerolog.Logger
	metric  *prometheus.CounterVec
	camera  string
	mu      sync.Mutex
	first   map[string]error
	counted map[string]int
}

// add notes one loss.
func (l *losses) add(what string, err error) {
	l.mu.Lock()
	if l.first == nil {
		l.first, l.counted = map[string]error{}, map[string]int{}
	}
	said := l.first[what] != nil
	if !said {
		l.first[what] = err
	}
	l.mu.Unlock()
	l.count(what, 1)
	if !said {
		l.log.Error().Err(err).Msgf("%s cannot be written; going on, losses are counted", what)
	}
}

// count notes more of what add has said.
func (l *losses) count(what string, n int) {
	l.metric.WithLabelValues(l.camera, what).Add(float64(n))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counted[what] += n
}

// keep notes a sink's error as a loss. It returns only what ends the run: nobody
// reads the other end of a pipe any more.
func (l *losses) keep(what string, err error) error {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	l.add(what, err)
	return nil
}

// err is nil if nothing was lost.
func (l *losses) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []error
	for _, what := range []string{lostVideo, lostSnapshots, lostEvents, lostTracks} {
		if first := l.first[what]; first != nil {
			all = append(all, fmt.Errorf("camera %s: %s: failed %d times, at first: %w", l.camera, what, l.counted[what], first))
		}
	}
	return errors.Join(all...)
}
