package photo

import (
	"image"
	"math"
)

// fullRange stretches the samples of a lossy WebP in place: VP8 keeps luma in
// 16..235 and chroma in 16..240 (RFC 6386, section 9.2), whereas image.YCbCr
// stands for JFIF's full range, and the WebP decoder leaves them as they are.
func fullRange(img image.Image) {
	m, ok := img.(*image.YCbCr)
	if !ok {
		veiled, ok := img.(*image.NYCbCrA)
		if !ok {
			return // lossless: already RGB
		}
		m = &veiled.YCbCr
	}
	luma, chroma := stretch(16, 219, 0), stretch(128, 224, 128)
	for i, v := range m.Y {
		m.Y[i] = luma[v]
	}
	for i, v := range m.Cb {
		m.Cb[i] = chroma[v]
	}
	for i, v := range m.Cr {
		m.Cr[i] = chroma[v]
	}
}

// stretch is the table that moves zero to at and span steps to 255.
func stretch(zero, span, at int) (table [256]uint8) {
	for v := range table {
		table[v] = uint8(clamp8(int32(math.Round(float64((v-zero)*255)/float64(span))) + int32(at)))
	}
	return table
}
