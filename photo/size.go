package photo

import (
	"bytes"
	"image"
	"io"
	"os"

	"example.com/riffle/photo/internal/jpeg"
)

// headBytes is how much of a file is read for its size first: nearly always the
// header and the EXIF segment stand there.
const headBytes = 256 << 10

// Size reads the upright size of the photo in a file, in pixels, from its header.
// The error is that of the system or wraps one of this package's.
func Size(path string) (image.Point, error) {
	f, err := os.Open(path)
	if err != nil {
		return image.Point{}, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, headBytes))
	if err != nil {
		return image.Point{}, err
	}
	size, err := sizeOf(head)
	if err == nil || len(head) < headBytes {
		return size, err
	}
	rest, err := io.ReadAll(io.LimitReader(f, DefaultLimits.MaxBytes))
	if err != nil {
		return image.Point{}, err
	}
	return sizeOf(append(head, rest...))
}

func sizeOf(data []byte) (size image.Point, err error) {
	c := sniff(data)
	if c == nil {
		return size, unreadable(data)
	}
	if c == codecJPEG {
		if size.X, size.Y, err = jpeg.Size(data); err != nil {
			return image.Point{}, jpegError(err, jpeg.Damage{})
		}
	} else {
		cfg, err := c.config(bytes.NewReader(data))
		if err != nil {
			return size, decodeError(c, err)
		}
		size = image.Pt(cfg.Width, cfg.Height)
	}
	if c.exif != nil && exifOrientation(c.exif(data)).Swaps() {
		size.X, size.Y = size.Y, size.X
	}
	return size, nil
}
