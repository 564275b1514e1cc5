package photo

import (
	"bytes"
	"encoding/binary"
)

// tagOrientation is EXIF's (and TIFF's) number for the orientation.
const tagOrientation = 0x0112

// exifOrientation reads the orientation out of a TIFF structure, as it stands in
// the EXIF segment of a JPEG, the eXIf chunk of a PNG, the EXIF chunk of a WebP
// and at the start of a TIFF file. It looks at the first directory only, which
// is the main picture's, allocates nothing and answers 1 whenever the bytes make
// no sense.
func exifOrientation(tiff []byte) Orientation {
	var order binary.ByteOrder
	switch {
	case len(tiff) < 8:
		return 1
	case string(tiff[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(tiff[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 1
		}
		if order.Uint16(entries) == tagOrientation {
			return orientationValue(order, entries)
		}
		entries = entries[12:]
	}
	return 1
}

// orientationValue reads a directory entry of type SHORT, or LONG as some
// programs write it.
func orientationValue(order binary.ByteOrder, entry []byte) Orientation {
	var v uint32
	switch order.Uint16(entry[2:]) {
	case 3:
		v = uint32(order.Uint16(entry[8:]))
	case 4:
		v = order.Uint32(entry[8:])
	}
	if v < 1 || v > 8 {
		return 1
	}
	return Orientation(v)
}

// pngExif returns the eXIf chunk of a PNG file, or nil.
func pngExif(data []byte) []byte {
	for at := 8; at+12 <= len(data); {
		n := int64(binary.BigEndian.Uint32(data[at:]))
		if n > int64(len(data)-at-12) {
			return nil
		}
		body := data[at+8 : at+8+int(n)]
		switch string(data[at+4 : at+8]) {
		case "eXIf":
			return body
		case "IEND":
			return nil
		}
		at += 12 + int(n)
	}
	return nil
}

// webpExif returns the EXIF chunk of a WebP file, or nil. Some writers put a
// JPEG's "Exif\0\0" before it.
func webpExif(data []byte) []byte {
	for at := 12; at+8 <= len(data); {
		n := int64(binary.LittleEndian.Uint32(data[at+4:]))
		if n > int64(len(data)-at-8) {
			return nil
		}
		if string(data[at:at+4]) == "EXIF" {
			return bytes.TrimPrefix(data[at+8:at+8+int(n)], []byte("Exif\x00\x00"))
		}
		at += 8 + int(n+n&1)
	}
	return nil
}
