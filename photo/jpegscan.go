package photo

import (
	"bytes"
	"encoding/binary"
)

// jpegInfo is what the markers of a JPEG file tell without decoding a pixel.
type jpegInfo struct {
	exif        []byte // TIFF structure of the first EXIF segment, or nil
	components  int    // of the frame: 1, 3 or 4
	progressive bool
	adobe       bool // an Adobe APP14 segment stands before the frame header
	scans       int
}

const (
	markerSOF0  = 0xC0
	markerSOF2  = 0xC2
	markerSOF15 = 0xCF
	markerDHT   = 0xC4
	markerJPG   = 0xC8
	markerDAC   = 0xCC
	markerRST0  = 0xD0
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerAPP1  = 0xE1
	markerAPP14 = 0xEE
	markerTEM   = 0x01
)

// scanJPEG walks over the markers of a JPEG file. It allocates nothing, trusts
// no length beyond the end of data and stops at the first thing it cannot read:
// the decoder, which reads the same bytes, reports what is wrong with them.
func scanJPEG(data []byte) jpegInfo {
	var info jpegInfo
	for i := 2; i+1 < len(data); {
		skip := bytes.IndexByte(data[i:], 0xFF)
		if skip < 0 || i+skip+1 >= len(data) {
			return info
		}
		i += skip
		m := data[i+1]
		switch {
		case m == 0xFF: // fill byte
			i++
			continue
		case m == 0, m == markerTEM, m >= markerRST0 && m <= markerSOI: // no length follows
			i += 2
			continue
		case m == markerEOI:
			return info
		}
		if i+4 > len(data) {
			return info
		}
		end := i + 2 + int(binary.BigEndian.Uint16(data[i+2:]))
		if end < i+4 || end > len(data) {
			return info
		}
		info.segment(m, data[i+4:end])
		i = end
	}
	return info
}

// segment notes what the segment with marker m says.
func (info *jpegInfo) segment(m byte, body []byte) {
	switch {
	case m == markerSOS:
		info.scans++
	case m == markerAPP14:
		info.adobe = info.adobe || len(body) >= 12 && string(body[:5]) == "Adobe"
	case m == markerAPP1:
		if info.exif == nil && len(body) > 6 && string(body[:6]) == "Exif\x00\x00" {
			info.exif = body[6:]
		}
	case m >= markerSOF0 && m <= markerSOF15 && m != markerDHT && m != markerJPG && m != markerDAC:
		if info.components == 0 && len(body) >= 6 {
			info.components, info.progressive = int(body[5]), m == markerSOF2
		}
	}
}
