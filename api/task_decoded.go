package api

import (
	"bytes"
	"image"
	"image/color"
)

// A small file can hold a picture that takes hundreds of megabytes once it is
// decoded: 50 million pixels of 16-bit RGBA are 400 MB and fit 400 kB of PNG.

const (
	// largeBytes is the decoded size from which a picture counts as large: photos
	// of phones, 12 million pixels in a JPEG, do not.
	largeBytes = 64 << 20
	// largeLine is how many large pictures may wait for each other.
	largeLine = 16
)

// decodedBytes estimates from the header what decoding will take; 0 if the
// header cannot be read, which the decoder will say better.
func decodedBytes(data []byte) int64 {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return 0
	}
	perPixel := int64(4)
	switch cfg.ColorModel {
	case color.GrayModel:
		perPixel = 1
	case color.Gray16Model:
		perPixel = 2
	case color.YCbCrModel:
		perPixel = 3
	case color.RGBA64Model, color.NRGBA64Model:
		perPixel = 8
	}
	if _, palette := cfg.ColorModel.(color.Palette); palette {
		perPixel = 1
	}
	if format == "jpeg" && bytes.Contains(data, []byte{0xFF, 0xC2}) {
		// Progressive: the decoder holds all coefficients, 4 bytes each.
		perPixel *= 5
	}
	return int64(cfg.Width) * int64(cfg.Height) * perPixel
}
