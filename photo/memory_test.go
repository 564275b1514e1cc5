package photo

import (
	"bytes"
	"image"
	stdjpeg "image/jpeg"
	"image/png"
	"testing"
)

// What is predicted for a picture is about what its pixels take.
func TestMemory(t *testing.T) {
	r := image.Rect(0, 0, 800, 400)
	encode := func(img image.Image) []byte {
		var buf bytes.Buffer
		if err := png.Encode(&buf, img); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	var jpeg bytes.Buffer
	if err := stdjpeg.Encode(&jpeg, image.NewRGBA(r), nil); err != nil {
		t.Fatal(err)
	}
	whole := Memory(jpeg.Bytes(), Options{})
	for name, tt := range map[string]struct {
		data        []byte
		least, most int64
	}{
		"gray":    {encode(image.NewGray(r)), 320_000, 320_000},
		"gray 16": {encode(image.NewGray16(r)), 640_000, 640_000},
		"rgba":    {encode(image.NewNRGBA(r)), 1_280_000, 1_280_000},
		"rgba 16": {encode(image.NewNRGBA64(r)), 2_560_000, 2_560_000},
		"jpeg":    {jpeg.Bytes(), 480_000, 2_000_000},
		"text":    {[]byte("text"), 0, 0},
		"cut":     {encode(image.NewGray(r))[:20], 0, 0},
	} {
		if got := Memory(tt.data, Options{}); got < tt.least || got > tt.most {
			t.Errorf("%s: %d bytes, want %d to %d", name, got, tt.least, tt.most)
		}
	}
	if reduced := Memory(jpeg.Bytes(), Options{Size: image.Pt(100, 50)}); reduced >= whole/2 {
		t.Errorf("reduced %d bytes, whole %d", reduced, whole)
	}
}
