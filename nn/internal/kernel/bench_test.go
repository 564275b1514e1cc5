package kernel

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// measure reports the speed of the fastest of many short runs, which is the
// least disturbed by other programs, beside the mean that testing reports.
func measure(b *testing.B, macs float64, f func()) {
	f()
	start := time.Now()
	f()
	repeat := int(50*time.Microsecond/(time.Since(start)+1)) + 1
	best := math.Inf(1)
	for b.Loop() {
		start := time.Now()
		for range repeat {
			f()
		}
		best = min(best, time.Since(start).Seconds()/float64(repeat))
	}
	b.ReportMetric(macs/best/1e9, "GMAC/s")
	b.ReportMetric(best*1e6, "us-min")
	b.ReportMetric(0, "ns/op")
}

func label(path Path, k, m, h, groups int) string {
	s := fmt.Sprintf("%s/%dx%d@%d", path, k, m, h)
	if groups > 1 {
		s += fmt.Sprintf("g%d", groups)
	}
	return s
}
