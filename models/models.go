// Package models holds the trained weights that are compiled into riffle, and
// finds a model by its name or by the path of a file. Nothing is fetched when
// the program runs.
package models

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/riffle/internal/suggest"
)

//go:embed *.safetensors *.int8.json *.variant.json
var embedded embed.FS

// Default is the name of the model that is used where none is asked for.
const Default = "riffle-v2-1.5x"

// Small is the name of the model for who wants speed before accuracy.
const Small = "riffle-v2-1.0x-256"

// Ext is the ending of a weights file.
const Ext = ".safetensors"

// CalibrationExt is the ending of the file beside a weights file that holds its
// calibration for 8-bit integers.
const CalibrationExt = ".int8.json"

// ErrUnknown is what errors wrap that were met with a name no model has.
var ErrUnknown = errors.New("unknown model")

// findError has a text of its own and is another error besides.
type findError struct {
	text string
	is   error
}

func (e *findError) Error() string { return e.text }
func (e *findError) Unwrap() error { return e.is }

// maxFileBytes bounds what is read from a file before it is looked at; the
// largest network of this project has a hundredth of it.
const maxFileBytes = 2 << 30

// File is a model's safetensors file.
type File struct {
	Name     string // without folder and ending
	Data     []byte // the whole file; nil from Find
	Embedded bool   // came with the program, not from the disk
	// Calibration is the file of ending CalibrationExt beside it; nil from Find
	// or if there is none.
	Calibration []byte

	path   string // where to read it: in the embedded files, or on the disk
	beside string // of a variant: path of the weights
}

// List returns the names of the embedded models in alphabetical order.
func List() []string {
	entries, err := fs.ReadDir(embedded, ".")
	if err != nil {
		panic(err) // the embedded files have a root
	}
	var names []string
	for _, e := range entries {
		for _, ext := range []string{Ext, variantExt} {
			if name, ok := strings.CutSuffix(e.Name(), ext); ok {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Open finds a model as [Find] does and reads it.
func Open(name string) (File, error) {
	f, err := Find(name)
	if err != nil {
		return File{}, err
	}
	read := readFile
	if f.Embedded {
		read = readEmbedded
	}
	if f.Data, err = read(f.path); err != nil {
		return File{}, err
	}
	f.Calibration, err = read(CalibrationPath(f))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return File{}, err
	}
	return f, nil
}

// CalibrationPath returns where the calibration of a model is looked for: beside
// the weights, or among the embedded files.
func CalibrationPath(f File) string {
	weights := f.path
	if f.beside != "" {
		weights = f.beside
	}
	return strings.TrimSuffix(weights, Ext) + CalibrationExt
}

// Find tells which file a name means without reading it: the embedded model of
// that name, Default for "", or else the file of that path. A name is taken for
// a path if it holds a path separator, ends in ".safetensors" or names a file
// that exists; embedded names win over files without such an ending. The error
// for an unknown name ends with the nearest known one.
func Find(name string) (File, error) {
	if name == "" {
		name = Default
	}
	looksLikePath := strings.ContainsRune(name, filepath.Separator) || strings.Contains(name, "/") ||
		strings.HasSuffix(name, Ext)
	if !looksLikePath {
		if slices.Contains(List(), name) {
			return findEmbedded(name)
		}
		if _, err := os.Stat(name); err != nil {
			return File{}, &findError{fmt.Sprintf("no model is called %q%s", name, suggest.Hint(name, List())), ErrUnknown}
		}
	}
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return File{}, &findError{fmt.Sprintf("model file %s does not exist", name), fs.ErrNotExist}
	case err != nil:
		return File{}, fmt.Errorf("model file %s: %w", name, errors.Unwrap(err))
	case st.IsDir():
		return File{}, fmt.Errorf("model file %s is a folder", name)
	case st.Size() > maxFileBytes:
		return File{}, fmt.Errorf("model file %s is larger than %d bytes", name, maxFileBytes)
	}
	return File{Name: strings.TrimSuffix(path.Base(filepath.ToSlash(name)), Ext), path: name}, nil
}

func readFile(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("model file %s: %w", name, errors.Unwrap(err))
	}
	if archive, pickle := bytes.HasPrefix(data, []byte("PK\x03\x04")), len(data) > 2 && data[0] == 0x80 && data[1] <= 5; archive || pickle {
		return nil, fmt.Errorf("model file %s is a PyTorch checkpoint: riffle models import makes a model of it", name)
	}
	return data, nil
}
