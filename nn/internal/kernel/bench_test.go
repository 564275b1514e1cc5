package kernel

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// measure reports the speed of a kernel that does so many multiply-adds. One is
// two floating-point operations; the GMAC/s are what `riffle bench` shows.
func measure(b *testing.B, macs float64, f func()) {
	best := fastest(b, f)
	b.ReportMetric(2*macs/best/1e9, "GFLOP/s")
	b.ReportMetric(macs/best/1e9, "GMAC/s")
}

// measureValues reports the speed of a kernel that streams through memory.
func measureValues(b *testing.B, values float64, f func()) {
	b.ReportMetric(values/fastest(b, f)/1e9, "Gvalues/s")
}

// fastest returns the seconds of the fastest of many short runs, which is the
// least disturbed by other programs, and reports them instead of the mean.
func fastest(b *testing.B, f func()) float64 {
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
	b.ReportMetric(best*1e6, "us-min")
	b.ReportMetric(0, "ns/op")
	return best
}

func label(isa ISA, k, m, h, groups int) string {
	s := fmt.Sprintf("%s/%dx%d@%d", isa, k, m, h)
	if groups > 1 {
		s += fmt.Sprintf("g%d", groups)
	}
	return s
}
