package video

import "time"

// assumedFPS is the pace of files that do not tell it.
const assumedFPS = 25

// stamps makes times of a container's: from 0 and growing, whatever the container
// says. Where it says nothing, or goes back as a stream does that begins anew, a
// frame comes as long after the one before as the closest two have been apart.
type stamps struct {
	begun  bool
	offset time.Duration // added to the container's
	last   time.Duration
	step   time.Duration
}

func (s *stamps) next(f *frame) time.Duration {
	if !s.begun {
		s.begun, s.offset = true, -f.stamp
		fps := f.fps
		if !(fps > 0) {
			fps = assumedFPS
		}
		s.step = time.Duration(float64(time.Second) / fps)
		return 0
	}
	if at := f.stamp + s.offset; f.timed && at > s.last {
		s.step = min(s.step, max(at-s.last, time.Millisecond))
		s.last = at
		return at
	}
	s.last += s.step
	if f.timed {
		s.offset = s.last - f.stamp
	}
	return s.last
}
