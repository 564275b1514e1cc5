package video

import (
	"math"
	"time"
)

// round to a whole number of 1/parts.
func round(v, parts float64) float64 { return math.Round(v*parts) / parts }

// seconds to the millisecond.
func seconds(d time.Duration) float64 { return round(d.Seconds(), 1000) }
