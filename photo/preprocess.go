package photo

import (
	"fmt"
	"image"

	"example.com/riffle/internal/vec"
)

// Preprocessor samples pictures of any size into the three planes that a network
// reads. It keeps its scratch memory, so that it allocates nothing for a picture
// of a size it has just seen; it is not safe for concurrent use.
type Preprocessor struct {
	// Plain samples bilinearly from the picture's own pixels however much it
	// shrinks, without averaging first: what torchvision's detectors do.
	Plain bool
	// Stride is the number of values from one row of a plane to the next; 0 is the
	// width. What lies between is left as it is.
	Stride int

	width, height int
	mean, scale   [3]float32
	isa           vec.ISA
	share         func(n int, f func(thread, from, to int))
	samplers      []sampler // of each thread
	bands         func(thread, from, to int)
	x, y          axis
	across        []vec.Tap // those of x, in a band's columns
	frame         bgrRows   // the frame at hand

	// Of the picture at hand:
	dst         [][]float32
	source      rowAdder
	floats      floatRows // the same, if it has floats
	w, h        int       // of the output, as the picture is stored
	orientation Orientation
	stride      int // of the planes
	rowFloats   int // of a row of values, filled up to whole vectors
}

// NewPreprocessor makes one for planes of width by height values
// (v - mean) / std, v being red, green and blue from 0 to 255.
func NewPreprocessor(width, height int, mean, std [3]float32) (*Preprocessor, error) {
	if width < 1 || height < 1 {
		return nil, fmt.Errorf("preprocess: output of %d x %d pixels", width, height)
	}
	isa, err := vec.Best()
	if err != nil {
		return nil, fmt.Errorf("preprocess: %w", err)
	}
	p := &Preprocessor{width: width, height: height, mean: mean, isa: isa}
	p.Parallel(1, func(n int, f func(thread, from, to int)) { f(0, 0, n) })
	for c, s := range std {
		if s == 0 {
			return nil, fmt.Errorf("preprocess: std of channel %d is 0", c)
		}
		p.scale[c] = 1 / s
	}
	return p, nil
}

// Fill samples img into dst, three planes (red, green, blue) of height x width
// values. The picture is stretched to the planes' size, its shape is not kept.
// Where it shrinks to half or less, and not Plain, boxes of floor(scale) pixels
// are averaged first, axis by axis; the rest is bilinear with half-pixel centres, as OpenCV's
// INTER_LINEAR without its rounding to bytes. A [Photo] is sampled upright, a
// [Frame] without copying it, and what is transparent is laid over white.
func (p *Preprocessor) Fill(dst [][]float32, img image.Image) error {
	if f, ok := img.(*Frame); ok {
		return p.fillFrame(dst, f, f.Bounds())
	}
	photo, ok := img.(*Photo)
	if ok {
		img = photo.Stored
	}
	size := img.Bounds().Size()
	if size.X < 1 || size.Y < 1 {
		return fmt.Errorf("preprocess: picture of %d x %d pixels", size.X, size.Y)
	}
	from := storedAs(size.X, size.Y)
	if ok {
		from.orientation, from.shift = photo.Orientation, photo.shift
		from.extentX, from.extentY = photo.extent()
	}
	return p.fill(dst, rowsOf(img), from)
}

// stored is the shape of a stored picture.
type stored struct {
	width, height    int     // pixels
	extentX, extentY float64 // the same, but for a reduced photo: see Photo.extent
	offsetX, offsetY float64 // where the part begins that is sampled, less than a pixel
	shift            int     // of that reduction
	orientation      Orientation
}

// storedAs is the shape of a picture that is neither turned nor reduced.
func storedAs(width, height int) stored {
	return stored{width: width, height: height, extentX: float64(width), extentY: float64(height), orientation: 1}
}

// fill samples a stored picture.
func (p *Preprocessor) fill(dst [][]float32, source rowAdder, from stored) error {
	p.stride = max(p.Stride, p.width)
	if len(dst) != 3 || len(dst[1]) != len(dst[0]) || len(dst[2]) != len(dst[0]) ||
		len(dst[0]) < p.stride*p.height || p.Stride == 0 && len(dst[0]) > p.stride*p.height {
		return fmt.Errorf("preprocess: want 3 planes of %d x %d values", p.stride, p.height)
	}
	// Sampling commutes with turning: the stored picture is sampled to the turned
	// size, and each value is written to its upright place.
	p.w, p.h, p.orientation = p.width, p.height, from.orientation
	if p.orientation.Swaps() {
		p.w, p.h = p.h, p.w
	}
	p.dst, p.source = dst, source
	p.floats, _ = source.(floatRows)
	single := p.floats != nil
	p.x.set(axisKey{from.width, from.offsetX, from.extentX, from.shift, p.w, p.Plain, single})
	p.y.set(axisKey{from.height, from.offsetY, from.extentY, from.shift, p.h, p.Plain, single})
	p.across = vec.Grow(p.across, len(p.x.taps))
	for i, t := range p.x.taps {
		p.across[i] = vec.Tap{At: 3 * rowsPerBand * t.At, Weight: t.Weight}
	}
	p.rowFloats = (p.x.values + vec.Lanes - 1) / vec.Lanes * vec.Lanes
	for i := range p.samplers {
		p.samplers[i].reset(p, p.w, p.rowFloats)
	}
	p.share((p.h+rowsPerBand-1)/rowsPerBand, p.bands)
	p.dst, p.source, p.floats = nil, nil, nil
	return nil
}

// UseISA makes sampling run on an instruction set by name, as [nn.Plan.ISA] gives
// it, instead of the machine's best.
func (p *Preprocessor) UseISA(name string) { p.isa = vec.For(name) }

// Parallel lets threads sample parts of a picture: parallelFor calls f for parts
// of the range from 0 to n, on threads numbered from 0.
func (p *Preprocessor) Parallel(threads int, parallelFor func(n int, f func(thread, from, to int))) {
	p.samplers, p.share = make([]sampler, threads), parallelFor
	p.bands = func(thread, from, to int) {
		for b := from; b < to; b++ {
			p.band(&p.samplers[thread], b)
		}
	}
}
