package eval

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// bar is a progress bar that redraws one line of a terminal.
type bar struct {
	w           io.Writer // nil: draws nothing
	now         func() time.Time
	total, done int
	start, last time.Time
}

// newBar draws on f if it is a terminal.
func newBar(f *os.File, total int, now func() time.Time) *bar {
	b := &bar{now: now, total: total, start: now()}
	if f != nil && isatty.IsTerminal(f.Fd()) {
		b.w = f
	}
	return b
}

// step counts one and redraws, at most ten times a second.
func (b *bar) step() {
	b.done++
	if b.w == nil {
		return
	}
	now := b.now()
	if b.done < b.total && now.Sub(b.last) < 100*time.Millisecond {
		return
	}
	b.last = now
	b.draw(now.Sub(b.start))
}

func (b *bar) draw(spent time.Duration) {
	const width = 30
	full := width * b.done / b.total
	rate := float64(b.done) / max(spent.Seconds(), 1e-9)
	left := time.Duration(float64(b.total-b.done) / rate * float64(time.Second)).Round(time.Second)
	// Padded so that a shorter line wipes out a longer one before it.
	line := fmt.Sprintf("%s%s %d/%d, %.1f photos/s, %v left", strings.Repeat("#", full), strings.Repeat(".", width-full), b.done, b.total, rate, left)
	_, _ = fmt.Fprintf(b.w, "\r%-78s", line)
}

// finish wipes the line, which the command's own output follows.
func (b *bar) finish() {
	if b.w != nil && !b.last.IsZero() {
		_, _ = fmt.Fprintf(b.w, "\r%78s\r", "")
	}
}
