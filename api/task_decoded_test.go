package api

import (
	"bytes"
	"image"
	"image/png"
	"testing"
)

// encoded is a PNG of nothing, small as a file.
func encoded(t *testing.T, img image.Image) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestDecodedBytes(t *testing.T) {
	r := image.Rect(0, 0, 100, 50)
	for name, tt := range map[string]struct {
		data []byte
		want int64
	}{
		"gray":        {encoded(t, image.NewGray(r)), 5000},
		"gray 16":     {encoded(t, image.NewGray16(r)), 10000},
		"rgba":        {encoded(t, image.NewNRGBA(r)), 20000},
		"rgba 16":     {encoded(t, image.NewNRGBA64(r)), 40000},
		"jpeg":        {jpegOf(t, 100, 50), 15000},
		"progressive": {append(jpegOf(t, 100, 50), 0xFF, 0xC2), 75000},
		"text":        {[]byte("text"), 0},
	} {
		if got := decodedBytes(tt.data); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}
