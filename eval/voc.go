package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// vocLayout looks for the VOC labels that belong to the photos of dir; labels
// is empty where there are none.
func vocLayout(dir string) layout {
	if images, labels := filepath.Join(dir, "JPEGImages"), filepath.Join(dir, "Annotations"); isDir(images) && isDir(labels) {
		return layout{images, labels}
	}
	if full, err := filepath.Abs(dir); err == nil && filepath.Base(full) == "JPEGImages" {
		if labels := filepath.Join(filepath.Dir(full), "Annotations"); isDir(labels) {
			return layout{dir, labels}
		}
	}
	if besides(dir, ".xml") {
		return layout{dir, dir}
	}
	return layout{images: dir}
}

// openSplit reads VOC labels of the photos that a list names, one a line, as
// the files of ImageSets/Main do ("000012", or "000012  1").
func openSplit(images, list string) (*Dataset, error) {
	l := vocLayout(images)
	if l.labels == "" {
		return nil, fmt.Errorf("annotations: %s would be the list of a VOC split, but %s has no Annotations folder", list, images)
	}
	text, err := textFile(list)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	only := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 0 {
			only[f[0]] = true
		}
	}
	if len(only) == 0 {
		return nil, fmt.Errorf("annotations: %s names no photo", list)
	}
	return openVOC(l, only)
}

// openVOC reads PASCAL VOC's labels: for each photo an XML file of the same
// name. Photos without one, and those that are not in only (unless nil), are
// left out. Categories are the names met, in alphabetical order, numbered from
// 1: with VOC's own twenty classes the usual numbers.
//
// VOC counts pixels from 1 and its boxes include their last pixel, so that a
// box covers x from xmin-1 to xmax. An object marked difficult gets Ignore.
func openVOC(l layout, only map[string]bool) (*Dataset, error) {
	d := &Dataset{Format: FormatVOC, Labelled: true}
	photos, err := files(l.images, isPhoto)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	var objects []vocObject
	without := 0
	for _, photo := range photos {
		if only != nil && !only[filepath.ToSlash(stem(photo))] {
			continue
		}
		name := stem(photo) + ".xml"
		text, err := textFile(filepath.Join(l.labels, name))
		if errors.Is(err, os.ErrNotExist) {
			without++
			continue
		}
		if err != nil {
			d.problem("%s: %v", name, err)
			continue
		}
		im := Image{ID: len(d.Images) + 1, File: filepath.ToSlash(photo), Path: filepath.Join(l.images, photo)}
		found, problems, err := parseVOC(bytes.NewReader(text), &im)
		if err != nil {
			d.problem("%s: %v", name, err)
			continue
		}
		for _, p := range problems {
			d.problem("%s: %s", name, p)
		}
		if im.Width == 0 || im.Height == 0 {
			if im.Width, im.Height, err = photoSize(im.Path); err != nil {
				d.problem("%s: %v", im.File, err)
				continue
			}
		}
		d.Images = append(d.Images, im)
		objects = append(objects, found...)
	}
	if len(d.Images) == 0 {
		if len(d.Problems) > 0 {
			return nil, fmt.Errorf("annotations: no usable label in %s (%s)", l.labels, d.Problems[0])
		}
		return nil, fmt.Errorf("annotations: no file in %s is named like a photo in %s", l.labels, l.images)
	}
	if without > 0 {
		d.note("%d photos without a label file are left out", without)
	}
	d.addNamed(objects)
	return d, nil
}

type vocObject struct {
	Object
	name string
}

// addNamed numbers the categories by name and adds the objects.
func (d *Dataset) addNamed(objects []vocObject) {
	ids := make(map[string]int)
	var names []string
	for _, o := range objects {
		if _, ok := ids[o.name]; !ok {
			ids[o.name] = 0
			names = append(names, o.name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		ids[name] = i + 1
		d.Categories = append(d.Categories, Category{i + 1, name})
	}
	for i, o := range objects {
		o.ID, o.Category = i+1, ids[o.name]
		d.Objects = append(d.Objects, o.Object)
	}
}

// parseVOC reads one XML file, fills in the photo's size and returns its
// objects and, a line each, those that are broken.
func parseVOC(r io.Reader, im *Image) (objects []vocObject, problems []string, err error) {
	type side string
	var file struct {
		XMLName xml.Name
		Size    struct {
			Width  side `xml:"width"`
			Height side `xml:"height"`
		} `xml:"size"`
		Objects []struct {
			Name      string `xml:"name"`
			Difficult string `xml:"difficult"`
			Box       *struct {
				X0 side `xml:"xmin"`
				Y0 side `xml:"ymin"`
				X1 side `xml:"xmax"`
				Y1 side `xml:"ymax"`
			} `xml:"bndbox"`
		} `xml:"object"`
	}
	dec := xml.NewDecoder(r)
	// Tags and numbers are ASCII in every encoding that such files declare.
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	if err := dec.Decode(&file); err != nil {
		return nil, nil, fmt.Errorf("broken XML: %w", err)
	}
	if file.XMLName.Local != "annotation" {
		return nil, nil, fmt.Errorf("<%s> where VOC labels have <annotation>", file.XMLName.Local)
	}
	number := func(s side) (float64, bool) {
		v, err := strconv.ParseFloat(strings.TrimSpace(string(s)), 64)
		return v, err == nil && v >= -1e9 && v <= 1e9
	}
	if w, ok := number(file.Size.Width); ok && w > 0 {
		im.Width = int(w)
	}
	if h, ok := number(file.Size.Height); ok && h > 0 {
		im.Height = int(h)
	}
	for i, o := range file.Objects {
		name := strings.TrimSpace(o.Name)
		if name == "" || o.Box == nil {
			problems = append(problems, fmt.Sprintf("object %d has no name or no bndbox", i+1))
			continue
		}
		x0, ok0 := number(o.Box.X0)
		y0, ok1 := number(o.Box.Y0)
		x1, ok2 := number(o.Box.X1)
		y1, ok3 := number(o.Box.Y1)
		// Some tools count from 0: such a box starts at the edge.
		left, top := max(x0-1, 0), max(y0-1, 0)
		switch {
		case !ok0 || !ok1 || !ok2 || !ok3:
			problems = append(problems, fmt.Sprintf("object %d (%.40s): the bndbox is not four numbers", i+1, name))
			continue
		case x1 < max(x0, left) || y1 < max(y0, top):
			problems = append(problems, fmt.Sprintf("object %d (%.40s): a negative box, from %g,%g to %g,%g", i+1, name, x0, y0, x1, y1))
			continue
		}
		out := vocObject{name: name, Object: Object{Image: im.ID, Box: Box{left, top, x1 - left, y1 - top}}}
		out.Area = out.Box.Area()
		switch strings.ToLower(strings.TrimSpace(o.Difficult)) {
		case "1", "true":
			out.Ignore = true
		}
		objects = append(objects, out)
	}
	return objects, problems, nil
}
