// Package jpeg decodes the JPEGs that cameras, phones and programs write: 8-bit
// baseline, extended sequential and progressive ones, grey or YCbCr with the
// usual chroma subsampling, with or without restart markers. It is several times
// as fast as image/jpeg and can decode at a half, a quarter or an eighth of the
// size, every sample being the mean of a square of full-size ones: the transform
// gives these means directly, so most of the work of a large photo falls away.
//
// Whatever is unusual or broken is refused with an error, for image/jpeg to look
// at: CMYK, RGB, 16-bit quantisers, odd subsampling, damaged data.
package jpeg

import (
	"errors"
	"fmt"
	"image"

	"example.com/riffle/internal/vec"
)

// MaxShift is the binary logarithm of the strongest reduction.
const MaxShift = 3

// ErrTooShort says that a file cannot hold its picture, however it is packed. It
// is found out before memory is asked for.
var ErrTooShort = errors.New("jpeg: data too short for the picture")

// errUnusual ends what this package leaves to image/jpeg.
type errUnusual string

func (e errUnusual) Error() string { return "jpeg: " + string(e) }

// Decode reads a JPEG at 1 / 2^shift of its size, shift being 0 to MaxShift. The
// result has ceil(width / 2^shift) by ceil(height / 2^shift) pixels, the last of
// which may be means that reach into the padding of the last block. It is an
// *image.Gray or an *image.YCbCr; 4:2:0 becomes 4:4:4 where it is reduced, as the
// chroma of half the size is there anyway.
//
// The caller bounds the size that the header announces. Memory is that of the
// result and, for a progressive JPEG, two bytes a coefficient, of which there is
// one a block at shift 3.
func Decode(data []byte, shift int) (image.Image, error) {
	if shift < 0 || shift > MaxShift {
		return nil, fmt.Errorf("jpeg: shift %d is not from 0 to %d", shift, MaxShift)
	}
	isa, err := vec.Best()
	if err != nil {
		return nil, fmt.Errorf("jpeg: %w", err)
	}
	d := decoder{data: data, shift: shift, isa: isa}
	if err := d.markers(); err != nil {
		return nil, err
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return d.picture(), nil
}

// decoder is the state of one call.
type decoder struct {
	data []byte
	at   int // of the next byte to be read
	isa  vec.ISA

	width, height int
	progressive   bool
	components    []component // in the frame's order
	mcusX, mcusY  int
	hMax, vMax    int
	restart       int // MCUs between restart markers, 0 for none
	shift         int
	adobe         bool
	adobeRGB      bool

	steps  [4]*[64]uint16 // quantisers' steps, in the order of vec.IDCT's blocks
	dc, ac [4]*huffman
	eobRun int // blocks that a progressive scan still skips
}

// component is one plane of the picture.
type component struct {
	id         byte
	h, v       int
	quantiser  byte
	shift      int // of this plane: chroma may be reduced less than luma
	cols, rows int // blocks, to whole MCUs
	scanned    bool
	table      *vec.IDCTTable
	pix        []byte
	stride     int
	prediction int32
	coefs      []int16 // of all blocks, if progressive
	coefsBlock int     // 64, or 1 where only the first is of use
	dcTab      *huffman
	acTab      *huffman
	spanX      int // blocks that a scan of this component alone has in a row
	spanY      int
}

const (
	mSOF0  = 0xC0
	mSOF1  = 0xC1
	mSOF2  = 0xC2
	mDHT   = 0xC4
	mRST0  = 0xD0
	mRST7  = 0xD7
	mSOI   = 0xD8
	mEOI   = 0xD9
	mSOS   = 0xDA
	mDQT   = 0xDB
	mDRI   = 0xDD
	mAPP0  = 0xE0
	mAPP14 = 0xEE
	mAPP15 = 0xEF
	mCOM   = 0xFE
)

// markers walks over the file's segments up to the end of the image.
func (d *decoder) markers() error {
	if len(d.data) < 2 || d.data[0] != 0xFF || d.data[1] != mSOI {
		return errUnusual("no start of image")
	}
	d.at = 2
	for {
		m, err := d.marker()
		if err != nil {
			return err
		}
		switch {
		case m == mEOI:
			return nil
		case m >= mRST0 && m <= mRST7: // some encoders end with one
			continue
		}
		body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case m == mSOF0, m == mSOF1, m == mSOF2:
			err = d.frame(m, body)
		case m == mDHT:
			err = d.huffmanTables(body)
		case m == mDQT:
			err = d.quantisers(body)
		case m == mDRI:
			if len(body) != 2 {
				return errUnusual("restart interval of odd length")
			}
			d.restart = int(body[0])<<8 | int(body[1])
		case m == mSOS:
			err = d.scan(body)
		case m == mAPP14:
			if len(body) >= 12 && string(body[:5]) == "Adobe" {
				d.adobe, d.adobeRGB = true, body[11] == 0
			}
		case m >= mAPP0 && m <= mAPP15, m == mCOM:
		default:
			return errUnusual("unknown marker")
		}
		if err != nil {
			return err
		}
	}
}

// marker finds the next marker; bytes before it are passed over.
func (d *decoder) marker() (byte, error) {
	for d.at+1 < len(d.data) {
		if d.data[d.at] != 0xFF {
			d.at++
			continue
		}
		switch m := d.data[d.at+1]; m {
		case 0xFF:
			d.at++
		case 0:
			d.at += 2
		default:
			d.at += 2
			return m, nil
		}
	}
	return 0, errUnusual("no end of image")
}

// segment reads the body of the segment whose marker was just read.
func (d *decoder) segment() ([]byte, error) {
	if d.at+2 > len(d.data) {
		return nil, errUnusual("cut short")
	}
	end := d.at + int(d.data[d.at])<<8 + int(d.data[d.at+1])
	if end < d.at+2 || end > len(d.data) {
		return nil, errUnusual("segment of a wrong length")
	}
	body := d.data[d.at+2 : end]
	d.at = end
	return body, nil
}

// zigzag is the place of the coefficient that comes k-th in the file. Blocks have
// a column of frequencies after the other, see vec.IDCT.
var zigzag = func() (order [64]uint8) {
	u, v := 0, 0 // vertical and horizontal frequency
	for k := range order {
		order[k] = uint8(8*v + u)
		switch up := (u+v)%2 == 0; {
		case up && v == 7, !up && u != 7 && v == 0:
			u++
		case !up && u == 7, up && u == 0:
			v++
		case up:
			u, v = u-1, v+1
		default:
			u, v = u+1, v-1
		}
	}
	return order
}()

func (d *decoder) quantisers(body []byte) error {
	for len(body) > 0 {
		if body[0] > 3 || len(body) < 65 {
			return errUnusual("quantiser with more than 8 bits, or of a wrong length")
		}
		var steps [64]uint16
		for k, step := range body[1:65] {
			steps[zigzag[k]] = uint16(step)
		}
		d.steps[body[0]] = &steps
		body = body[65:]
	}
	return nil
}
