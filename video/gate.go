package video

import "time"

// gate is shut while nothing moves, so that the detector need not look.
type gate struct {
	motion  Motion
	share   float64       // of the picture that must change
	hold    time.Duration // it stays open so long after the last motion
	refresh time.Duration // and opens for a frame so often when shut
	checked time.Duration
	moved   time.Duration // last
	looked  time.Duration // when it was last open
	begun   bool
	open    bool
}

// checkEvery bounds what the comparison costs: motion faster than this is seen
// all the same, since the background is slow.
const checkEvery = 120 * time.Millisecond

// reset makes the next frame one to look at.
func (g *gate) reset() { g.begun = false }

// pass tells whether to look at a frame.
func (g *gate) pass(p Picture, at time.Duration) bool {
	if !g.begun || at-g.checked >= checkEvery || at < g.checked {
		first := !g.begun
		g.begun, g.checked = true, at
		if g.motion.Moved(p) >= g.share || first {
			g.moved = at
		}
	}
	g.open = at-g.moved <= g.hold
	if g.open || at-g.looked >= g.refresh {
		g.looked = at
		return true
	}
	return false
}
