package eval

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.com/riffle/photo"
)

// splitNames are the parts of a data set, the one that is scored unless
// another is asked for first.
var splitNames = []string{"val", "test", "train"}

// splitFolders finds folders that are called like splits in dir.
func splitFolders(dir string) map[string]string {
	out := make(map[string]string)
	for name, split := range map[string]string{"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"} {
		if folder := filepath.Join(dir, name); isDir(folder) && out[split] == "" {
			out[split] = folder
		}
	}
	return out
}

// chooseSplit is the split wanted, or the first there is.
func chooseSplit[T any](want string, have map[string]T, where string) (string, error) {
	if want == "all" {
		return want, nil
	}
	for _, name := range splitNames {
		if _, ok := have[name]; ok && (want == "" || want == name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("--split %s: %s has only %s", want, where, listSplits(have))
}

func listSplits[T any](have map[string]T) string {
	var out []string
	for _, name := range splitNames {
		if _, ok := have[name]; ok {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// noteSplit notes which part of a data set is used.
func noteSplit[T any](d *Dataset, split string, have map[string]T, where string) {
	d.Split = split
	if len(have) > 1 {
		d.Note("split %s of %s is used (there are %s)", split, where, listSplits(have))
	}
}

// yamlFile is what a data.yaml of Ultralytics' or Roboflow's says.
type yamlFile struct {
	path   string
	root   string // "path": the folder that the others are relative to
	splits map[string][]string
	names  []Category
}

// dataYAML is the data.yaml of a data set's folder, or empty.
func dataYAML(dir string) string {
	for _, name := range []string{"data.yaml", "data.yml", "dataset.yaml"} {
		if file := filepath.Join(dir, name); isFile(file) {
			return file
		}
	}
	return ""
}

func readYAML(path string) (*yamlFile, error) {
	text, err := textFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Path  string    `yaml:"path"`
		Train yaml.Node `yaml:"train"`
		Val   yaml.Node `yaml:"val"`
		Valid yaml.Node `yaml:"valid"`
		Test  yaml.Node `yaml:"test"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, oneLine(err)
	}
	y := &yamlFile{path: path, root: file.Path, splits: map[string][]string{}}
	if y.names, err = yamlNames(text); err != nil {
		return nil, err
	}
	if len(y.names) == 0 {
		return nil, errNoNames
	}
	for split, node := range map[string]*yaml.Node{"train": &file.Train, "val": &file.Val, "test": &file.Test} {
		if split == "val" && node.IsZero() {
			node = &file.Valid
		}
		list, err := stringOrList(node)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", split, err)
		}
		if len(list) > 0 {
			y.splits[split] = list
		}
	}
	return y, nil
}

var errNoNames = errors.New("no names in it")

func stringOrList(node *yaml.Node) ([]string, error) {
	switch {
	case node.IsZero() || node.Tag == "!!null":
		return nil, nil
	case node.Kind == yaml.ScalarNode:
		if node.Value == "" {
			return nil, nil
		}
		return []string{node.Value}, nil
	}
	var list []string
	if err := node.Decode(&list); err != nil {
		return nil, errors.New("neither a path nor a list of paths")
	}
	return list, nil
}

// openDataYAML reads the split of a data set that a data.yaml describes. Photos
// given by hand are used as they are where they belong to one split, or where
// the file names none.
func (s Source) openDataYAML(file string) (*Dataset, error) {
	y, err := readYAML(file)
	if err != nil {
		return nil, fmt.Errorf("class names %s: %w", file, err)
	}
	if s.Images != "" && s.Split == "" && y.holds(s.Images) || len(y.splits) == 0 {
		if s.Images == "" {
			return nil, fmt.Errorf("annotations: %s says neither train, val nor test; give the folder of the photos", file)
		}
		return s.openYOLOFolder(s.Images, file)
	}
	split, err := chooseSplit(s.Split, y.splits, file)
	if err != nil {
		return nil, err
	}
	entries := y.splits[split]
	if split == "all" {
		for _, name := range splitNames {
			entries = append(entries, y.splits[name]...)
		}
	}
	var parts []layout
	var listed []photoFile
	missing := Omissions{}
	for _, entry := range entries {
		path := y.find(entry, s.Images)
		switch {
		case path == "" && s.Images != "" && s.Split == "":
			d, err := s.openYOLOFolder(s.Images, file)
			if err == nil {
				d.Note("%s of %s is not there: all photos of %s are used", entry, file, s.Images)
			}
			return d, err
		case path == "":
			return nil, fmt.Errorf("%s: the %s photos, %s, are not there", file, split, entry)
		case isDir(path):
			l := yoloLayout(path)
			if l.labels == "" {
				return nil, noLabels(path)
			}
			parts = append(parts, l)
		default:
			photos, err := readList(path, s.Images, &missing)
			if err != nil {
				return nil, err
			}
			listed = append(listed, photos...)
		}
	}
	d, err := openYOLOParts(parts, listed, file, missing)
	if err != nil {
		return nil, err
	}
	noteSplit(d, split, y.splits, file)
	return d, nil
}

// holds is true of a folder that is, or lies in, one of the splits.
func (y *yamlFile) holds(images string) bool {
	for _, entries := range y.splits {
		for _, entry := range entries {
			path := y.find(entry, "")
			if path == "" || !isDir(path) {
				continue
			}
			if rel, err := filepath.Rel(absolute(path), absolute(images)); err == nil && filepath.IsLocal(rel) {
				return true
			}
			// The split may be named by its folder of photos, or by the one above.
			if absolute(filepath.Dir(path)) == absolute(images) && filepath.Base(path) == "images" {
				return true
			}
		}
	}
	return false
}

func absolute(path string) string {
	if full, err := filepath.EvalSymlinks(path); err == nil {
		path = full
	}
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// find resolves an entry of a split, a folder or a list: below "path", below the
// file's own folder, and there also without the "../" that Roboflow writes and
// Ultralytics passes over. Empty if there is no such thing.
func (y *yamlFile) find(entry, images string) string {
	entry = filepath.FromSlash(strings.ReplaceAll(entry, `\`, "/"))
	if filepath.IsAbs(entry) && exists(entry) {
		return entry
	}
	dir := filepath.Dir(y.path)
	inside := entry
	for strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		inside = inside[3:]
	}
	roots := []string{filepath.Join(dir, y.root), dir}
	if filepath.IsAbs(y.root) {
		roots[0] = y.root
	}
	if images != "" {
		roots = append(roots, images)
	}
	for _, root := range roots {
		for _, e := range []string{entry, inside} {
			if path := filepath.Join(root, e); exists(path) {
				return path
			}
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// openList reads the photos that a list names, one a line. Names without an
// extension are those of a VOC split, as the files of ImageSets/Main have them
// ("000012", or "000012  1"), if there are VOC labels; anything else is a list of
// photos with YOLO labels.
func (s Source) openList(list string) (*Dataset, error) {
	text, err := textFile(list)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	lines := listLines(text)
	if len(lines) == 0 {
		return nil, fmt.Errorf("annotations: %s names no photo", list)
	}
	if s.Images != "" {
		l := vocLayout(s.Images)
		if l.labels != "" && (!isPhoto(filepath.Base(lines[0])) || yoloLayout(s.Images).labels == "") {
			only := make(map[string]bool)
			for _, line := range lines {
				if isPhoto(filepath.Base(line)) {
					line = stem(filepath.Base(line))
				}
				only[strings.Fields(line)[0]] = true
			}
			return s.openVOC(l, only)
		}
		if !isPhoto(filepath.Base(lines[0])) && yoloLayout(s.Images).labels == "" {
			return nil, fmt.Errorf("annotations: %s would be the list of a VOC split, but %s has no Annotations folder", list, s.Images)
		}
	}
	missing := Omissions{}
	photos, err := readList(list, s.Images, &missing)
	if err != nil {
		return nil, err
	}
	return openYOLOParts(nil, photos, "", missing)
}

// listLines are the lines of a list that are not empty.
func listLines(text []byte) []string {
	var out []string
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, strings.ReplaceAll(line, `\`, "/"))
		}
	}
	return out
}

// readList finds the photos that a list names: as paths, relative to the list,
// or in the folder of the photos. Those that are not there are counted.
func readList(list, images string, missing *Omissions) ([]photoFile, error) {
	text, err := textFile(list)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	var out []photoFile
	seen := make(map[string]bool)
	for _, line := range listLines(text) {
		path := findListed(line, filepath.Dir(list), images)
		switch {
		case path == "":
			missing.Add("photos", leftMissing, "%s", line)
		case seen[path]:
			missing.Add("photos", "that the list names twice", "%s", line)
		default:
			seen[path] = true
			out = append(out, photoFile{path: path, label: labelPath(path)})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("annotations: no photo of %s is there: %s", list, strings.Join(missing.Lines(), "; "))
	}
	return out, nil
}

func findListed(line, dir, images string) string {
	name := filepath.FromSlash(line)
	var tries []string
	if filepath.IsAbs(name) {
		tries = append(tries, name)
	} else {
		tries = append(tries, filepath.Join(dir, name))
	}
	roots := []string{dir}
	if images != "" {
		roots = append(roots, images)
	}
	// The list may come from another machine: its last folders are tried in ours.
	parts := strings.Split(strings.Trim(line, "/"), "/")
	for i := range parts {
		for _, root := range roots {
			tries = append(tries, filepath.Join(root, filepath.FromSlash(strings.Join(parts[i:], "/"))))
		}
	}
	for _, try := range tries {
		if isPhoto(filepath.Base(try)) {
			if isFile(try) {
				return try
			}
			continue
		}
		for _, extension := range photo.Extensions {
			if isFile(try + extension) {
				return try + extension
			}
		}
	}
	return ""
}

// labelPath is the YOLO label of a photo: in the folder labels beside images, or
// beside the photo.
func labelPath(photo string) string {
	if full, err := filepath.Abs(photo); err == nil {
		photo = full
	}
	beside := stem(photo) + ".txt"
	if other := otherFolder(stem(photo) + ".txt"); other != "" && (isFile(other) || !isFile(beside)) {
		return other
	}
	return beside
}

// otherFolder replaces the last folder images of a path by labels; empty where
// there is none.
func otherFolder(path string) string {
	parts := strings.Split(filepath.ToSlash(path), "/")
	for i := len(parts) - 1; i > 0; i-- {
		if parts[i] == "images" {
			parts[i] = "labels"
			return filepath.FromSlash(strings.Join(parts, "/"))
		}
	}
	return ""
}
