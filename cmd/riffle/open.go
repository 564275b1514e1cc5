package main

import (
	"fmt"
	"runtime"

	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
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

// newDetector makes a detector of a model that was called name.
func newDetector(name string, file models.File, o detector.Options) (*detector.Detector, error) {
	var err error
	if o.Calibration, err = calibrationOf(file, o.Precision); err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	d, err := detector.New(file.Data, o)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return d, nil
}

// calibrationOf reads the calibration that lies beside a model, if int8 wants
// it; nil if there is none.
func calibrationOf(file models.File, p nn.Precision) (*modelfile.Calibration, error) {
	if p != nn.Int8 || file.Calibration == nil {
		return nil, nil
	}
	c, err := modelfile.ReadCalibration(file.Calibration)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", models.CalibrationPath(file), err)
	}
	return c, nil
}
