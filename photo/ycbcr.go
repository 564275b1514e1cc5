package photo

import (
	"image"

	"example.com/riffle/internal/vec"
)

// ycbcrRows reads what a JPEG or WebP decodes to, with any chroma subsampling.
// Pixel by pixel it adds red, green and blue; in boxes of several it adds luma
// and chroma and converts once a box, which is several times as fast and differs
// only where single pixels lie outside of the RGB cube.
type ycbcrRows struct{ m *image.YCbCr }

func (r ycbcrRows) addRow(sums []uint32, y, factor int) {
	row := r.row(y)
	if factor == 1 {
		row.addPixels(sums)
		return
	}
	row.addBoxes(sums, factor)
}

// row finds the samples of row y.
func (r ycbcrRows) row(y int) ycbcrRow {
	m := r.m
	x0, y0, w := m.Rect.Min.X, m.Rect.Min.Y+y, m.Rect.Dx()
	shift := chromaShift(m.SubsampleRatio)
	phase := x0 & (1<<shift - 1)
	chroma, samples := m.COffset(x0, y0), (w-1+phase)>>shift+1
	return ycbcrRow{
		luma: m.Y[m.YOffset(x0, y0):][:w],
		cb:   m.Cb[chroma:][:samples], cr: m.Cr[chroma:][:samples],
		shift: shift, phase: phase,
	}
}

func (r ycbcrRows) floatRow(isa vec.ISA, red, green, blue []float32, y int) {
	row := r.row(y)
	if row.shift <= 1 && row.phase == 0 {
		isa.RGB(red, green, blue, row.luma, row.cb, row.cr, row.shift)
		return
	}
	for x := range row.luma { // a window into a picture, or four pixels a sample
		c := (x + row.phase) >> row.shift
		isa.RGB(red[x:x+1], green[x:x+1], blue[x:x+1], row.luma[x:x+1], row.cb[c:c+1], row.cr[c:c+1], 0)
	}
}

// finish converts boxes of luma and chroma.
func (r ycbcrRows) finish(sums []uint32, x *axis, rows int) {
	if x.factor == 1 {
		return
	}
	for b := range x.values {
		convertSums((*[3]uint32)(sums[3*b:]), int64(x.pixels(b)*rows))
	}
}

// nycbcraRows reads a lossy WebP with transparency, pixel by pixel.
type nycbcraRows struct{ m *image.NYCbCrA }

func (r nycbcraRows) addRow(sums []uint32, y, factor int) {
	m := r.m
	boxes(sums, m.Rect.Dx(), factor, func(s *[3]uint32, from, to int) {
		for x := from; x < to; x++ {
			at := image.Pt(m.Rect.Min.X+x, m.Rect.Min.Y+y)
			c := m.COffset(at.X, at.Y)
			var rgb [3]uint32
			row := ycbcrRow{luma: m.Y[m.YOffset(at.X, at.Y):][:1], cb: m.Cb[c : c+1], cr: m.Cr[c : c+1]}
			row.addPixels(rgb[:])
			a := uint32(m.A[m.AOffset(at.X, at.Y)])
			for k, v := range rgb {
				s[k] += overWhite(v, a)
			}
		}
	})
}

// ycbcrRow is one row's samples. Pixel x has chroma sample (x+phase)>>shift.
type ycbcrRow struct {
	luma, cb, cr []uint8
	shift, phase int
}

func (r *ycbcrRow) addPixels(sums []uint32) {
	c, x := 0, 0
	if r.shift == 1 && r.phase == 0 { // nearly every photo: two pixels a chroma sample
		c, x = len(r.luma)/2, len(r.luma)/2*2
		addPairs(sums, r.luma[:x], r.cb[:c], r.cr[:c])
	}
	for ; c < len(r.cb); c++ {
		k := chromaOf(r.cb[c], r.cr[c])
		for end := min((c+1)<<r.shift-r.phase, len(r.luma)); x < end; x++ {
			y := int32(r.luma[x]) << 16
			s := sums[3*x : 3*x+3]
			s[0] += clamp8((y + k.red) >> 16)
			s[1] += clamp8((y + k.green) >> 16)
			s[2] += clamp8((y + k.blue) >> 16)
		}
	}
}

// addPairs is addPixels where every chroma sample has two pixels, unrolled.
func addPairs(sums []uint32, luma, cb, cr []uint8) {
	cr = cr[:len(cb)]
	for c, b := range cb {
		k := chromaOf(b, cr[c])
		s := (*[6]uint32)(sums[6*c:])
		l := (*[2]uint8)(luma[2*c:])
		y := int32(l[0]) << 16
		s[0] += clamp8((y + k.red) >> 16)
		s[1] += clamp8((y + k.green) >> 16)
		s[2] += clamp8((y + k.blue) >> 16)
		y = int32(l[1]) << 16
		s[3] += clamp8((y + k.red) >> 16)
		s[4] += clamp8((y + k.green) >> 16)
		s[5] += clamp8((y + k.blue) >> 16)
	}
}

func (r *ycbcrRow) addBoxes(sums []uint32, factor int) {
	for from, b := 0, 0; from < len(r.luma); from, b = from+factor, b+3 {
		to := min(from+factor, len(r.luma))
		var y, cb, cr uint32
		for _, v := range r.luma[from:to] {
			y += uint32(v)
		}
		for x := from; x < to; {
			c := (x + r.phase) >> r.shift
			next := min((c+1)<<r.shift-r.phase, to)
			cb += uint32(next-x) * uint32(r.cb[c])
			cr += uint32(next-x) * uint32(r.cr[c])
			x = next
		}
		s := (*[3]uint32)(sums[b:])
		s[0] += y
		s[1] += cb
		s[2] += cr
	}
}

// chromaShift is the binary logarithm of the horizontal subsampling.
func chromaShift(r image.YCbCrSubsampleRatio) int {
	switch r {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		return 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		return 2
	}
	return 0
}

// JFIF's conversion in 16-bit fixed point.
const (
	redOfCr   = 91881
	greenOfCb = -22554
	greenOfCr = -46802
	blueOfCb  = 116130
)

// chromaTerms is what a chroma sample adds to the luma of its pixels.
type chromaTerms struct{ red, green, blue int32 }

func chromaOf(cb, cr uint8) chromaTerms {
	b, r := int32(cb)-128, int32(cr)-128
	const half = 1 << 15
	return chromaTerms{redOfCr*r + half, greenOfCb*b + greenOfCr*r + half, blueOfCb*b + half}
}

// clamp8 is written for the common case that nothing is to be clamped.
func clamp8(v int32) uint32 {
	if uint32(v) <= 255 {
		return uint32(v)
	}
	if v < 0 {
		return 0
	}
	return 255
}

// convertSums turns sums of luma and chroma over n pixels into sums of red,
// green and blue.
func convertSums(s *[3]uint32, n int64) {
	y, b, r := int64(s[0])<<16+1<<15, int64(s[1])-128*n, int64(s[2])-128*n
	s[0] = clampSum((y+redOfCr*r)>>16, n)
	s[1] = clampSum((y+greenOfCb*b+greenOfCr*r)>>16, n)
	s[2] = clampSum((y+blueOfCb*b)>>16, n)
}

func clampSum(v, n int64) uint32 { return uint32(min(max(v, 0), 255*n)) }
