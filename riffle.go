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
	"image"
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

// The precisions. Int8 is the fastest and a little less accurate; Auto takes it
// where the processor has a kernel that makes it faster and the model has a
// calibration, else Float32. BFloat16 needs a processor with AVX512_BF16.
const (
	Auto     = nn.Auto
	Float32  = nn.Float32
	BFloat16 = nn.BFloat16
	Int8     = nn.Int8
)

// Options say how a model runs. The zero value takes the precision and the size that
// suit the processor; for the same numbers on all of them take Float32 and name the
// model.
type Options struct {
	Precision Precision
	// Quality chooses model and size of a detector where no model is named; one that
	// is named runs at the size it was trained for.
	Quality Quality
	// Size is the side of a detector's input in pixels, a multiple of 32, whatever
	// Quality says; 0 leaves it to that, or to the model that is named.
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
	if (o.Precision == nn.Int8 || o.Precision == nn.Auto) && file.Calibration != nil {
		c, err := modelfile.ReadCalibration(file.Calibration)
		if err != nil && o.Precision == nn.Auto {
			return r, nil
		}
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
	return openFile(file, model, o, make)
}

// openFile is open of a file that was read.
func openFile[T any](file models.File, model string, o Options, make func([]byte, modelfile.Options) (T, error)) (T, error) {
	var none T
	r, err := o.run(file)
	if err == nil {
		var m T
		if m, err = make(file.Data, r); err == nil {
			return m, nil
		}
	}
	return none, fmt.Errorf("model %s: %w", cmp.Or(model, file.Name), err)
}

// choose reads a detector's file, that of the options' quality if no model is named,
// and settles the size of its input.
func (o *Options) choose(model string) (models.File, error) {
	if int(o.Quality) >= len(qualityNames) {
		return models.File{}, fmt.Errorf("%v is unknown", o.Quality)
	}
	file, err := models.Open(cmp.Or(model, o.Quality.Model()))
	if err == nil && model == "" && o.Size == 0 {
		o.Size = o.Quality.side(*o, file.Calibration != nil)
	}
	return file, err
}

// Open opens a detector: an embedded model by its name, a safetensors file by its
// path, or with "" what the options' quality chooses.
func Open(model string, o Options) (*Detector, error) {
	file, err := o.choose(model)
	if err != nil {
		return nil, err
	}
	d, err := openFile(file, model, o, detector.New)
	if err != nil {
		return nil, err
	}
	return &Detector{d}, nil
}

// DecodeSize is the [photo.Options.Size] for pictures that [Open]'s detector would
// look at, known before it is opened.
func DecodeSize(model string, o Options) (image.Point, error) {
	file, err := o.choose(model)
	if err != nil {
		return image.Point{}, err
	}
	size, err := detector.ModelDecodeSize(file.Data, o.Size)
	if err != nil {
		return size, fmt.Errorf("model %s: %w", cmp.Or(model, file.Name), err)
	}
	return size, nil
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
