package eval

import (
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "image/gif" // the formats whose size can be read
	_ "image/jpeg"
	_ "image/png"

	"github.com/bep/imagemeta"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

var photoExtensions = []string{".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}

func isPhoto(name string) bool {
	return !strings.HasPrefix(name, ".") && slices.Contains(photoExtensions, strings.ToLower(filepath.Ext(name)))
}

// stem is a path without its last extension.
func stem(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) }

// files lists the files below dir whose names satisfy want, in lexical order,
// as paths relative to dir. Hidden folders are passed over.
func files(dir string, want func(name string) bool) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if path != dir && strings.HasPrefix(e.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		case !want(e.Name()):
			return nil
		}
		if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
			return nil // a dangling link, a socket: nothing that could be read
		}
		rel, err := filepath.Rel(dir, path)
		out = append(out, rel)
		return err
	})
	return out, err
}

// photoSize reads a photo's size from its header: pixels, after EXIF
// orientation.
func photoSize(path string) (width, height int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	c, format, err := image.DecodeConfig(f)
	if err != nil {
		if errors.Is(err, image.ErrFormat) {
			return 0, 0, errors.New("not a photo of a known format")
		}
		return 0, 0, fmt.Errorf("broken photo: %w", err)
	}
	if orientation(f, format) >= 5 { // turned by a quarter
		return c.Height, c.Width, nil
	}
	return c.Width, c.Height, nil
}

// orientation is the EXIF orientation, 1 where there is none.
func orientation(r io.ReadSeeker, format string) int {
	kinds := map[string]imagemeta.ImageFormat{
		"jpeg": imagemeta.JPEG, "png": imagemeta.PNG, "webp": imagemeta.WebP, "tiff": imagemeta.TIFF,
	}
	kind, ok := kinds[format]
	if !ok {
		return 1
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 1
	}
	value := 1
	// Broken EXIF data is no reason to refuse a photo, so the error is dropped.
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: r, ImageFormat: kind, Sources: imagemeta.EXIF,
		ShouldHandleTag: func(t imagemeta.TagInfo) bool { return t.Tag == "Orientation" && t.Namespace == "IFD0" },
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, ok := t.Value.(uint16); ok && v >= 1 && v <= 8 {
				value = int(v)
			}
			return imagemeta.ErrStopWalking
		},
		Warnf: func(string, ...any) {},
	})
	return value
}
