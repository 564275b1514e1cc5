package photo

import (
	"errors"
	"fmt"
	"image"

	"example.com/riffle/photo/internal/jpeg"
)

// mostLost is the part of a JPEG that may be missing: with less than half of it
// there, what a network says of the picture misleads.
const mostLost = 0.5

// decodeJPEG decodes a JPEG, reduced as far as the options, whose sizes are upright,
// allow.
func (p *Photo) decodeJPEG(data []byte, limits Limits, o Options) error {
	w, h, err := jpeg.Size(data)
	if err != nil {
		return jpegError(err, jpeg.Damage{})
	}
	turn := func(s image.Point) image.Point {
		if p.Orientation.Swaps() {
			return image.Pt(s.Y, s.X)
		}
		return s
	}
	size := turn(o.Size)
	if o.SizeFor != nil {
		size = turn(o.SizeFor(turn(image.Pt(w, h))))
	}
	info := scanJPEG(data)
	p.shift = shiftFor(w, h, size)
	side := int64(1) << p.shift
	pixels := (int64(w) + side - 1) / side * ((int64(h) + side - 1) / side)
	if err := limits.check(w, h, pixels, info.memory(int64(w)*int64(h), pixels, p.shift)); err != nil {
		return err
	}
	if info.scans > maxScans {
		return fmt.Errorf("%w: JPEG of %d scans, at most %d allowed", ErrTooLarge, info.scans, maxScans)
	}
	var damage jpeg.Damage
	if p.Stored, damage, err = jpeg.Decode(data, p.shift); err != nil {
		return jpegError(err, damage)
	}
	if damage.Lost > mostLost {
		kind := ErrCorrupt
		if damage.Ending {
			kind = ErrTruncated
		}
		return fmt.Errorf("%w: jpeg: %s, %.0f %% of it is missing", kind, damage.What, 100*damage.Lost)
	}
	if damage.What != "" {
		p.warn(damage)
	}
	if p.shift > 0 {
		p.file, p.data, p.limits = image.Pt(w, h), data, limits
	}
	return nil
}

func (p *Photo) warn(d jpeg.Damage) {
	text := "picture damaged: " + d.What
	if d.Lost > 0 {
		text += fmt.Sprintf(", %.0f %% of it is missing", max(1, 100*d.Lost))
	}
	p.Warnings = append(p.Warnings, text)
}

// jpegError files an error of the decoder under one of ours.
func jpegError(err error, d jpeg.Damage) error {
	switch {
	case errors.Is(err, jpeg.ErrUnsupported):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, jpeg.ErrTooShort), d.Ending:
		return fmt.Errorf("%w: jpeg ends too early", ErrTruncated)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// memory estimates what decoding takes, in bytes: planes and, where colors are
// converted, what they become; of a progressive file all coefficients, or one a
// block at an eighth.
func (info *jpegInfo) memory(file, pixels int64, shift int) int64 {
	bytes := pixels * int64(info.components)
	if info.components == 4 || info.adobe {
		bytes += 4 * pixels
	}
	if info.progressive {
		coefficients := 2 * file * int64(info.components)
		if shift == jpeg.MaxShift {
			coefficients /= 64
		}
		bytes += coefficients
	}
	return bytes
}
