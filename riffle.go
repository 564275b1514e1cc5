// Package riffle finds objects in photos on small CPUs, with a ShuffleNet
// backbone under a two-stage detector trained on MS COCO's 80 classes. Weights and
// kernels are in the package: nothing is fetched, and nothing else need be
// installed.
//
//	d, err := riffle.Open("", riffle.Options{})
//	...
//	r, err := d.DetectFile(ctx, "street.jpg", riffle.Filter{})
//	for _, found := range r.Detections {
//		fmt.Println(found.Label, found.Score, found.Box)
//	}
//
// Models are safe for concurrent use. Merely importing the package changes
// nothing in the process.
package riffle

import (
	"cmp"
	"fmt"
	"runtime"

	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
	"example.com/riffle/segmenter"
)

// Errors of this package wrap these, or those of the operating system such as
// [io/fs.ErrNotExist].
var (
	ErrNotPicture   = photo.ErrNotImage      // the bytes are in no known picture format
	ErrTooLarge     = photo.ErrTooLarge      // more pixels or bytes than allowed
	ErrUnknownModel = models.ErrUnknown      // no embedded model has the name
	ErrWrongKind    = modelfile.ErrWrongKind // say, a classifier where a detector was asked for
	ErrWrongTensor  = nn.ErrTensor           // the file lacks a tensor or has it in another shape
)

// Precision is the arithmetic of a network's 1x1 convolutions.
type Precision = nn.Precision

// The precisions. Int8 is the fastest and a little less accurate; BFloat16 needs
// a processor with AVX512_BF16.
const (
	Float32  = nn.Float32
	BFloat16 = nn.BFloat16
	Int8     = nn.Int8
)

// Options say how a model runs. The zero value takes float32 at the size the model
// was trained for.
type Options struct {
	Precision Precision
	// Size is the side of a detector's input in pixels, a multiple of 32; 0 means
	// what the model was trained for.
	Size int
	// Threads work on one picture; 0 means as many as there are processors, at
	// most [MaxThreads].
	Threads int
	// Workers is how many pictures are looked at at a time; 0 means as many as
	// Threads leaves processors for.
	Workers int
	// Proposals is the number of regions that a detector's second stage looks at;
	// 0 means what the model was trained for. FirstStageOnly leaves that stage out.
	Proposals      int
	FirstStageOnly bool
	// ISA forces an instruction set: "generic", "avx2", "avx512" or "neon".
	ISA string
}

// MaxThreads is how many threads one picture gets where nobody says: beyond
// that the network's small layers leave most of them waiting.
const MaxThreads = 8

// run is o for a model's file.
func (o Options) run(file models.File) (modelfile.Options, error) {
	r := modelfile.Options{
		Threads: o.Threads, Workers: o.Workers, Precision: o.Precision, ISA: o.ISA,
		Size: o.Size, Proposals: o.Proposals, FirstStageOnly: o.FirstStageOnly,
	}
	if r.Threads == 0 {
		r.Threads = min(runtime.GOMAXPROCS(0), MaxThreads)
	}
	if o.Precision == nn.Int8 && file.Calibration != nil {
		c, err := modelfile.ReadCalibration(file.Calibration)
		if err != nil {
			return r, fmt.Errorf("%s: %w", models.CalibrationPath(file), err)
		}
		r.Calibration = c
	}
	return r, nil
}

// open makes a model with the function that is for its kind.
func open[T any](model string, o Options, make func([]byte, modelfile.Options) (T, error)) (T, error) {
	var none T
	file, err := models.Open(model)
	if err != nil {
		return none, err
	}
	r, err := o.run(file)
	if err == nil {
		var m T
		if m, err = make(file.Data, r); err == nil {
			return m, nil
		}
	}
	return none, fmt.Errorf("model %s: %w", cmp.Or(model, file.Name), err)
}

// Open opens a detector: an embedded model by its name ("" for the default,
// riffle-v2-1.5x), or a safetensors file by its path.
func Open(model string, o Options) (*Detector, error) {
	d, err := open(model, o, detector.New)
	if err != nil {
		return nil, err
	}
	return &Detector{d}, nil
}

// OpenClassifier opens a classifier, which says what a picture shows as a whole.
func OpenClassifier(model string, o Options) (*Classifier, error) {
	c, err := open(model, o, classifier.New)
	if err != nil {
		return nil, err
	}
	return &Classifier{c}, nil
}

// OpenSegmenter opens a segmenter, which says what every pixel shows.
func OpenSegmenter(model string, o Options) (*Segmenter, error) {
	s, err := open(model, o, segmenter.New)
	if err != nil {
		return nil, err
	}
	return &Segmenter{s}, nil
}
