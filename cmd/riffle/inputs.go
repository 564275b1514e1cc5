package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/riffle/photo"
)

// stdinName stands for standard input among file names.
const stdinName = "-"

// input is one photo to look at, or what is wrong with an argument.
type input struct {
	path string
	err  error
	note string // what of a folder was left out, before its first photo
}

// findInputs turns the arguments into photos, in their order: a file or "-" as
// it is, a folder into the photos in it (and below it with recursive) in
// alphabetical order, and a pattern that the shell left alone into its matches.
func findInputs(args []string, recursive bool) []input {
	var all []input
	for _, arg := range args {
		paths, note, err := expand(arg, recursive)
		if err != nil {
			all = append(all, input{path: arg, err: err})
		}
		for i, p := range paths {
			in := input{path: p}
			if i == 0 && note != "" {
				in.note = arg + ": " + note
			}
			all = append(all, in)
		}
	}
	return all
}

func expand(arg string, recursive bool) (paths []string, note string, err error) {
	if arg == stdinName {
		return []string{arg}, "", nil
	}
	st, err := os.Stat(arg)
	switch {
	case err == nil && st.IsDir():
		return folder(arg, recursive)
	case err == nil:
		return []string{arg}, "", nil
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(arg, "*?["):
		return nil, "", fileError(err)
	}
	matches, err := filepath.Glob(arg)
	if err != nil {
		return nil, "", errors.New("malformed pattern")
	}
	var files []string
	for _, m := range matches {
		if st, err := os.Stat(m); err == nil && !st.IsDir() {
			files = append(files, m)
		}
	}
	if len(files) == 0 {
		return nil, "", errors.New("no file matches this pattern")
	}
	return files, "", nil
}

// folder lists the photos in a folder, which may be a symbolic link to one, and
// notes how many files it left out: pictures of kinds that cannot be read, and
// what is called like a photo but is no file, such as a pipe.
func folder(dir string, recursive bool) (files []string, note string, err error) {
	var unreadable, special []string
	walked := dir
	if st, err := os.Lstat(dir); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		walked = dir + string(filepath.Separator) // the folder behind the link
	}
	err = filepath.WalkDir(walked, func(p string, e fs.DirEntry, err error) error {
		hidden := p != walked && strings.HasPrefix(e.Name(), ".")
		switch {
		case err != nil:
			return err
		case e.IsDir() && p != walked && (hidden || !recursive):
			return fs.SkipDir
		case e.IsDir() || hidden:
		case photo.Unreadable(p):
			unreadable = append(unreadable, e.Name())
		case !photo.HasExtension(p):
		case !isFile(p, e):
			special = append(special, e.Name())
		default:
			files = append(files, p)
		}
		return nil
	})
	if err != nil {
		return nil, "", fileError(err)
	}
	note = skippedFiles(unreadable, special)
	if len(files) == 0 {
		if note != "" {
			note = "; " + note
		}
		return nil, "", errors.New("no photos in this folder (" + strings.Join(photo.Extensions, " ") + ")" + note)
	}
	slices.SortFunc(files, cmp.Compare[string])
	return files, note, nil
}

// isFile reports whether a file can be read to its end: an ordinary one, or a
// link to one.
func isFile(path string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Type().IsRegular()
	}
	st, err := os.Stat(path)
	return err != nil || st.Mode().IsRegular() // a link to nothing is an error, said later
}

// skippedFiles says how many files of a folder were left out, and why.
func skippedFiles(unreadable, special []string) string {
	var parts []string
	for _, p := range []struct {
		names []string
		why   string
	}{{unreadable, "of a kind that cannot be read"}, {special, "that are not regular files"}} {
		if n := len(p.names); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (first: %s)", n, p.why, slices.Min(p.names)))
		}
	}
	if parts == nil {
		return ""
	}
	return "left out: " + strings.Join(parts, ", ")
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
