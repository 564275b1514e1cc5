package photo

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"

	"golang.org/x/image/tiff"

	"example.com/riffle/photo/internal/jpeg"
)

// Tags of a TIFF whose strips or tiles are JPEGs (TIFF Technical Note 2).
const (
	tagWidth           = 256
	tagHeight          = 257
	tagStripOffsets    = 273
	tagRowsPerStrip    = 278
	tagStripByteCounts = 279
	tagTileWidth       = 322
	tagTileLength      = 323
	tagTileOffsets     = 324
	tagTileByteCounts  = 325
	tagJPEGTables      = 347
)

// Values of tagPhotometric.
const (
	photometricWhite = 0 // is zero
	photometricRGB   = 2
	photometricYCbCr = 6
)

// adobeRGB is the segment that tells a decoder of JPEGs that three components are
// red, green and blue.
var adobeRGB = []byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")

// tiffConfig reads the header of a TIFF.
func tiffConfig(r io.Reader) (image.Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return image.Config{}, err
	}
	if tiffTag(data, tagCompression, 1) == compressionJPEG {
		w, h := tiffTag(data, tagWidth, 0), tiffTag(data, tagHeight, 0)
		return image.Config{ColorModel: color.RGBAModel, Width: int(w), Height: int(h)}, nil
	}
	return tiff.DecodeConfig(bytes.NewReader(data))
}

// decodeTIFFJPEG reads a TIFF whose strips or tiles are JPEGs.
func decodeTIFFJPEG(data []byte) (image.Image, error) {
	photometric := tiffTag(data, tagPhotometric, photometricYCbCr)
	switch photometric {
	case photometricWhite, photometricBlack, photometricRGB, photometricYCbCr:
	default:
		return nil, fmt.Errorf("%w: tiff: JPEG inside, of colors %d", ErrUnsupported, photometric)
	}
	size := image.Pt(int(tiffTag(data, tagWidth, 0)), int(tiffTag(data, tagHeight, 0)))
	part := image.Pt(size.X, int(min(tiffTag(data, tagRowsPerStrip, uint32(size.Y)), uint32(size.Y))))
	offsets, counts := tiffValues(data, tagStripOffsets), tiffValues(data, tagStripByteCounts)
	if tiles := tiffValues(data, tagTileOffsets); tiles != nil {
		part = image.Pt(int(tiffTag(data, tagTileWidth, 0)), int(tiffTag(data, tagTileLength, 0)))
		offsets, counts = tiles, tiffValues(data, tagTileByteCounts)
	}
	if part.X <= 0 || part.Y <= 0 || part.X > size.X+1024 || part.Y > size.Y+1024 {
		return nil, fmt.Errorf("%w: tiff: parts of %d x %d pixels", ErrCorrupt, part.X, part.Y)
	}
	columns := (size.X + part.X - 1) / part.X
	rows := (size.Y + part.Y - 1) / part.Y
	if len(offsets) < columns*rows || len(counts) < columns*rows {
		return nil, fmt.Errorf("%w: tiff: %d parts, want %d", ErrCorrupt, min(len(offsets), len(counts)), columns*rows)
	}
	tables := jpegTables(data, photometric)
	out := image.NewRGBA(image.Rectangle{Max: size})
	for i := range columns * rows {
		from, n := int64(offsets[i]), int64(counts[i])
		if from+n > int64(len(data)) {
			return nil, fmt.Errorf("%w: tiff: part %d", ErrTruncated, i+1)
		}
		img, err := decodePart(tables, data[from:from+n], part)
		if err != nil {
			return nil, fmt.Errorf("tiff: part %d: %w", i+1, err)
		}
		at := image.Pt(i%columns*part.X, i/columns*part.Y)
		draw.Draw(out, image.Rectangle{Min: at, Max: at.Add(part)}, img, img.Bounds().Min, draw.Src)
	}
	if photometric == photometricWhite {
		for i := range out.Pix {
			if i%4 != 3 {
				out.Pix[i] = 255 - out.Pix[i]
			}
		}
	}
	return out, nil
}

// jpegTables is what all parts begin with: the start of an image, the tables that
// they share, and how their components are to be read.
func jpegTables(data []byte, photometric uint32) []byte {
	tables := []byte("\xff\xd8")
	if photometric == photometricRGB {
		tables = append(tables, adobeRGB...)
	}
	shared := tiffBytes(data, tagJPEGTables)
	shared = bytes.TrimSuffix(bytes.TrimPrefix(shared, []byte("\xff\xd8")), []byte("\xff\xd9"))
	return append(tables, shared...)
}

// decodePart reads a strip or tile, which is no larger than its place but for the
// padding of its last blocks.
func decodePart(tables, data []byte, part image.Point) (image.Image, error) {
	whole := append(bytes.Clone(tables), bytes.TrimPrefix(data, []byte("\xff\xd8"))...)
	w, h, err := jpeg.Size(whole)
	if err != nil {
		return nil, jpegError(err, jpeg.Damage{})
	}
	if w > part.X+64 || h > part.Y+64 {
		return nil, fmt.Errorf("%w: %d x %d pixels in place of %d x %d", ErrCorrupt, w, h, part.X, part.Y)
	}
	img, damage, err := jpeg.Decode(whole, 0)
	switch {
	case err != nil:
		return nil, jpegError(err, damage)
	case damage.Ending:
		return nil, fmt.Errorf("%w: jpeg: %s", ErrTruncated, damage.What)
	case damage.What != "":
		return nil, fmt.Errorf("%w: jpeg: %s", ErrCorrupt, damage.What)
	}
	return img, nil
}

// tiffValues are all values of a tag of type SHORT or LONG, nil if it is not
// there.
func tiffValues(data []byte, tag uint16) []uint32 {
	var out []uint32
	tiffEntries(data, func(order binary.ByteOrder, entry []byte) bool {
		if order.Uint16(entry) != tag {
			return true
		}
		width := map[uint16]int64{3: 2, 4: 4}[order.Uint16(entry[2:])]
		raw := tiffField(data, order, entry, width)
		for len(raw) > 0 {
			if width == 2 {
				out = append(out, uint32(order.Uint16(raw)))
			} else {
				out = append(out, order.Uint32(raw))
			}
			raw = raw[width:]
		}
		return false
	})
	return out
}

// tiffBytes is a tag's value as bytes, nil if it is not there.
func tiffBytes(data []byte, tag uint16) (out []byte) {
	tiffEntries(data, func(order binary.ByteOrder, entry []byte) bool {
		if order.Uint16(entry) != tag {
			return true
		}
		out = tiffField(data, order, entry, 1)
		return false
	})
	return out
}

// tiffField is the value of an entry whose elements have so many bytes: in the
// entry itself if it fits, or else where that points. nil if it is not all there.
func tiffField(data []byte, order binary.ByteOrder, entry []byte, width int64) []byte {
	n := int64(order.Uint32(entry[4:])) * width
	if n <= 4 {
		return entry[8 : 8+n]
	}
	at := int64(order.Uint32(entry[8:]))
	if at+n > int64(len(data)) {
		return nil
	}
	return data[at : at+n]
}
