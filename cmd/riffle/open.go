package main

import (
	"fmt"
	"runtime"

	"riffle/detector"
	"riffle/models"
	"riffle/nn"
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
	return newDetector(name, file, o)
}

// newDetector makes a detector of a model that was called name. Int8 takes the
// calibration that lies beside it.
func newDetector(name string, file models.File, o detector.Options) (*detector.Detector, error) {
	if o.Precision == nn.Int8 && file.Calibration != nil {
		var err error
		if o.Calibration, err = detector.ReadCalibration(file.Calibration); err != nil {
			return nil, fmt.Errorf("model %s: %s: %w", name, models.CalibrationPath(file), err)
		}
	}
	d, err := detector.New(file.Data, o)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return d, nil
}
