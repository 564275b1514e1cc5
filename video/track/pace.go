package track

import (
	"slices"
	"time"
)

// pace knows how far apart frames usually are: the median of the last gaps, which
// one outage does not change and a slower camera soon does.
type pace struct {
	gaps [5]time.Duration
	n    int // ever
}

func (p *pace) add(gap time.Duration) {
	if gap <= 0 {
		return
	}
	p.gaps[p.n%len(p.gaps)] = gap
	p.n++
}

func (p *pace) usual() (time.Duration, bool) {
	n := min(p.n, len(p.gaps))
	if n == 0 {
		return 0, false
	}
	sorted := p.gaps
	slices.Sort(sorted[:n])
	return sorted[n/2], true
}
