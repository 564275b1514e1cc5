package modelfile

import (
	"errors"
	"runtime"

	"example.com/riffle/nn"
)

// Options say how a model runs. The zero value looks at as many pictures at a
// time as there are processors, each on one thread, at the size the model was
// trained for and in int8 if there is a calibration and the processor is fast at
// that, else in float32.
type Options struct {
	Threads int // threads of one picture; 0 means 1
	Workers int // pictures at a time; 0 means GOMAXPROCS / Threads
	// Precision is that of the 1x1 convolutions. Int8 needs Calibration; Auto takes
	// float32 without one, or with one of other weights.
	Precision   nn.Precision
	Calibration *Calibration
	// Size is the side of a detector's square input in pixels, a multiple of 32,
	// and Proposals the number of regions that its second stage looks at; 0 means
	// what the model was trained for, other values trade quality for time.
	Size, Proposals int
	// FirstStageOnly leaves a detector's second stage out: the dense points are
	// detections, scored by the first stage alone.
	FirstStageOnly bool
	ISA            string                                // forces an instruction set, see nn.Options
	Observe        func(layer string, input [][]float32) // see nn.Options
}

// Plan returns how the networks of a model's file are compiled, but for the size
// of their input. The error says that int8 lacks its calibration.
func (o *Options) Plan(weights []byte) (nn.Options, error) {
	p := nn.Options{Threads: o.Threads, ISA: o.ISA, Precision: o.Precision, Observe: o.Observe}
	if o.Precision != nn.Int8 && (o.Precision != nn.Auto || o.Calibration == nil) {
		return p, nil
	}
	ranges, err := o.Calibration.For(weights)
	if err != nil && o.Precision == nn.Auto {
		return p, nil
	}
	p.Ranges = ranges
	return p, err
}

// WorkerCount is Workers, or what 0 means.
func (o *Options) WorkerCount() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return max(1, runtime.GOMAXPROCS(0)/max(1, o.Threads))
}

// OnlyGeneral is an error if an option is set that only detectors have.
func (o *Options) OnlyGeneral() error {
	if o.Size != 0 || o.Proposals != 0 || o.FirstStageOnly {
		return errors.New("size, proposals and first stage are options of detectors only")
	}
	return nil
}
