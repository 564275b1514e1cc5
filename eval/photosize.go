package eval

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"example.com/riffle/photo"
)

func isPhoto(name string) bool { return !strings.HasPrefix(name, ".") && photo.HasExtension(name) }

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
	size, err := photo.Size(path)
	return size.X, size.Y, err
}
