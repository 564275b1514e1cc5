package detector

import (
	"context"
	"fmt"
	"time"

	"example.com/riffle/internal/vec"
)

// Frame is a picture in memory as video libraries hold it: rows of blue, green
// and red bytes, Stride bytes from one row to the next. It is a view of the
// owner's memory, which must stay as it is while the frame is looked at.
type Frame struct {
	Pix           []byte
	Width, Height int // pixels
	Stride        int // bytes, at least 3*Width
}

// Check says what is wrong with the sizes.
func (f *Frame) Check() error {
	switch {
	case f.Width < 1 || f.Height < 1:
		return fmt.Errorf("frame of %d x %d pixels", f.Width, f.Height)
	case f.Stride < 3*f.Width:
		return fmt.Errorf("frame: rows of %d bytes do not hold %d pixels", f.Stride, f.Width)
	case (len(f.Pix)-3*f.Width)/f.Stride < f.Height-1 || len(f.Pix) < 3*f.Width:
		return fmt.Errorf("frame: %d bytes do not hold %d rows of %d", len(f.Pix), f.Height, f.Stride)
	}
	return nil
}

// FillFrame is [Preprocessor.Fill] for a frame: the same sampling, without a
// copy of the frame and, for a size that was just seen, without an allocation.
func (p *Preprocessor) FillFrame(dst [][]float32, f Frame) error {
	if err := f.Check(); err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	p.frame = bgrRows{f.Pix, f.Stride, f.Width}
	err := p.fill(dst, &p.frame, storedAs(f.Width, f.Height))
	p.frame.pix = nil // the memory is the caller's
	return err
}

// bgrRows reads a [Frame].
type bgrRows struct {
	pix           []byte
	stride, width int
}

func (r *bgrRows) addRow(sums []uint32, y, factor int) {
	row := r.pix[y*r.stride:][:3*r.width]
	switch factor {
	case 1:
		for len(row) >= 3 && len(sums) >= 3 {
			p, s := (*[3]byte)(row), (*[3]uint32)(sums)
			s[0] += uint32(p[2])
			s[1] += uint32(p[1])
			s[2] += uint32(p[0])
			row, sums = row[3:], sums[3:]
		}
		return
	case 2:
		for len(row) >= 6 && len(sums) >= 3 {
			p, s := (*[6]byte)(row), (*[3]uint32)(sums)
			s[0] += uint32(p[2]) + uint32(p[5])
			s[1] += uint32(p[1]) + uint32(p[4])
			s[2] += uint32(p[0]) + uint32(p[3])
			row, sums = row[6:], sums[3:]
		}
	}
	for len(row) >= 3 { // what is left of a row, or boxes of many pixels
		s := (*[3]uint32)(sums)
		n := min(3*factor, len(row))
		var blue, green, red uint32
		for box := row[:n]; len(box) >= 3; box = box[3:] {
			p := (*[3]byte)(box)
			blue += uint32(p[0])
			green += uint32(p[1])
			red += uint32(p[2])
		}
		s[0] += red
		s[1] += green
		s[2] += blue
		row, sums = row[n:], sums[3:]
	}
}

func (r *bgrRows) floatRow(isa vec.ISA, red, green, blue []float32, y int) {
	isa.BGR(red, green, blue, r.pix[y*r.stride:][:3*r.width])
}

// DetectFrame is [Detector.Detect] for a frame. Detections are appended to dst,
// which may be a slice of an earlier frame cut to length 0.
func (d *Detector) DetectFrame(ctx context.Context, f Frame, dst []Detection) (Result, error) {
	if err := f.Check(); err != nil {
		return Result{}, fmt.Errorf("detect: %w", err)
	}
	r := Result{Width: f.Width, Height: f.Height}
	start := time.Now()
	w, err := d.acquire(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { d.free <- w }()
	got := time.Now()
	r.Timing.Wait = got.Sub(start)
	if err := w.pre.FillFrame(w.input, f); err != nil {
		return Result{}, err
	}
	r.Timing.Preprocess = time.Since(got)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	found, err := w.run(&d.model.header, &d.query, &r.Timing)
	if err != nil {
		return Result{}, err
	}
	r.Detections = d.appendInPhoto(dst, found, r.Width, r.Height)
	return r, nil
}
