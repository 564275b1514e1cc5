package detector

import (
	"context"
	"errors"
	"image"

	"example.com/riffle/internal/pool"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// Options say how a detector runs. The zero value looks at as many pictures at a
// time as there are processors, each on one thread.
type Options = modelfile.Options

// Detection is one object found.
type Detection struct {
	Label      string
	CategoryID int     // COCO's, 1 to 90
	Score      float32 // 0 to 1: the chance that it is right, where the model's file knows it (see [Curve])
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
	AP            Accuracy
	ISA           string // the instruction set it runs on
	Precision     nn.Precision
}

// Detector finds objects in photos with a trained model. It is safe for
// concurrent callers, who wait for one of its workers; workers share the
// model's weights, and all but one are made when first needed.
type Detector struct {
	header  Header
	kind    kind
	cost    cost
	isa     string
	using   nn.Precision
	workers *pool.Pool[*worker]
}

// New makes a detector of a model's safetensors file. The error names the
// header's field or the tensor that is wrong.
func New(weights []byte, o Options) (*Detector, error) {
	w, err := nn.ReadWeights(weights)
	if err != nil {
		return nil, err
	}
	plan, err := o.Plan(weights)
	if err != nil {
		return nil, err
	}
	return compile(w, o, plan)
}

// compile builds the graphs from the header and checks the weights against them.
func compile(w *nn.Weights, o Options, plan nn.Options) (*Detector, error) {
	h, err := ReadHeader(w)
	if err != nil {
		return nil, err
	}
	if err := h.override(o.Size, o.Proposals); err != nil {
		return nil, err
	}
	d := &Detector{header: h, kind: kinds[h.Kind]}
	first, c, err := d.kind.compile(&d.header, w, o, plan)
	if err != nil {
		return nil, err
	}
	d.cost, d.isa, d.using = c, first.main().ISA(), first.main().Precision()
	d.workers = pool.New(d.worker(first), o.WorkerCount(), func() (*worker, error) {
		n, err := first.clone()
		return d.worker(n), err
	})
	return d, nil
}

func (d *Detector) worker(n network) *worker { return &worker{network: n, header: &d.header} }

// Info describes the model.
func (d *Detector) Info() Info {
	h := &d.header
	return Info{
		Name: h.Name, Arch: h.Arch, Kind: h.Kind, Licence: h.Licence,
		Width: h.Input[1], Height: h.Input[0], Classes: h.Classes,
		MACs: d.cost.macs, Params: d.cost.params, AP: h.AP, ISA: d.isa, Precision: d.using,
	}
}

// Detect finds objects in a picture. A [photo.Photo] is looked at upright, a
// [photo.Frame] without copying it. It returns ctx's error if ctx ends before a
// worker is free or before its network runs.
func (d *Detector) Detect(ctx context.Context, img image.Image, f Filter) (Result, error) {
	size := img.Bounds().Size()
	if p, ok := img.(*photo.Photo); ok {
		size = p.Size()
	}
	if size.X < 1 || size.Y < 1 {
		return Result{}, errors.New("detect: picture without pixels")
	}
	if err := f.check(); err != nil {
		return Result{}, err
	}
	r := Result{Width: size.X, Height: size.Y}
	var w *worker
	var err error
	r.Timing.stage(&r.Timing.Wait, func() { w, err = d.workers.Acquire(ctx) })
	if err != nil {
		return Result{}, err
	}
	defer d.workers.Release(w)
	if err := w.choose(d.kind, f); err != nil {
		return Result{}, err
	}
	r.Timing.stage(&r.Timing.Preprocess, func() { err = w.fill(img) })
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	found, err := w.look(&r.Timing)
	if err != nil {
		return Result{}, err
	}
	if f.Into == nil {
		f.Into = make([]Detection, 0, len(found))
	}
	r.Detections = d.appendInPhoto(f.Into, found, size.X, size.Y)
	return r, nil
}

// DecodeSize is what [photo.Options] are to say for pictures that the detector
// will look at: the size of its input, or zero if it samples the file's own
// pixels.
func (d *Detector) DecodeSize() image.Point { return d.kind.decodeSize(&d.header) }

// ModelDecodeSize is [Detector.DecodeSize] of a model's file, which it reads no
// further than its header.
func ModelDecodeSize(weights []byte) (image.Point, error) {
	metadata, err := nn.ReadMetadata(weights)
	if err != nil {
		return image.Point{}, err
	}
	h, err := ReadHeader(&nn.Weights{Metadata: metadata})
	if err != nil {
		return image.Point{}, err
	}
	return kinds[h.Kind].decodeSize(&h), nil
}

// appendInPhoto names what was found, moves boxes from the network's input, to
// which the photo of width x height pixels was stretched, to the photo, says what
// their scores are worth, and appends them to dst.
func (d *Detector) appendInPhoto(dst []Detection, found []classBox, width, height int) []Detection {
	h := &d.header
	sx := float32(width) / float32(h.Input[1])
	sy := float32(height) / float32(h.Input[0])
	for _, f := range found {
		c := h.Classes[f.Class]
		box := f.Box.Scale(sx, sy).Clip(float32(width), float32(height))
		dst = append(dst, Detection{Label: c.Name, CategoryID: c.ID, Score: h.ScoreCurve.chance(f.Score), Box: box})
	}
	return dst
}
