package track_test

import (
	"fmt"
	"time"

	"example.com/riffle/video/track"
)

// A detector's boxes, frame by frame, become numbered objects.
func Example() {
	tracker := track.New(track.Options{})
	for i := range 5 {
		x := 10 + 4*float64(i)
		tracks := tracker.Update(time.Duration(i)*100*time.Millisecond, []track.Observation{
			{Box: track.Box{X1: x, Y1: 20, X2: x + 30, Y2: 100}, Class: 0, Score: 0.9},
		})
		fmt.Println(i, len(tracks))
	}
	for _, t := range tracker.Flush() {
		fmt.Printf("object %d was seen for %v, at best with %.1f\n", t.ID, t.Last-t.First, t.Best)
	}
	// Output:
	// 0 0
	// 1 0
	// 2 0
	// 3 1
	// 4 1
	// object 1 was seen for 400ms, at best with 0.9
}
