package photo

import (
	"errors"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestSizeIsThatOfDecode: every kind of picture, all orientations.
func TestSizeIsThatOfDecode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "photo")
	for name, file := range photoFiles(t) {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Decode(file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Size(path); err != nil || got != p.Size() {
			t.Errorf("%s: %v, %v, want %v", name, got, err, p.Size())
		}
	}
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Size(path); !errors.Is(err, ErrNotImage) {
		t.Errorf("text: %v", err)
	}
	if _, err := Size(path + ".gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A header behind a large EXIF segment is found too.
func TestSizeBehindMuchElse(t *testing.T) {
	t.Parallel()
	file := photoFiles(t)["jpeg_420"]
	segment := append([]byte{0xFF, 0xE2, 0xFF, 0xFF}, make([]byte, 0xFFFD)...)
	long := append([]byte{}, file[:2]...)
	for range 5 {
		long = append(long, segment...)
	}
	path := filepath.Join(t.TempDir(), "photo.jpg")
	if err := os.WriteFile(path, append(long, file[2:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Size(path); err != nil || got != image.Pt(28, 20) {
		t.Errorf("%v, %v", got, err)
	}
}
