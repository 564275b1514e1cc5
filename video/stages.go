package video

import (
	"fmt"
	"io"
	"sync/atomic"
	"text/tabwriter"
	"time"
)

// stage is a part of the work on a frame.
type stage int

const (
	stageCapture stage = iota
	stageMotion
	stageWait
	stageDetect
	stageTrack
	stageSnapshot
	stageDraw
	stageWrite
	stageLive
	stageEvents
	stageIdle    // of the looking goroutine: no frame is there
	stageBlocked // the same: the output is behind
	stageCount
)

var stageNames = [stageCount]string{
	"capture", "motion", "wait for a worker", "detect", "track", "snapshot", "draw", "write file", "live page", "events",
	"no frame there", "output behind",
}

// stages adds up where a camera's time goes.
type stages struct {
	time                   [stageCount]atomic.Int64
	count                  [stageCount]atomic.Int64
	looked, dropped, still atomic.Int64
}

func (s *stages) add(st stage, d time.Duration) {
	s.time[st].Add(int64(d))
	s.count[st].Add(1)
}

// mean is the time of a stage each time it ran.
func (s *stages) mean(st stage) time.Duration {
	n := s.count[st].Load()
	if n == 0 {
		return 0
	}
	return time.Duration(s.time[st].Load() / n)
}

// report prints frames a second and where the time went, share being of the
// camera's time on the clock: capture, looking and output run side by side, so
// shares add up to more than one.
func (s *stages) report(w io.Writer, name string, took time.Duration) {
	looked := s.looked.Load()
	fps := float64(looked) / took.Seconds()
	fmt.Fprintf(w, "%s: %d frames in %.2f s, %.1f a second; %d dropped, %d still\n", name, looked, took.Seconds(), fps, s.dropped.Load(), s.still.Load())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tstage\tms each\ttimes\tshare\t")
	for st := range stageCount {
		if n := s.count[st].Load(); n > 0 {
			fmt.Fprintf(t, "\t%s\t%.2f\t%d\t%.1f %%\t\n", stageNames[st], float64(s.mean(st))/1e6, n, 100*time.Duration(s.time[st].Load()).Seconds()/took.Seconds())
		}
	}
	_ = t.Flush()
	if one := s.mean(stageCapture) + s.mean(stageDetect); one > 0 {
		ideal := 1 / one.Seconds()
		fmt.Fprintf(w, "  1 / (capture + detect) is %.1f frames a second; reached %.0f %% of it\n", ideal, 100*fps/ideal)
	}
}
