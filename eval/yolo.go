package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yoloLayout looks for the labels that belong to the photos of dir; labels is
// empty where there are none.
func yoloLayout(dir string) layout {
	if images, labels := filepath.Join(dir, "images"), filepath.Join(dir, "labels"); isDir(images) && isDir(labels) {
		return layout{images, labels}
	}
	// .../images/val has its labels in .../labels/val. The name may stand
	// anywhere in the path, so links and relative paths are resolved first.
	if full, err := filepath.Abs(dir); err == nil {
		parts := strings.Split(filepath.ToSlash(full), "/")
		for i := len(parts) - 1; i > 0; i-- {
			if parts[i] != "images" {
				continue
			}
			parts[i] = "labels"
			if labels := filepath.FromSlash(strings.Join(parts, "/")); isDir(labels) {
				return layout{dir, labels}
			}
			break
		}
	}
	if besides(dir, ".txt") {
		return layout{dir, dir}
	}
	return layout{images: dir}
}

func noLabels(images string) error {
	return fmt.Errorf("annotations: no YOLO labels for the photos of %s (looked for a folder labels beside images, and for .txt files beside the photos)", images)
}

// openYOLOFolder reads the photos of a folder, or of the split of it that is
// wanted where it has folders of such names.
func (s Source) openYOLOFolder(dir, namesFile string) (*Dataset, error) {
	l := yoloLayout(dir)
	if l.labels == "" {
		if d, err := s.openSplitFolders(dir); d != nil || err != nil {
			return d, err
		}
		return nil, noLabels(dir)
	}
	folders := splitFolders(l.images)
	for split, folder := range folders {
		if !isDir(filepath.Join(l.labels, filepath.Base(folder))) || l.labels == l.images {
			delete(folders, split)
		}
	}
	if len(folders) == 0 {
		return openYOLO([]layout{l}, namesFile)
	}
	split, err := chooseSplit(s.Split, folders, l.images)
	if err != nil {
		return nil, err
	}
	if folder, ok := folders[split]; ok {
		l = layout{folder, filepath.Join(l.labels, filepath.Base(folder))}
	}
	d, err := openYOLO([]layout{l}, namesFile)
	if err == nil {
		noteSplit(d, split, folders, dir)
	}
	return d, err
}

// openYOLO reads labels of the YOLO kind: for each photo a text file of the
// same name with a line an object, "class x y w h", the box's centre and size
// as shares of the photo's, or "class x1 y1 x2 y2 x3 y3 ..." for a polygon. A
// photo without a file has no objects. Category ids are YOLO's class numbers
// (from 0); names come from namesFile, or else from data.yaml, another .yaml
// with names, or classes.txt near the photos or the labels.
func openYOLO(parts []layout, namesFile string) (*Dataset, error) {
	return openYOLOParts(parts, nil, namesFile, nil)
}

// openYOLOParts reads the photos of folders and of lists.
func openYOLOParts(parts []layout, listed []photoFile, namesFile string, left Omissions) (*Dataset, error) {
	d := &Dataset{Format: FormatYOLO, Labeled: true, LeftOut: left}
	photos := listed
	for _, l := range parts {
		own, err := l.photos()
		if err != nil {
			return nil, err
		}
		photos = append(photos, own...)
	}
	near := layout{filepath.Dir(photos[0].path), filepath.Dir(photos[0].label)}
	if len(parts) > 0 {
		near = parts[0]
	}
	if err := d.addNames(namesFile, near); err != nil {
		return nil, err
	}
	base := near.images
	if len(parts) != 1 || len(listed) > 0 {
		base = commonFolder(photos)
	}
	if err := d.addPhotos(base, photos); err != nil {
		return nil, err
	}
	if err := d.addYOLOLabels(photos, near.labels); err != nil {
		return nil, err
	}
	for _, l := range parts {
		if err := d.countLabelsWithoutPhoto(l, photos, isYOLOLabel); err != nil {
			return nil, err
		}
	}
	d.sortByID()
	return d, nil
}

// photos lists the photos of a layout with their YOLO labels.
func (l layout) photos() ([]photoFile, error) {
	photos, err := listPhotos(l.images)
	for i := range photos {
		rel, relErr := filepath.Rel(l.images, photos[i].path)
		if relErr != nil {
			return nil, relErr
		}
		photos[i].label = filepath.Join(l.labels, stem(rel)+".txt")
	}
	return photos, err
}

// commonFolder is the folder that all photos lie below.
func commonFolder(photos []photoFile) string {
	dir := filepath.Dir(photos[0].path)
	for _, p := range photos {
		for {
			if rel, err := filepath.Rel(dir, p.path); err == nil && filepath.IsLocal(rel) || dir == filepath.Dir(dir) {
				break
			}
			dir = filepath.Dir(dir)
		}
	}
	return dir
}

func (d *Dataset) addNames(file string, near layout) error {
	if file == "" {
		file = findNames(near)
	}
	if file == "" {
		d.Note("no class names (data.yaml or classes.txt): the classes are called by their numbers")
		return nil
	}
	names, err := readNames(file)
	if err != nil {
		return fmt.Errorf("class names %s: %w", file, err)
	}
	d.Categories = names
	return nil
}

// addYOLOLabels reads the label files of the photos that could be read.
func (d *Dataset) addYOLOLabels(photos []photoFile, where string) error {
	y := yoloReader{d: d, known: map[int]bool{}, open: len(d.Categories) == 0}
	for _, c := range d.Categories {
		y.known[c.ID] = true
	}
	labels := make(map[string]string, len(photos))
	for _, p := range photos {
		labels[p.path] = p.label
	}
	found := 0
	for _, im := range d.Images {
		path := labels[im.Path]
		text, err := textFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found++
		if err != nil {
			d.LeftOut.Add("label files", LeftUnreadable, "%s: %v", path, err)
			continue
		}
		y.parse(im, stem(im.File)+".txt", string(text))
	}
	if found == 0 {
		return fmt.Errorf("annotations: no file in %s is named like a photo of the %d there are", where, len(photos))
	}
	if y.lines > 0 && len(d.Objects) == 0 {
		return fmt.Errorf("annotations: no label can be used: %s", strings.Join(d.LeftOut.Lines(), "; "))
	}
	return nil
}

// isYOLOLabel tells label files from the others that lie beside them.
func isYOLOLabel(name string) bool {
	return strings.EqualFold(filepath.Ext(name), ".txt") && name != "classes.txt" && !strings.HasPrefix(strings.ToUpper(name), "README")
}

// countLabelsWithoutPhoto counts label files that no photo has the name of:
// their objects are missing from the truth.
func (d *Dataset) countLabelsWithoutPhoto(l layout, photos []photoFile, isLabel func(string) bool) error {
	names, err := files(l.labels, isLabel)
	if err != nil {
		return fmt.Errorf("annotations: %w", err)
	}
	of := make(map[string]bool, len(photos))
	for _, p := range photos {
		of[absolute(stem(p.label))] = true
	}
	for _, name := range names {
		if !of[absolute(stem(filepath.Join(l.labels, name)))] {
			d.LeftOut.Add("label files", "without a photo", "%s", filepath.ToSlash(name))
		}
	}
	return nil
}

type yoloReader struct {
	d     *Dataset
	known map[int]bool
	open  bool // classes without a name are taken as they come
	lines int  // lines with a label, usable or not
}

func (y *yoloReader) parse(im Image, name, text string) {
	seen := make(map[string]bool)
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		y.lines++
		class, box, about := yoloLine(fields)
		reason := about.reason
		if reason == "" && !y.known[class] {
			if y.open {
				y.known[class] = true
				y.d.Categories = append(y.d.Categories, Category{ID: class, Name: "class " + strconv.Itoa(class)})
			} else {
				reason, about.detail = "of a class without a name", "class "+strconv.Itoa(class)
			}
		}
		key := strings.Join(fields, " ")
		if reason == "" && seen[key] {
			reason = "that repeat an earlier line"
		}
		if reason != "" {
			where := fmt.Sprintf("%s, line %d", name, n)
			if about.detail != "" {
				where += ", " + about.detail
			}
			y.d.LeftOut.Add("labels", reason, "%s", where)
			continue
		}
		seen[key] = true
		w, h := float64(im.Width), float64(im.Height)
		o := Object{ID: len(y.d.Objects) + 1, Image: im.ID, Category: class, Box: Box{box.X * w, box.Y * h, box.W * w, box.H * h}}
		o.Area = o.Box.Area()
		y.d.Objects = append(y.d.Objects, o)
	}
}

// fault is why a label cannot be used; the zero value means that it can.
type fault struct{ reason, detail string }

// yoloLine reads one label; the box is in shares of the photo.
func yoloLine(fields []string) (class int, box Box, bad fault) {
	v := make([]float64, len(fields))
	for i, f := range fields {
		var err error
		if v[i], err = strconv.ParseFloat(f, 64); err != nil {
			return 0, box, fault{"with something that is not a number", fmt.Sprintf("%.20q", f)}
		}
	}
	if v[0] != math.Trunc(v[0]) || v[0] < 0 || v[0] > math.MaxInt32 {
		return 0, box, fault{"without a class number", fmt.Sprintf("%.20s", fields[0])}
	}
	if len(v) != 5 && (len(v) < 7 || len(v)%2 == 0) {
		return 0, box, fault{"with a wrong count of numbers (5 for a box, an odd number from 7 for a polygon)", fmt.Sprintf("%d numbers", len(v))}
	}
	for i, share := range v[1:] {
		const slack = 0.01 // rounding at the photo's edge
		if !(share >= -slack && share <= 1+slack) {
			return 0, box, fault{"outside the photo (coordinates are shares of it from 0 to 1)", fmt.Sprintf("%.20s", fields[i+1])}
		}
	}
	if len(v) == 5 {
		box = Box{v[1] - v[3]/2, v[2] - v[4]/2, v[3], v[4]}
	} else {
		box = around(v[1:])
	}
	if box.W <= 0 || box.H <= 0 {
		return 0, box, fault{reason: "with an empty box"}
	}
	return int(v[0]), box, fault{}
}

// findNames looks for class names near the photos and labels, the nearest
// first.
func findNames(l layout) string {
	dirs := append(upward(l.labels, "labels"), upward(l.images, "images")...)
	for _, dir := range dirs {
		if file := dataYAML(dir); file != "" {
			return file
		}
		for _, name := range []string{"classes.txt", "obj.names"} {
			if file := filepath.Join(dir, name); isFile(file) {
				return file
			}
		}
	}
	return ""
}

// upward lists dir and the folders above it: up to the second above the folder
// of the given name (a split's folder may come between, as in Roboflow's
// exports), or just the next one where there is no such name.
func upward(dir, name string) []string {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	out := []string{full}
	for up := full; up != filepath.Dir(up); {
		found := filepath.Base(up) == name
		up = filepath.Dir(up)
		out = append(out, up)
		if found {
			return append(out, filepath.Dir(up))
		}
	}
	return out[:min(2, len(out))]
}

// readNames reads class names: "names" of a .yaml, a list or a mapping from
// numbers, or else a text file with a name a line.
func readNames(path string) ([]Category, error) {
	text, err := textFile(path)
	if err != nil {
		return nil, err
	}
	var out []Category
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		out, err = yamlNames(text)
	default:
		lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
		for i, line := range lines {
			// An empty line in between is a class without a name: dropping it
			// would shift all that follow.
			if name := strings.TrimSpace(line); name != "" {
				out = append(out, Category{ID: i, Name: name})
			}
		}
	}
	if err == nil && len(out) == 0 {
		err = errNoNames
	}
	return out, err
}

func yamlNames(text []byte) ([]Category, error) {
	var file struct {
		Names yaml.Node `yaml:"names"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, oneLine(err)
	}
	var out []Category
	switch file.Names.Kind {
	case yaml.SequenceNode:
		var list []string
		if err := file.Names.Decode(&list); err != nil {
			return nil, oneLine(err)
		}
		for i, name := range list {
			out = append(out, Category{ID: i, Name: name})
		}
	case yaml.MappingNode:
		var byNumber map[int]string
		if err := file.Names.Decode(&byNumber); err != nil {
			return nil, oneLine(err)
		}
		for i, name := range byNumber {
			out = append(out, Category{ID: i, Name: name})
		}
	default:
		return nil, errors.New(`no list or mapping "names"`)
	}
	return out, nil
}

// oneLine folds the YAML package's errors, which may span lines.
func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
