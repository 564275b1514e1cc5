package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/draw"
	stdjpeg "image/jpeg"
	"image/png"
	"os"
	"testing"
)

// meanDifference of two pictures of one size, in levels of a channel.
func meanDifference(t *testing.T, a, b image.Image) float64 {
	t.Helper()
	size := a.Bounds().Size()
	if size != b.Bounds().Size() {
		t.Fatalf("%v and %v", size, b.Bounds().Size())
	}
	sum := 0
	for y := range size.Y {
		for x := range size.X {
			p := color.RGBAModel.Convert(a.At(x, y)).(color.RGBA)
			q := color.RGBAModel.Convert(b.At(x, y)).(color.RGBA)
			for _, d := range []int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B)} {
				sum += max(d, -d)
			}
		}
	}
	return float64(sum) / float64(3*size.X*size.Y)
}

// Files that Pillow (libtiff) wrote of one picture, in strips that share tables;
// what JPEG loses is about 1.5 levels.
func TestJPEGInTIFF(t *testing.T) {
	data, err := os.ReadFile("testdata/tiff-jpeg.png")
	if err != nil {
		t.Fatal(err)
	}
	want, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	gray := image.NewGray(want.Bounds())
	draw.Draw(gray, gray.Rect, want, image.Point{}, draw.Src)
	for name, original := range map[string]image.Image{"rgb": want, "ycbcr": want, "gray": gray} {
		data, err := os.ReadFile("testdata/tiff-jpeg-" + name + ".tif")
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := meanDifference(t, got, original); d > 4 {
			t.Errorf("%s: %.1f levels from the original", name, d)
		}
		if got.Format != "tiff" {
			t.Errorf("%s", got.Format)
		}
		for cut := 0; cut < len(data); cut += 97 { // an error, no panic
			if _, err := Decode(data[:cut], Options{}); err == nil && cut < len(data)/2 {
				t.Errorf("%s cut to %d bytes is read", name, cut)
			}
		}
	}
}

// Tiles have tables of their own, and reach beyond the picture.
func TestJPEGTilesInTIFF(t *testing.T) {
	const width, height, tile = 70, 40, 32
	whole := image.NewRGBA(image.Rect(0, 0, 96, 64))
	for i := range whole.Pix {
		x, y := i/4%96, i/4/96
		whole.Pix[i] = []uint8{uint8(2 * x), uint8(4 * y), 90, 255}[i%4]
	}
	var parts [][]byte
	for y := 0; y < height; y += tile {
		for x := 0; x < width; x += tile {
			var buf bytes.Buffer
			if err := stdjpeg.Encode(&buf, whole.SubImage(image.Rect(x, y, x+tile, y+tile)), &stdjpeg.Options{Quality: 95}); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, buf.Bytes())
		}
	}
	data := tiledTIFF(width, height, tile, parts)
	got, err := Decode(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := meanDifference(t, got, whole.SubImage(image.Rect(0, 0, width, height))); d > 4 {
		t.Errorf("%.1f levels from the original", d)
	}
	if _, err := Decode(tiledTIFF(width, height, tile, parts[:5]), Options{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a tile too few: %v", err)
	}
	if _, err := Decode(data, Options{Limits: Limits{MaxPixels: 100}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
}

// tiledTIFF joins JPEGs, row by row, to a TIFF of YCbCr tiles.
func tiledTIFF(width, height, tile int, parts [][]byte) []byte {
	le := binary.LittleEndian
	data := []byte("II*\x00\x00\x00\x00\x00")
	var offsets, counts []byte
	for _, p := range parts {
		offsets = le.AppendUint32(offsets, uint32(len(data)))
		counts = le.AppendUint32(counts, uint32(len(p)))
		data = append(data, p...)
	}
	at := len(data)
	data = append(append(data, offsets...), counts...)
	le.PutUint32(data[4:], uint32(len(data)))
	n := len(parts)
	entries := []struct{ tag, kind, count, value int }{
		{256, 4, 1, width}, {257, 4, 1, height}, {258, 3, 1, 8}, {259, 3, 1, 7}, {262, 3, 1, 6}, {277, 3, 1, 3},
		{322, 4, 1, tile}, {323, 4, 1, tile}, {324, 4, n, at}, {325, 4, n, at + 4*n},
	}
	data = le.AppendUint16(data, uint16(len(entries)))
	for _, e := range entries {
		data = le.AppendUint16(data, uint16(e.tag))
		data = le.AppendUint16(data, uint16(e.kind))
		data = le.AppendUint32(data, uint32(e.count))
		data = le.AppendUint32(data, uint32(e.value))
	}
	return le.AppendUint32(data, 0)
}
