// Package models holds the trained weights that are compiled into riffle, and
// finds a model by its name or by the path of a file. Nothing is fetched when
// the program runs.
package models

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"riffle/internal/nearest"
)

//go:embed *.safetensors
var embedded embed.FS

// Default is the name of the model that is used where none is asked for.
const Default = "riffle-v2-1.5x"

// Ext is the ending of a weights file.
const Ext = ".safetensors"

// maxFileBytes bounds what is read from a file before it is looked at; the
// largest network of this project has a hundredth of it.
const maxFileBytes = 2 << 30

// File is a model's safetensors file.
type File struct {
	Name     string // without folder and ending
	Data     []byte // the whole file
	Embedded bool   // came with the program, not from the disk
}

// List returns the names of the embedded models in alphabetical order.
func List() []string {
	entries, err := fs.Glob(embedded, "*"+Ext)
	if err != nil {
		panic(err) // only a malformed pattern gets here
	}
	for i, e := range entries {
		entries[i] = strings.TrimSuffix(e, Ext)
	}
	return entries
}

// Open returns the embedded model of the given name, Default for "", or else
// the file of that path. A name is taken for a path if it holds a path
// separator, ends in ".safetensors" or names a file that exists; embedded names
// win over files without such an ending. The error for an unknown name ends
// with the nearest known one.
func Open(name string) (File, error) {
	if name == "" {
		name = Default
	}
	looksLikePath := strings.ContainsRune(name, filepath.Separator) || strings.Contains(name, "/") ||
		strings.HasSuffix(name, Ext)
	if !looksLikePath {
		data, err := embedded.ReadFile(name + Ext)
		if err == nil {
			return File{Name: name, Data: data, Embedded: true}, nil
		}
		if _, err := os.Stat(name); err != nil {
			return File{}, fmt.Errorf("no model is called %q%s", name, nearest.Hint(name, List()))
		}
	}
	data, err := readFile(name)
	if err != nil {
		return File{}, err
	}
	return File{Name: strings.TrimSuffix(path.Base(filepath.ToSlash(name)), Ext), Data: data}, nil
}

func readFile(name string) ([]byte, error) {
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("model file %s does not exist", name)
	case err != nil:
		return nil, fmt.Errorf("model file %s: %w", name, errors.Unwrap(err))
	case st.IsDir():
		return nil, fmt.Errorf("model file %s is a folder", name)
	case st.Size() > maxFileBytes:
		return nil, fmt.Errorf("model file %s is larger than %d bytes", name, maxFileBytes)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("model file %s: %w", name, errors.Unwrap(err))
	}
	return data, nil
}
