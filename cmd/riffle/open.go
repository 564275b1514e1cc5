package main

import (
	"fmt"
	"runtime"

	"riffle/detector"
	"riffle/models"
)

// maxThreads is how many threads one photo gets where nobody says: beyond
// that the network's small layers leave most of them waiting.
const maxThreads = 8

// openDetector makes a detector of an embedded model or a file. Zero threads
// mean as many as there are processors, at most maxThreads.
func openDetector(name string, o detector.Options) (*detector.Detector, error) {
	file, err := models.Open(name)
	if err != nil {
		return nil, err
	}
	if o.Threads == 0 {
		o.Threads = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	d, err := detector.New(file.Data, o)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return d, nil
}
