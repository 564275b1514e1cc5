package photo

import (
	"encoding/binary"
	"testing"
)

// tiffWith builds a TIFF structure of one directory.
func tiffWith(order binary.AppendByteOrder, at uint32, entries ...[4]uint32) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, at)
	b = order.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = order.AppendUint16(b, uint16(e[0]))
		b = order.AppendUint16(b, uint16(e[1]))
		b = order.AppendUint32(b, e[2])
		if e[1] == 3 {
			b = order.AppendUint16(b, uint16(e[3]))
			b = order.AppendUint16(b, 0)
			continue
		}
		b = order.AppendUint32(b, e[3])
	}
	return b
}

func TestExifOrientation(t *testing.T) {
	maker := [4]uint32{0x010F, 2, 4, 0}
	little, big := binary.LittleEndian, binary.BigEndian
	cases := map[string]struct {
		tiff []byte
		want Orientation
	}{
		"little endian":        {tiffWith(little, 8, maker, [4]uint32{tagOrientation, 3, 1, 6}), 6},
		"big endian":           {tiffWith(big, 8, maker, [4]uint32{tagOrientation, 3, 1, 8}), 8},
		"as a long":            {tiffWith(big, 8, [4]uint32{tagOrientation, 4, 1, 3}), 3},
		"of no known value":    {tiffWith(little, 8, [4]uint32{tagOrientation, 3, 1, 9}), 1},
		"zero":                 {tiffWith(little, 8, [4]uint32{tagOrientation, 3, 1, 0}), 1},
		"as text":              {tiffWith(little, 8, [4]uint32{tagOrientation, 2, 1, 6}), 1},
		"absent":               {tiffWith(little, 8, maker), 1},
		"directory far away":   {tiffWith(little, 1<<31, [4]uint32{tagOrientation, 3, 1, 6}), 1},
		"directory at the end": {tiffWith(little, 0xffffffff, [4]uint32{tagOrientation, 3, 1, 6}), 1},
		"neither byte order":   {[]byte("XX*\x00\x08\x00\x00\x00\x00\x00"), 1},
		"nothing":              {nil, 1},
	}
	for name, c := range cases {
		if got := exifOrientation(c.tiff); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
		for n := range c.tiff { // cut short anywhere: no panic, and never an orientation not in the file
			if got := exifOrientation(c.tiff[:n]); got != 1 && got != c.want {
				t.Errorf("%s, first %d bytes: %d", name, n, got)
			}
		}
	}
}

// FuzzExif throws any bytes at the parsers that look for EXIF.
func FuzzExif(f *testing.F) {
	f.Add(tiffWith(binary.LittleEndian, 8, [4]uint32{tagOrientation, 3, 1, 6}))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*\x00\x00\x00\x08"))
	f.Add([]byte("RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\x7f"))
	f.Add([]byte("\x89PNG\r\n\x1a\n\x7f\xff\xff\xffeXIf"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, tiff := range [][]byte{data, scanJPEG(data).exif, pngExif(data), webpExif(data)} {
			if o := exifOrientation(tiff); o < 1 || o > 8 {
				t.Fatalf("orientation %d", o)
			}
		}
		if n := testing.AllocsPerRun(1, func() { exifOrientation(scanJPEG(data).exif) }); n != 0 {
			t.Fatalf("%v allocations", n)
		}
	})
}
