package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stdinName stands for standard input among file names.
const stdinName = "-"

// photoEndings are the files that a folder is searched for. A file named
// explicitly may be called anything.
var photoEndings = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

func hasPhotoEnding(name string) bool {
	return slices.Contains(photoEndings, strings.ToLower(filepath.Ext(name)))
}

// input is one photo to look at, or what is wrong with an argument.
type input struct {
	path string
	err  error
}

// findInputs turns the arguments into photos, in their order: a file or "-" as
// it is, a folder into the photos in it (and below it with recursive) in
// alphabetical order, and a pattern that the shell left alone into its matches.
func findInputs(args []string, recursive bool) []input {
	var all []input
	for _, arg := range args {
		paths, err := expand(arg, recursive)
		if err != nil {
			all = append(all, input{path: arg, err: err})
		}
		for _, p := range paths {
			all = append(all, input{path: p})
		}
	}
	return all
}

func expand(arg string, recursive bool) ([]string, error) {
	if arg == stdinName {
		return []string{arg}, nil
	}
	st, err := os.Stat(arg)
	switch {
	case err == nil && st.IsDir():
		return folder(arg, recursive)
	case err == nil:
		return []string{arg}, nil
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(arg, "*?["):
		return nil, fileError(err)
	}
	matches, err := filepath.Glob(arg)
	if err != nil {
		return nil, errors.New("malformed pattern")
	}
	var files []string
	for _, m := range matches {
		if st, err := os.Stat(m); err == nil && !st.IsDir() {
			files = append(files, m)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no file matches this pattern")
	}
	return files, nil
}

func folder(dir string, recursive bool) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		hidden := p != dir && strings.HasPrefix(e.Name(), ".")
		switch {
		case err != nil:
			return err
		case e.IsDir() && p != dir && (hidden || !recursive):
			return fs.SkipDir
		case !e.IsDir() && !hidden && hasPhotoEnding(p):
			files = append(files, p)
		}
		return nil
	})
	if err != nil {
		return nil, fileError(err)
	}
	if len(files) == 0 {
		return nil, errors.New("no photos in this folder (" + strings.Join(photoEndings, " ") + ")")
	}
	slices.SortFunc(files, cmp.Compare[string])
	return files, nil
}

// fileError drops the operation and the path that package os puts before what
// is wrong; whoever reports the error names the file.
func fileError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}
