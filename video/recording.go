package video

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// recording is the video file that a camera's drawn frames go to.
type recording struct {
	c      *camera
	losses *losses
	path   string // "" until the first frame
	writer Writer // nil before the first frame and after a failure
	clock  clock
	failed bool
}

// write opens the file for the first frame, and gives it the frame as often as the
// file's clock asks for. A file that can be written no longer is completed and
// left; what it lacks is counted.
func (r *recording) write(f *frame, width, height int) error {
	if r.failed {
		r.losses.count(lostVideo, 1)
		return nil
	}
	if r.path == "" {
		if err := r.open(f, width, height); err != nil || r.failed {
			return err
		}
	}
	for range r.clock.times(f.at) {
		if err := r.writer.Write(f.pic); err != nil {
			r.fail(err)
			return nil
		}
	}
	return nil
}

func (r *recording) open(f *frame, width, height int) error {
	c := r.c
	path, err := c.recordingPath()
	r.path = path
	switch {
	case diskFull(err):
		r.path = c.cfg.Out
		r.fail(plain(err))
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", c.cfg.Out, plain(err))
	}
	fps := f.fps
	if c.source.Kind == File {
		fps = max(fps, c.backend.Rate(c.source))
	}
	r.clock = newClock(fps, c.every)
	r.writer, err = c.backend.NewWriter(path, c.cfg.Codec, r.clock.fps, width, height)
	switch {
	case diskFull(err):
		r.fail(err)
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (r *recording) fail(err error) {
	r.losses.add(lostVideo, fmt.Errorf("%s: %w", r.path, err))
	r.failed = true
	r.close()
}

func (r *recording) close() {
	if r.writer == nil {
		return
	}
	if err := r.writer.Close(); err != nil && !r.failed {
		r.losses.add(lostVideo, fmt.Errorf("%s: %w", r.path, err))
	}
	r.writer = nil
}

// diskFull tells errors that may pass from those of a wrong path.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// recordingPath is where the recording goes. What was recorded of a camera is not
// written over, as it cannot be had again: a restart begins a file of another
// name.
func (c *camera) recordingPath() (string, error) {
	path := c.cfg.Out
	if c.source.Kind == File {
		return path, nil
	}
	ext := filepath.Ext(path)
	for n := 2; ; n++ {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			if path != c.cfg.Out {
				c.log.Info().Str("file", path).Msgf("%s is there already: recording to another file", c.cfg.Out)
			}
			return path, f.Close()
		}
		if !errors.Is(err, os.ErrExist) {
			return "", err
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			return path, nil
		}
		path = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(c.cfg.Out, ext), n, ext)
	}
}

// clock turns frames that come when they come into a file of constant pace.
type clock struct {
	fps     float64
	written int
	begun   bool
	first   time.Duration
}

func newClock(fps float64, file bool) clock {
	switch {
	case fps >= 1 && fps <= 120:
	case file && fps > 120:
		fps = 120
	case file:
		fps = assumedFPS
	default:
		fps = 15
	}
	return clock{fps: fps}
}

// times is how often a frame of a time is written: more than once if the ones
// before it are missing, not at all if the file has enough of its moment. A gap
// of more than a minute is cut out.
func (k *clock) times(at time.Duration) int {
	if !k.begun {
		k.begun, k.first = true, at
	}
	due := int(math.Round((at-k.first).Seconds()*k.fps)) + 1
	n := due - k.written
	if n > int(60*k.fps) {
		k.first = at - time.Duration(float64(k.written)/k.fps*float64(time.Second))
		n = 1
	}
	n = max(0, n)
	k.written += n
	return n
}
