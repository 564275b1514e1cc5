package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
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

// openYOLO reads labels of the YOLO kind: for each photo a text file of the
// same name with a line an object, "class x y w h", the box's centre and size
// as shares of the photo's, or "class x1 y1 x2 y2 x3 y3 ..." for a polygon. A
// photo without a file has no objects. Category ids are YOLO's class numbers
// (from 0); names come from namesFile, or else from data.yaml, another .yaml
// with names, or classes.txt near the photos or the labels.
func openYOLO(l layout, namesFile string) (*Dataset, error) {
	if l.labels == "" {
		return nil, fmt.Errorf("annotations: no YOLO labels for the photos of %s (looked for a folder labels beside images, and for .txt files beside the photos)", l.images)
	}
	d := &Dataset{Format: FormatYOLO, Labelled: true}
	if namesFile == "" {
		namesFile = findNames(l)
	}
	if namesFile != "" {
		names, err := readNames(namesFile)
		if err != nil {
			return nil, fmt.Errorf("class names %s: %w", namesFile, err)
		}
		d.Categories = names
	} else {
		d.note("no class names (data.yaml or classes.txt): the classes are called by their numbers")
	}
	if err := d.addPhotos(l.images); err != nil {
		return nil, err
	}
	y := yoloReader{d: d, known: map[int]bool{}, open: namesFile == ""}
	for _, c := range d.Categories {
		y.known[c.ID] = true
	}
	found := 0
	for _, im := range d.Images {
		path := filepath.Join(l.labels, filepath.FromSlash(stem(im.File))+".txt")
		text, err := textFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found++
		if err != nil {
			d.problem("%s: %v", path, err)
			continue
		}
		y.parse(im, stem(im.File)+".txt", string(text))
	}
	if found == 0 {
		return nil, fmt.Errorf("annotations: no file in %s is named like a photo in %s", l.labels, l.images)
	}
	d.sortByID()
	return d, nil
}

type yoloReader struct {
	d     *Dataset
	known map[int]bool
	open  bool // classes without a name are taken as they come
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
		class, box, err := yoloLine(fields)
		if err == nil && !y.known[class] {
			if y.open {
				y.known[class] = true
				y.d.Categories = append(y.d.Categories, Category{class, "class " + strconv.Itoa(class)})
			} else {
				err = fmt.Errorf("class %d has no name", class)
			}
		}
		key := strings.Join(fields, " ")
		if err == nil && seen[key] {
			err = errors.New("repeats an earlier line")
		}
		if err != nil {
			y.d.problem("%s, line %d: %v", name, n, err)
			continue
		}
		seen[key] = true
		w, h := float64(im.Width), float64(im.Height)
		o := Object{ID: len(y.d.Objects) + 1, Image: im.ID, Category: class, Box: Box{box.X * w, box.Y * h, box.W * w, box.H * h}}
		o.Area = o.Box.Area()
		y.d.Objects = append(y.d.Objects, o)
	}
}

// yoloLine reads one label; the box is in shares of the photo.
func yoloLine(fields []string) (class int, box Box, err error) {
	v := make([]float64, len(fields))
	for i, f := range fields {
		if v[i], err = strconv.ParseFloat(f, 64); err != nil {
			return 0, box, fmt.Errorf("%.20q is not a number", f)
		}
	}
	if v[0] != math.Trunc(v[0]) || v[0] < 0 || v[0] > math.MaxInt32 {
		return 0, box, fmt.Errorf("%.20s is not a class number", fields[0])
	}
	if len(v) != 5 && (len(v) < 7 || len(v)%2 == 0) {
		return 0, box, fmt.Errorf("%d numbers where a box has 5 and a polygon an odd number from 7", len(v))
	}
	for i, share := range v[1:] {
		const slack = 0.01 // rounding at the photo's edge
		if !(share >= -slack && share <= 1+slack) {
			return 0, box, fmt.Errorf("%.20s is not a share of the photo from 0 to 1", fields[i+1])
		}
	}
	if len(v) == 5 {
		box = Box{v[1] - v[3]/2, v[2] - v[4]/2, v[3], v[4]}
	} else {
		x0, y0, x1, y1 := v[1], v[2], v[1], v[2]
		for i := 3; i < len(v); i += 2 {
			x0, x1 = min(x0, v[i]), max(x1, v[i])
			y0, y1 = min(y0, v[i+1]), max(y1, v[i+1])
		}
		box = Box{x0, y0, x1 - x0, y1 - y0}
	}
	if box.W <= 0 || box.H <= 0 {
		return 0, box, errors.New("an empty box")
	}
	return int(v[0]), box, nil
}

// findNames looks for class names near the photos and labels, the nearest
// first.
func findNames(l layout) string {
	dirs := append(upward(l.labels, "labels"), upward(l.images, "images")...)
	for _, dir := range dirs {
		for _, name := range []string{"data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names"} {
			if st, err := os.Stat(filepath.Join(dir, name)); err == nil && st.Mode().IsRegular() {
				return filepath.Join(dir, name)
			}
		}
	}
	return ""
}

// upward lists dir and the folders above it, up to the one that holds the
// folder of the given name, or just the next one where there is no such name.
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
			return out
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
				out = append(out, Category{i, name})
			}
		}
	}
	if err == nil && len(out) == 0 {
		err = errors.New("no names in it")
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
			out = append(out, Category{i, name})
		}
	case yaml.MappingNode:
		var byNumber map[int]string
		if err := file.Names.Decode(&byNumber); err != nil {
			return nil, oneLine(err)
		}
		for i, name := range byNumber {
			out = append(out, Category{i, name})
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
