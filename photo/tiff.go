package photo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"

	"golang.org/x/image/tiff"
)

// Tags of TIFF 6.0 that golang.org/x/image/tiff does not mind.
const (
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagSamplesPerPixel = 277
	tagPlanar          = 284
)

// Values of these tags.
const (
	compressionFax2  = 2 // CCITT's, up to 4
	compressionFax4  = 4
	compressionJPEG  = 7
	photometricBlack = 1 // is zero
	reversedBits     = 2
	separatePlanes   = 2
)

// decodeTIFF reads a TIFF, or refuses what the library would read wrongly without
// a word: separate planes, and bytes whose bits stand in reverse order.
func decodeTIFF(data []byte) (image.Image, error) {
	tag := func(number uint16, def uint32) uint32 { return tiffTag(data, number, def) }
	compression := tag(tagCompression, 1)
	fax := compression >= compressionFax2 && compression <= compressionFax4
	switch {
	case tag(tagPlanar, 1) == separatePlanes && tag(tagSamplesPerPixel, 1) > 1:
		return nil, fmt.Errorf("%w: tiff: planes stored separately", ErrUnsupported)
	case tag(tagFillOrder, 1) == reversedBits && !fax:
		return nil, fmt.Errorf("%w: tiff: reversed order of bits", ErrUnsupported)
	case compression == compressionJPEG:
		return decodeTIFFJPEG(data)
	}
	img, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	// The library takes faxes for white on black where the file says the opposite.
	if gray, ok := img.(*image.Gray); ok && fax && tag(tagPhotometric, 0) == photometricBlack {
		for i, v := range gray.Pix {
			gray.Pix[i] = 255 - v
		}
	}
	return img, nil
}

// tiffTag is the first value of a tag of type SHORT or LONG in the first directory
// of a TIFF structure, def if it is not there.
func tiffTag(data []byte, tag uint16, def uint32) uint32 {
	v := def
	tiffEntries(data, func(order binary.ByteOrder, entry []byte) bool {
		if order.Uint16(entry) != tag {
			return true
		}
		switch order.Uint16(entry[2:]) {
		case 3:
			v = uint32(order.Uint16(entry[8:]))
		case 4:
			v = order.Uint32(entry[8:])
		}
		return false
	})
	return v
}

// tiffEntries calls f with the entries, of 12 bytes, of the first directory of a
// TIFF structure until f returns false. It allocates nothing and stops where the
// bytes make no sense.
func tiffEntries(data []byte, f func(order binary.ByteOrder, entry []byte) bool) {
	var order binary.ByteOrder
	switch {
	case len(data) < 8:
		return
	case string(data[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(data[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return
	}
	at := int64(order.Uint32(data[4:]))
	if at+2 > int64(len(data)) {
		return
	}
	entries := data[at+2:]
	for range order.Uint16(data[at:]) {
		if len(entries) < 12 || !f(order, entries[:12]) {
			return
		}
		entries = entries[12:]
	}
}
