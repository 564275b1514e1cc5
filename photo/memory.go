package photo

import (
	"bytes"
	"image"

	"example.com/riffle/photo/internal/jpeg"
)

// Memory estimates from the header of a picture how many bytes it takes to decode
// it: a file of 400 kB may hold 400 MB. It is 0 if the header cannot be read, of
// which [Decode] will say why.
func Memory(data []byte, o Options) (size int64) {
	c := sniff(data)
	if c == nil {
		return 0
	}
	defer func() {
		if recover() != nil {
			size = 0
		}
	}()
	if c == codecJPEG {
		return jpegMemory(data, o.Size)
	}
	cfg, err := c.config(bytes.NewReader(data))
	if err != nil {
		return 0
	}
	return int64(cfg.Width) * int64(cfg.Height) * bytesPerPixel(c, cfg.ColorModel)
}

// jpegMemory is that of a JPEG which may be reduced to a size.
func jpegMemory(data []byte, size image.Point) int64 {
	w, h, err := jpeg.Size(data)
	if err != nil {
		return 0
	}
	if exifOrientation(codecJPEG.exif(data)).Swaps() {
		size.X, size.Y = size.Y, size.X
	}
	shift := shiftFor(w, h, size)
	side := int64(1) << shift
	pixels := (int64(w) + side - 1) / side * ((int64(h) + side - 1) / side)
	info := scanJPEG(data)
	return info.memory(int64(w)*int64(h), pixels, shift)
}
