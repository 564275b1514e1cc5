package vec

// JFIF's conversion in 16-bit fixed point.
const (
	redOfCr   = 91881
	greenOfCb = -22554
	greenOfCr = -46802
	blueOfCb  = 116130
	halfUnit  = 1 << 15
)

// RGB converts a row of JFIF samples to whole floats of 0 to 255, rounded and
// clamped as libjpeg does it. Pixel x has chroma
// sample x>>shift, shift being 0 or 1.
func (p ISA) RGB(red, green, blue []float32, luma, cb, cr []byte, shift int) {
	n := len(luma)
	samples := (n + 1<<shift - 1) >> shift
	red, green, blue, cb, cr = red[:n], green[:n], blue[:n], cb[:samples], cr[:samples]
	done := 0
	if p == AVX2 && n >= 16 {
		done = n / 16 * 16
		if shift == 0 {
			rgb444(&red[0], &green[0], &blue[0], &luma[0], &cb[0], &cr[0], done/8)
		} else {
			rgb422(&red[0], &green[0], &blue[0], &luma[0], &cb[0], &cr[0], done/16)
		}
	}
	for x := done; x < n; x++ {
		y, b, r := int32(luma[x])<<16+halfUnit, int32(cb[x>>shift])-128, int32(cr[x>>shift])-128
		red[x] = byteFloat((y + redOfCr*r) >> 16)
		green[x] = byteFloat((y + greenOfCb*b + greenOfCr*r) >> 16)
		blue[x] = byteFloat((y + blueOfCb*b) >> 16)
	}
}

func byteFloat(v int32) float32 { return float32(min(max(v, 0), 255)) }

// BGR takes blue, green and red bytes apart: three a pixel, len(red) pixels.
func (p ISA) BGR(red, green, blue []float32, pix []byte) {
	n := len(red)
	green, blue, pix = green[:n], blue[:n], pix[:3*n]
	done := 0
	if p == AVX2 && n >= 10 {
		done = (n - 2) / 8 * 8 // a block's loads reach four bytes beyond it
		bgr(&red[0], &green[0], &blue[0], &pix[0], done/8)
	}
	for x := done; x < n; x++ {
		q := (*[3]byte)(pix[3*x:])
		red[x], green[x], blue[x] = float32(q[2]), float32(q[1]), float32(q[0])
	}
}
