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
	if v := tiffTag(tiff, tagOrientation, 1); v >= 1 && v <= 8 {
		return Orientation(v)
	}
	return 1
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
func webpExif(data []byte) (exif []byte) {
	chunks(data[12:], func(name string, body []byte) bool {
		if name == "EXIF" {
			exif = bytes.TrimPrefix(body, []byte("Exif\x00\x00"))
		}
		return exif == nil
	})
	return exif
}
