package eval

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"example.com/riffle/photo"
)

// photoFile is a photo of a data set of files and the label file that would
// belong to it.
type photoFile struct {
	path  string
	label string // empty where there are no labels
}

// listPhotos lists the photos below a folder in the order of their names.
func listPhotos(dir string) ([]photoFile, error) {
	names, err := files(dir, isPhoto)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("images: no photo in %s (looked for %s)", dir, strings.Join(photo.Extensions, " "))
	}
	out := make([]photoFile, len(names))
	for i, name := range names {
		out[i].path = filepath.Join(dir, name)
	}
	return out, nil
}

// addPhotos adds the readable ones of the photos with their sizes, named
// relative to base. Photos whose names are numbers have them for ids, as
// Ultralytics' predictions do; others are numbered above those, from 1.
func (d *Dataset) addPhotos(base string, photos []photoFile) error {
	for _, p := range photos {
		w, h, err := photoSize(p.path)
		if err != nil {
			d.LeftOut.Add("photos", LeftUnreadable, "%s: %v", shownName(base, p.path), err)
			continue
		}
		d.Images = append(d.Images, Image{File: shownName(base, p.path), Width: w, Height: h, Path: p.path})
	}
	if len(d.Images) == 0 {
		return fmt.Errorf("images: no photo can be read: %s", strings.Join(d.LeftOut.Lines(), "; "))
	}
	d.numberPhotos()
	return nil
}

// shownName is a path relative to base, with slashes.
func shownName(base, path string) string {
	if rel, err := filepath.Rel(base, path); err == nil {
		path = rel
	}
	return filepath.ToSlash(path)
}

func (d *Dataset) numberPhotos() {
	taken := make(map[int]bool, len(d.Images))
	highest := 0
	for i := range d.Images {
		name := stem(filepath.Base(d.Images[i].File))
		n, err := strconv.ParseUint(name, 10, 53)
		if err != nil || n == 0 || taken[int(n)] {
			continue
		}
		d.Images[i].ID = int(n)
		taken[int(n)] = true
		highest = max(highest, int(n))
	}
	for i := range d.Images {
		if d.Images[i].ID == 0 {
			highest++
			d.Images[i].ID = highest
		}
	}
}
