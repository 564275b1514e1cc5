package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
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

// VOCBase is what pixel coordinates count from.
type VOCBase int

// What the coordinates of VOC XML count from. PASCAL VOC's own count from 1 and
// include the box's last pixel, so that a box covers x from xmin-1 to xmax. CVAT
// and others write XML of the same form with coordinates from 0, in which a box
// covers x from xmin to xmax.
const (
	VOCBaseAuto VOCBase = iota // told by what the files hold
	VOCBaseOne
	VOCBaseZero
)

// vocEvidence is what the XML files of a data set say about their coordinates.
type vocEvidence struct {
	official          bool // <database> names PASCAL VOC
	zeros             int  // boxes that begin below 1
	fractions, values int  // coordinates written with a decimal point, and all
}

// base decides for a whole data set; why says by what.
func (e vocEvidence) base() (base VOCBase, why string) {
	switch {
	case e.official:
		return VOCBaseOne, ""
	case e.zeros > 0:
		return VOCBaseZero, fmt.Sprintf("%d boxes begin at 0", e.zeros)
	case 2*e.fractions > e.values:
		return VOCBaseZero, "they have decimals"
	}
	return VOCBaseOne, "as PASCAL VOC's"
}

// openVOC reads PASCAL VOC's labels: for each photo an XML file of the same
// name. Photos without one are left out, as are those that are not in only
// (unless nil). Categories are the names met, in alphabetical order, numbered
// from 1: with VOC's own twenty classes the usual numbers. An object marked
// difficult gets Ignore.
func (s Source) openVOC(l layout, only map[string]bool) (*Dataset, error) {
	d := &Dataset{Format: FormatVOC, Labeled: true}
	names, err := files(l.images, isPhoto)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	var photos []photoFile
	listed := make(map[string]bool)
	for _, name := range names {
		id := filepath.ToSlash(stem(name))
		if only == nil || only[id] {
			listed[id] = true
			photos = append(photos, photoFile{filepath.Join(l.images, name), filepath.Join(l.labels, stem(name)+".xml")})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(only)) {
		if !listed[id] {
			d.LeftOut.Add("photos", leftMissing, "%s", id)
		}
	}
	v := vocReader{d: d, images: l.images}
	for _, p := range photos {
		v.read(p)
	}
	if len(d.Images) == 0 {
		if len(d.LeftOut) > 0 {
			return nil, fmt.Errorf("annotations: no usable label in %s: %s", l.labels, strings.Join(d.LeftOut.Lines(), "; "))
		}
		return nil, fmt.Errorf("annotations: no file in %s is named like a photo in %s", l.labels, l.images)
	}
	d.numberPhotos()
	if only == nil {
		if err := d.countLabelsWithoutPhoto(l, photos, hasExtension(".xml")); err != nil {
			return nil, err
		}
	}
	v.finish(s.VOCBase)
	if v.listed > 0 && len(d.Objects) == 0 {
		return nil, fmt.Errorf("annotations: no object can be used: %s", strings.Join(d.LeftOut.Lines(), "; "))
	}
	d.sortByID()
	return d, nil
}

// vocReader gathers the objects of a data set; where their coordinates count
// from is known when all have been read.
type vocReader struct {
	d        *Dataset
	images   string
	evidence vocEvidence
	objects  []vocObject
	listed   int // objects in the files, usable or not
}

// vocObject is an object as it is written.
type vocObject struct {
	name           string
	place          string // file and number, to name it by
	image          int    // index into the data set's images
	x0, y0, x1, y1 float64
	difficult      bool
}

// read adds one photo with its objects.
func (v *vocReader) read(p photoFile) {
	name := filepath.Base(p.label)
	text, err := textFile(p.label)
	if errors.Is(err, os.ErrNotExist) {
		v.d.LeftOut.Add("photos", "without a label file", "%s", shownName(v.images, p.path))
		return
	}
	var file *vocFile
	if err == nil {
		file, err = parseVOC(bytes.NewReader(text))
	}
	if err != nil {
		v.d.LeftOut.Add("label files", LeftUnreadable, "%s: %v", name, err)
		return
	}
	im := Image{File: shownName(v.images, p.path), Path: p.path, Width: file.width, Height: file.height}
	if im.Width == 0 || im.Height == 0 {
		if im.Width, im.Height, err = photoSize(im.Path); err != nil {
			v.d.LeftOut.Add("photos", LeftUnreadable, "%s: %v", im.File, err)
			return
		}
	}
	for i := range file.objects {
		v.take(name, i, &file.objects[i])
	}
	v.evidence.official = v.evidence.official || file.official
	v.d.Images = append(v.d.Images, im)
}

func (v *vocReader) take(file string, i int, o *vocElement) {
	v.listed++
	out := vocObject{
		name: strings.TrimSpace(o.Name), place: fmt.Sprintf("%s, object %d", file, i+1),
		image: len(v.d.Images), difficult: isTrue(o.Difficult),
	}
	if out.name == "" || o.Box == nil {
		v.d.LeftOut.Add("objects", "without a name or a bndbox", "%s", out.place)
		return
	}
	for _, c := range []struct {
		text string
		to   *float64
	}{{o.Box.X0, &out.x0}, {o.Box.Y0, &out.y0}, {o.Box.X1, &out.x1}, {o.Box.Y1, &out.y1}} {
		var ok bool
		if *c.to, ok = vocNumber(c.text); !ok {
			v.d.LeftOut.Add("objects", "whose bndbox is not four numbers", "%s", out.place)
			return
		}
		v.evidence.values++
		if strings.Contains(c.text, ".") {
			v.evidence.fractions++
		}
	}
	if min(out.x0, out.y0) < 1 && min(out.x0, out.y0) >= 0 {
		v.evidence.zeros++
	}
	v.objects = append(v.objects, out)
}

// finish turns coordinates into boxes and numbers the categories by name.
func (v *vocReader) finish(base VOCBase) {
	if base == VOCBaseAuto {
		var why string
		base, why = v.evidence.base()
		if why != "" && len(v.objects) > 0 {
			from := map[VOCBase]string{VOCBaseOne: "1", VOCBaseZero: "0"}[base]
			v.d.Note("pixel coordinates are taken as counted from %s (%s); --voc-base says otherwise", from, why)
		}
	}
	first := 0.0 // the coordinate of the photo's edge
	if base == VOCBaseOne {
		first = 1
	}
	var objects []Object
	var names []string
	for _, o := range v.objects {
		left, top := max(o.x0-first, 0), max(o.y0-first, 0)
		if o.x1 < max(o.x0, left) || o.y1 < max(o.y0, top) {
			v.d.LeftOut.Add("objects", "with a negative box", "%s, from %g,%g to %g,%g", o.place, o.x0, o.y0, o.x1, o.y1)
			continue
		}
		box := Box{left, top, o.x1 - left, o.y1 - top}
		objects = append(objects, Object{Image: v.d.Images[o.image].ID, Box: box, Area: box.Area(), Ignore: o.difficult})
		names = append(names, o.name)
	}
	v.d.addNamed(objects, names)
}

// addNamed numbers the categories by name and adds the objects.
func (d *Dataset) addNamed(objects []Object, names []string) {
	ids := make(map[string]int)
	for i, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		ids[name] = i + 1
		d.Categories = append(d.Categories, Category{ID: i + 1, Name: name})
	}
	for i, o := range objects {
		o.ID, o.Category = i+1, ids[names[i]]
		d.Objects = append(d.Objects, o)
	}
}

// vocElement is an <object>.
type vocElement struct {
	Name      string `xml:"name"`
	Difficult string `xml:"difficult"`
	Box       *struct {
		X0 string `xml:"xmin"`
		Y0 string `xml:"ymin"`
		X1 string `xml:"xmax"`
		Y1 string `xml:"ymax"`
	} `xml:"bndbox"`
}

// vocFile is an <annotation>.
type vocFile struct {
	width, height int  // 0 where the file does not say
	official      bool // of PASCAL VOC itself
	objects       []vocElement
}

var officialVOC = regexp.MustCompile(`(?i)VOC ?20\d\d`)

// parseVOC reads one XML file.
func parseVOC(r io.Reader) (*vocFile, error) {
	var file struct {
		XMLName  xml.Name
		Database string `xml:"source>database"`
		Size     struct {
			Width  string `xml:"width"`
			Height string `xml:"height"`
		} `xml:"size"`
		Objects []vocElement `xml:"object"`
	}
	dec := xml.NewDecoder(r)
	// Tags and numbers are ASCII in every encoding that such files declare.
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("broken XML: %w", err)
	}
	if file.XMLName.Local != "annotation" {
		return nil, fmt.Errorf("<%s> where VOC labels have <annotation>", file.XMLName.Local)
	}
	out := &vocFile{objects: file.Objects, official: officialVOC.MatchString(file.Database)}
	if w, ok := vocNumber(file.Size.Width); ok && w > 0 {
		out.width = int(w)
	}
	if h, ok := vocNumber(file.Size.Height); ok && h > 0 {
		out.height = int(h)
	}
	return out, nil
}

func vocNumber(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return v, err == nil && v >= -1e9 && v <= 1e9
}

func isTrue(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "true":
		return true
	}
	return false
}
