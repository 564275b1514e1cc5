// Package jpeg decodes JPEGs of 8 bits: baseline, extended sequential and
// progressive, gray, YCbCr, RGB, CMYK and YCCK, with any whole-numbered
// subsampling. It is several times as fast as image/jpeg and can decode at a half,
// a quarter or an eighth of the size, every sample being the mean of a square of
// full-size ones: the transform gives these means directly, so most of the work of
// a large photo falls away.
//
// Damaged files are decoded as libjpeg decodes them, bit for bit up to the
// transform: an impossible code counts as zero, data that ends too early leaves
// gray blocks, and decoding goes on at the next restart marker. Files without
// Huffman tables, as webcams write, have those of ITU-T T.81, annex K.3.
package jpeg

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"strings"

	"example.com/riffle/internal/vec"
)

// MaxShift is the binary logarithm of the strongest reduction.
const MaxShift = 3

// ErrTooShort says that a file cannot hold its picture, however it is packed. It
// is found out before memory is asked for.
var ErrTooShort = errors.New("jpeg: data too short for the picture")

// ErrUnsupported is what errors wrap that name a kind of JPEG this package does
// not decode.
var ErrUnsupported = errors.New("jpeg: not supported")

func unsupported(feature string) error { return fmt.Errorf("%w: %s", ErrUnsupported, feature) }

// damage is what is wrong with a file that contradicts its format.
type damage string

func (e damage) Error() string { return "jpeg: " + string(e) }

// Damage is what was wrong with a file that was decoded all the same.
type Damage struct {
	Lost   float64 // the part of the picture that is missing and came out gray, 0 to 1
	What   string  // the first fault, "" if there was none
	Ending bool    // the file ends before the picture does
}

// Decode reads a JPEG at 1 / 2^shift of its size, shift being 0 to MaxShift. The
// result has ceil(width / 2^shift) by ceil(height / 2^shift) pixels, the last of
// which may be means that reach into the padding of the last block. It is an
// *image.Gray or an *image.YCbCr; 4:2:0 becomes 4:4:4 where it is reduced, as the
// chroma of half the size is there anyway.
//
// The caller bounds the size that the header announces. Memory is that of the
// result and, for a progressive JPEG, two bytes a coefficient, of which there is
// one a block at shift 3. The caller also judges whether enough of a damaged
// picture is left.
func Decode(data []byte, shift int) (image.Image, Damage, error) {
	if shift < 0 || shift > MaxShift {
		return nil, Damage{}, fmt.Errorf("jpeg: shift %d is not from 0 to %d", shift, MaxShift)
	}
	isa, err := vec.Best()
	if err != nil {
		return nil, Damage{}, fmt.Errorf("jpeg: %w", err)
	}
	d := decoder{data: data, shift: shift, isa: isa}
	if err := d.markers(); err != nil {
		if !d.complete() {
			return nil, d.damage, err
		}
		d.fault(err.Error()) // every plane is there: what follows is no loss
	}
	if err := d.finish(); err != nil {
		return nil, d.damage, err
	}
	return d.picture(), d.damage, nil
}

// Size reads a file up to the frame header and returns what it announces.
func Size(data []byte) (width, height int, err error) {
	d := decoder{data: data, headerOnly: true}
	if err := d.markers(); err != nil {
		if d.damage.Ending {
			err = ErrTooShort
		}
		return 0, 0, err
	}
	if d.components == nil {
		return 0, 0, damage("no frame")
	}
	return d.width, d.height, nil
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
	jfif          bool
	adobe         bool
	transform     byte // of Adobe's segment: 0 none, 1 YCbCr, 2 YCCK
	headerOnly    bool // stop at the frame header

	behindScan bool // whose data was read to its end
	damage     Damage
	blocks     int // of the first scans of all planes
	lost       int // of these

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
	mSOF15 = 0xCF
	mJPG   = 0xC8
	mDAC   = 0xCC
	mTEM   = 0x01
	mDNL   = 0xDC
	mDHP   = 0xDE
	mEXP   = 0xDF
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
		return damage("no start of image")
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
		case m >= mRST0 && m <= mRST7, m == mTEM: // some encoders end with one
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
				return damage("restart interval of a wrong length")
			}
			d.restart = int(body[0])<<8 | int(body[1])
		case m == mSOS:
			err = d.scan(body)
		case m == mAPP14:
			if len(body) >= 12 && string(body[:5]) == "Adobe" {
				d.adobe, d.transform = true, body[11]
			}
		case m == mAPP0:
			d.jfif = d.jfif || len(body) >= 5 && string(body[:5]) == "JFIF\x00"
		case m >= mAPP0 && m <= mAPP15, m == mCOM, m == mDAC, m == mDNL:
		default:
			err = unknown(m)
		}
		if err != nil || d.headerOnly && d.components != nil {
			return err
		}
	}
}

// marker finds the next marker; bytes before it are passed over. Behind a scan they
// tell, as in libjpeg, that its data was not what it should have been.
func (d *decoder) marker() (byte, error) {
	from := d.at
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
			if d.behindScan && len(bytes.Trim(d.data[from:d.at], "\xff")) > 0 {
				d.fault("data left over")
			}
			d.behindScan = false
			d.at += 2
			return m, nil
		}
	}
	if d.complete() {
		d.fault("no end marker")
		return mEOI, nil
	}
	d.damage.Ending = true
	return 0, damage("ends before the picture does")
}

// unknown names what a marker stands for that ends decoding.
func unknown(m byte) error {
	switch m {
	case 0xC3, 0xC7, 0xCB, 0xCF:
		return unsupported("lossless coding")
	case 0xC5, 0xC6, 0xCD, 0xCE, mDHP, mEXP:
		return unsupported("hierarchical coding")
	case 0xC9, 0xCA:
		return unsupported("arithmetic coding")
	}
	return damage(fmt.Sprintf("unknown marker %#02x", m))
}

// fault notes the first thing that is wrong with a file.
func (d *decoder) fault(what string) {
	if d.damage.What == "" {
		d.damage.What = strings.TrimPrefix(what, "jpeg: ")
	}
}

// complete reports whether every plane was in a scan.
func (d *decoder) complete() bool {
	for i := range d.components {
		if !d.components[i].scanned {
			return false
		}
	}
	return d.components != nil
}

// segment reads the body of the segment whose marker was just read.
func (d *decoder) segment() ([]byte, error) {
	if d.at+2 > len(d.data) {
		d.damage.Ending = true
		return nil, damage("cut short")
	}
	end := d.at + int(d.data[d.at])<<8 + int(d.data[d.at+1])
	if end < d.at+2 || end > len(d.data) {
		d.damage.Ending = end > len(d.data)
		return nil, damage("segment of a wrong length")
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
		wide := int(body[0] >> 4)
		size := 1 + 64*(1+wide)
		if body[0]&15 > 3 || wide > 1 || len(body) < size {
			return damage("quantizer of a wrong number or length")
		}
		var steps [64]uint16
		for k := range steps {
			step := uint16(body[1+(k<<wide)])
			if wide == 1 {
				step = step<<8 | uint16(body[2+(k<<wide)])
			}
			steps[zigzag[k]] = step
		}
		d.steps[body[0]&15] = &steps
		body = body[size:]
	}
	return nil
}
