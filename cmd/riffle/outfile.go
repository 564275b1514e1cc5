package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// outDir hands out names for drawn pictures in a folder: none twice in a run,
// and none of a photo that is being read.
type outDir struct {
	dir   string
	taken map[string]bool // lower-case, as some file systems compare names
	photo []os.FileInfo
}

// newOutDir makes the folder if need be.
func newOutDir(dir string, photos []input) (*outDir, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--out %s: %w", dir, fileError(err))
	}
	o := &outDir{dir: dir, taken: map[string]bool{}}
	for _, p := range photos {
		if st, err := os.Stat(p.path); p.path != stdinName && err == nil {
			o.photo = append(o.photo, st)
		}
	}
	return o, nil
}

// path returns where the picture drawn for a photo goes: the photo's base name
// with the given ending, numbered from 2 where that is taken.
func (o *outDir) path(photo, ending string) string {
	base := strings.TrimSuffix(filepath.Base(photo), filepath.Ext(photo))
	if photo == stdinName {
		base = "stdin"
	}
	for n := 1; ; n++ {
		name := base + ending
		if n > 1 {
			name = base + "-" + strconv.Itoa(n) + ending
		}
		if p := filepath.Join(o.dir, name); !o.taken[strings.ToLower(name)] && !o.isPhoto(p) {
			o.taken[strings.ToLower(name)] = true
			return p
		}
	}
}

func (o *outDir) isPhoto(path string) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	for _, p := range o.photo {
		if os.SameFile(st, p) {
			return true
		}
	}
	return false
}

// writeFile puts data under path in one step: a reader sees the old file or the
// whole new one, and a crash leaves no half of it. What is no ordinary file
// (a device, a pipe) is written to as it is.
func writeFile(path string, data []byte) error {
	if err := writeWhole(path, data); err != nil {
		return fmt.Errorf("%s: %w", path, fileError(err))
	}
	return nil
}

func writeWhole(path string, data []byte) (err error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() && !st.IsDir() {
		return os.WriteFile(path, data, 0)
	}
	temp := filepath.Join(filepath.Dir(path), ".riffle-"+strconv.FormatUint(rand.Uint64(), 36))
	// Not os.CreateTemp, whose files nobody else may read.
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(temp)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
