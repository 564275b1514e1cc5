//go:build opencv

package opencv

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"example.com/riffle/video"
)

// freezeWatch notices a stream whose picture no longer changes in a single bit.
// A camera that hangs looks so; and so does, in OpenCV 4.6 on FFmpeg 5, a stream
// that has changed its resolution: OpenCV keeps converting from the old size and
// hands out its last picture. Opened anew, both are well.
type freezeWatch struct {
	limits *frozenLimits
	source string
	last   uint64
	since  time.Time
	same   int
}

const (
	frozenFrames = 15 // identical, at least
	frozenFirst  = 4 * time.Second
	frozenLast   = 10 * time.Minute
	rowsHashed   = 24
)

var seed = maphash.MakeSeed()

// check returns an error for a picture that is frozen.
func (w *freezeWatch) check(p video.Picture) error {
	f := p.Frame()
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range rowsHashed {
		y := i * (f.Height - 1) / (rowsHashed - 1)
		_, _ = h.Write(f.Pix[y*f.Stride : y*f.Stride+3*f.Width])
	}
	now := time.Now()
	if sum := h.Sum64(); sum != w.last || w.since.IsZero() {
		w.last, w.since, w.same = sum, now, 0
		return nil
	}
	w.same++
	if frozen := now.Sub(w.since); w.same >= frozenFrames && w.limits.reached(w.source, frozen) {
		return fmt.Errorf("%w for %v", video.ErrFrozen, frozen.Round(time.Second))
	}
	return nil
}

// frozenLimits are how long a source may send the same picture. Each time that it
// is reached it doubles: some sources are like that, and are left alone.
type frozenLimits struct {
	mu    sync.Mutex
	limit map[string]time.Duration
}

func (l *frozenLimits) reached(source string, frozen time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit == nil {
		l.limit = map[string]time.Duration{}
	}
	limit := max(l.limit[source], frozenFirst)
	if frozen < limit {
		return false
	}
	l.limit[source] = min(2*limit, frozenLast)
	return true
}
