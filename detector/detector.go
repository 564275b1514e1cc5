package detector

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"

	"example.com/riffle/internal/nearest"
	"example.com/riffle/modelfile"
	"example.com/riffle/nn"
)

// Options say how a detector runs. The zero value serves as many pictures at a
// time as there are processors, each on one thread, and reports everything.
type Options struct {
	Threads int // threads of one picture; 0 means 1
	Workers int // pictures at a time; 0 means GOMAXPROCS / Threads
	// FirstStageOnly leaves the second stage out: the dense points are
	// detections, scored by the first stage alone.
	FirstStageOnly bool
	// Size is the side of the network's square input in pixels, a multiple of
	// 32, and Proposals the number of regions that the second stage looks at; 0
	// means what the model was trained for, other values trade quality for time.
	Size, Proposals int
	CPU             string // forces an instruction set, see nn.Options
	// Precision is that of the 1x1 convolutions. Int8 needs Calibration.
	Precision   nn.Precision
	Calibration *modelfile.Calibration
	Observe     func(layer string, input [][]float32) // see nn.Options
	Query       Query                                 // of Detect

	ranges nn.Ranges // of the calibration
}

// plan is how the networks are compiled.
func (o *Options) plan(height, width int) nn.Options {
	return nn.Options{
		Height: height, Width: width, Threads: o.Threads, ISA: o.CPU,
		Precision: o.Precision, Ranges: o.ranges, Observe: o.Observe,
	}
}

// Query says which detections are wanted of a picture.
type Query struct {
	// Threshold is the score that detections must be above, 0 to 1. The model
	// reports nothing at or below 0.01 (SSDLite: 0.001), whatever is asked.
	Threshold float64
	// MaxDetections bounds their number, the best are kept; 0 means 100.
	MaxDetections int
	// Labels are the names of the wanted classes; none means all.
	Labels []string
}

// DefaultMaxDetections is COCO's bound on detections of a picture.
const DefaultMaxDetections = 100

// Detection is one object found.
type Detection struct {
	Label      string
	CategoryID int     // COCO's, 1 to 90
	Score      float32 // 0 to 1
	Box        Box     // pixels of the upright photo, within its borders
}

// Result is what a photo shows.
type Result struct {
	Width, Height int         // of the upright photo
	Detections    []Detection // best first
	Timing        Timing
}

// Info describes a model.
type Info struct {
	Name          string
	Arch          string // of the backbone
	Kind          string
	Licence       string
	Width, Height int // of the network's input, pixels
	Classes       []Class
	MACs          int64 // multiply-adds of one picture
	Params        int64
	AP            Measured
	CPU           string // the instruction set it runs on
	Precision     nn.Precision
}

// Detector finds objects in photos with a trained model. It is safe for
// concurrent callers, who wait for one of its workers; workers share the
// model's weights, and all but one are made when first needed.
type Detector struct {
	model  *model
	free   chan *worker
	unmade chan struct{} // one for each worker that may still be made
	query  query         // of Detect
}

// New makes a detector of a model's safetensors file. The error names the
// header's field or the tensor that is wrong.
func New(weights []byte, o Options) (*Detector, error) {
	w, err := nn.ReadWeights(weights)
	if err != nil {
		return nil, err
	}
	if o.Precision == nn.Int8 {
		if o.ranges, err = o.Calibration.For(weights); err != nil {
			return nil, err
		}
	}
	m, err := compile(w, o)
	if err != nil {
		return nil, err
	}
	return newDetector(m, o)
}

func newDetector(m *model, o Options) (*Detector, error) {
	d := &Detector{model: m}
	var err error
	if d.query, err = d.resolve(o.Query); err != nil {
		return nil, err
	}
	if o.Workers <= 0 {
		o.Workers = max(1, runtime.GOMAXPROCS(0)/max(1, o.Threads))
	}
	w, err := m.worker(m.first, m.second)
	if err != nil {
		return nil, err
	}
	d.free, d.unmade = make(chan *worker, o.Workers), make(chan struct{}, o.Workers)
	d.free <- w
	for range o.Workers - 1 {
		d.unmade <- struct{}{}
	}
	return d, nil
}

// Info describes the model.
func (d *Detector) Info() Info {
	h := &d.model.header
	return Info{
		Name: h.Name, Arch: h.Arch, Kind: h.Kind, Licence: h.Licence,
		Width: h.Input[1], Height: h.Input[0], Classes: h.Classes,
		MACs: d.model.macs, Params: d.model.params, AP: h.AP, CPU: d.model.first.ISA(), Precision: d.model.first.Precision(),
	}
}

// Detect finds objects in a picture; a [Photo] is looked at upright. It returns
// ctx's error if ctx ends before a worker is free or before its network runs.
func (d *Detector) Detect(ctx context.Context, img image.Image) (Result, error) {
	return d.detect(ctx, img, &d.query)
}

// DetectQuery is Detect with a query of its own.
func (d *Detector) DetectQuery(ctx context.Context, img image.Image, q Query) (Result, error) {
	resolved, err := d.resolve(q)
	if err != nil {
		return Result{}, err
	}
	return d.detect(ctx, img, &resolved)
}

func (d *Detector) detect(ctx context.Context, img image.Image, q *query) (Result, error) {
	size := img.Bounds().Size()
	if photo, ok := img.(*Photo); ok {
		size = photo.Size()
	}
	if size.X < 1 || size.Y < 1 {
		return Result{}, errors.New("detect: picture without pixels")
	}
	r := Result{Width: size.X, Height: size.Y}
	var w *worker
	var err error
	r.Timing.stage(&r.Timing.Wait, func() { w, err = d.acquire(ctx) })
	if err != nil {
		return Result{}, err
	}
	defer func() { d.free <- w }()
	r.Timing.stage(&r.Timing.Preprocess, func() { err = w.pre.Fill(w.input, img) })
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	found, err := w.run(&d.model.header, q, &r.Timing)
	if err != nil {
		return Result{}, err
	}
	r.Detections = d.appendInPhoto(make([]Detection, 0, len(found)), found, size.X, size.Y)
	return r, nil
}

// appendInPhoto names what was found, moves boxes from the network's input, to
// which the photo of width x height pixels was stretched, to the photo, and
// appends them to dst.
func (d *Detector) appendInPhoto(dst []Detection, found []Found, width, height int) []Detection {
	h := &d.model.header
	sx := float32(width) / float32(h.Input[1])
	sy := float32(height) / float32(h.Input[0])
	for _, f := range found {
		c := h.Classes[f.Class]
		box := f.Box.Scale(sx, sy).Clip(float32(width), float32(height))
		dst = append(dst, Detection{Label: c.Name, CategoryID: c.ID, Score: f.Score, Box: box})
	}
	return dst
}

// acquire waits for a worker, which must go back to d.free. One is made only if
// all that there are are busy.
func (d *Detector) acquire(ctx context.Context) (*worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case w := <-d.free:
		return w, nil
	default:
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case w := <-d.free:
		return w, nil
	case <-d.unmade:
	}
	w, err := d.model.clone()
	if err != nil {
		d.unmade <- struct{}{}
		return nil, err
	}
	return w, nil
}

// query is a Query, checked.
type query struct {
	threshold float32
	limit     int
	wanted    []bool // by class; nil for all
}

func (d *Detector) resolve(q Query) (query, error) {
	if !(q.Threshold >= 0 && q.Threshold <= 1) {
		return query{}, fmt.Errorf("threshold: %v is not from 0 to 1", q.Threshold)
	}
	if q.MaxDetections < 0 || q.MaxDetections > math.MaxInt32 {
		return query{}, fmt.Errorf("max detections: %d is not from 0 to %d", q.MaxDetections, math.MaxInt32)
	}
	out := query{threshold: max(float32(q.Threshold), d.model.header.floor()), limit: q.MaxDetections}
	if out.limit == 0 {
		out.limit = DefaultMaxDetections
	}
	if len(q.Labels) == 0 {
		return out, nil
	}
	classes := d.model.header.Classes
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.Name
	}
	out.wanted = make([]bool, len(classes))
	for _, label := range q.Labels {
		i := slices.Index(names, label)
		if i < 0 {
			return query{}, fmt.Errorf("labels: the model knows no %q%s", label, nearest.Hint(label, names))
		}
		out.wanted[i] = true
	}
	return out, nil
}
