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
	design  design
	cost    cost
	isa     string
	using   nn.Precision
	workers *pool.Keyed[image.Point, *worker] // by a photo's size in the network's input
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
	if d.design, d.cost, err = d.kind.design(&d.header, w, o, plan); err != nil {
		return nil, err
	}
	d.workers = pool.NewKeyed(o.WorkerCount(), keptSizes, func(input image.Point) (*worker, error) {
		n, err := d.design.compile(input)
		return &worker{network: n, header: &d.header, size: input}, err
	}, func(w *worker) (*worker, error) {
		n, err := w.clone()
		return &worker{network: n, header: &d.header, size: w.size}, err
	})
	// The first photo finds a network if it is of the commonest shape, and wrong
	// weights are found now.
	first, err := d.acquire(context.Background(), image.Pt(4, 3))
	if err != nil {
		return nil, err
	}
	defer d.release(first)
	d.isa, d.using = first.main().ISA(), first.main().Precision()
	return d, nil
}

// keptSizes is how many sizes of photos stay prepared, where networks differ.
const keptSizes = 4

// acquire waits for a worker for photos of a size.
func (d *Detector) acquire(ctx context.Context, photo image.Point) (*worker, error) {
	return d.workers.Acquire(ctx, d.design.inputFor(photo))
}

func (d *Detector) release(w *worker) { d.workers.Release(w.size, w) }

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
	size := sizeOf(img)
	if size.X < 1 || size.Y < 1 {
		return Result{}, errors.New("detect: picture without pixels")
	}
	if err := f.check(size); err != nil {
		return Result{}, err
	}
	r := Result{Width: size.X, Height: size.Y}
	part := f.Part
	if part.Empty() {
		part = image.Rectangle{Max: size}
	}
	var w *worker
	var err error
	r.Timing.stage(&r.Timing.Wait, func() { w, err = d.acquire(ctx, size) })
	if err != nil {
		return Result{}, err
	}
	defer d.release(w)
	if err := w.choose(d.kind, f); err != nil {
		return Result{}, err
	}
	found, err := w.lookAt(ctx, img, part, &r.Timing)
	if err != nil {
		return Result{}, err
	}
	scale := w.size
	if tiles := f.Tiles.Parts(part.Size(), w.size); len(tiles) > 0 {
		if found, err = w.lookAtTiles(ctx, img, part, tiles, found, &r.Timing); err != nil {
			return Result{}, err
		}
		scale = part.Size()
	}
	if f.Into == nil {
		f.Into = make([]Detection, 0, len(found))
	}
	before := len(f.Into)
	r.Detections = d.appendInPhoto(f.Into, found, scale, part.Size())
	for i := range r.Detections[before:] {
		r.Detections[before+i].Box = r.Detections[before+i].Box.Move(part.Min)
	}
	return r, nil
}

// lookAt looks at a part of a picture. It returns ctx's error if ctx ends before the
// network runs; the result is as look's.
func (w *worker) lookAt(ctx context.Context, img image.Image, part image.Rectangle, t *Timing) ([]classBox, error) {
	var err error
	t.stage(&t.Preprocess, func() {
		if part.Size() == sizeOf(img) {
			err = w.fill(img)
		} else {
			err = w.fillPart(img, part)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return w.look(t)
}

// lookAtTiles looks at tiles of a part of a picture too, in which found was found.
// Boxes are in pixels of the part.
func (w *worker) lookAtTiles(ctx context.Context, img image.Image, part image.Rectangle, tiles []image.Rectangle, found []classBox, total *Timing) ([]classBox, error) {
	m := merger{size: part.Size()}
	m.add(found, image.Rectangle{Max: m.size}, w.size)
	for _, tile := range tiles {
		var t Timing
		found, err := w.lookAt(ctx, img, tile.Add(part.Min), &t)
		if err != nil {
			return nil, err
		}
		total.add(&t)
		m.add(found, tile, w.size)
	}
	return m.merged(&w.nms, w.choice.limit), nil
}

// sizeOf is the size of an upright picture in the file's pixels.
func sizeOf(img image.Image) image.Point {
	if p, ok := img.(*photo.Photo); ok {
		return p.Size()
	}
	return img.Bounds().Size()
}

// DecodeSize is what [photo.Options] are to say for pictures that the detector
// will look at: the size of its input, or zero if it samples the file's own
// pixels.
func (d *Detector) DecodeSize() image.Point { return d.kind.decodeSize(&d.header) }

// ModelDecodeSize is [Detector.DecodeSize] of a model's file, which it reads no
// further than its header; side is [Options.Size].
func ModelDecodeSize(weights []byte, side int) (image.Point, error) {
	metadata, err := nn.ReadMetadata(weights)
	if err != nil {
		return image.Point{}, err
	}
	h, err := ReadHeader(&nn.Weights{Metadata: metadata})
	if err == nil {
		err = h.override(side, 0)
	}
	if err != nil {
		return image.Point{}, err
	}
	return kinds[h.Kind].decodeSize(&h), nil
}

// appendInPhoto names what was found, moves boxes from a photo's pixels in the
// network's input to its own, says what their scores are worth, and appends them
// to dst.
func (d *Detector) appendInPhoto(dst []Detection, found []classBox, input, size image.Point) []Detection {
	h := &d.header
	width, height := float32(size.X), float32(size.Y)
	sx, sy := width/float32(input.X), height/float32(input.Y)
	for _, f := range found {
		c := h.Classes[f.Class]
		box := f.Box.Scale(sx, sy).Clip(width, height)
		dst = append(dst, Detection{Label: c.Name, CategoryID: c.ID, Score: h.ScoreCurve.chance(f.Score), Box: box})
	}
	return dst
}
