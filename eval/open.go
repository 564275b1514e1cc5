package eval

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Open reads a data set and finds out its format, which Dataset.Format names.
//
// annotations may be
//   - a .json file: COCO annotations;
//   - a .yaml or .yml file (Ultralytics' data.yaml) or classes.txt: the class
//     names of YOLO labels, which are looked for beside the photos;
//   - another .txt file: the list of photos of a VOC split (ImageSets/Main);
//   - a folder of .xml (VOC) or .txt (YOLO) labels;
//   - empty: then images tells. A folder with images/ and labels/ (or an
//     images folder with labels beside it, or .txt labels beside the photos) is
//     YOLO; one with JPEGImages/ and Annotations/ (or JPEGImages itself, or .xml
//     labels beside the photos) is VOC; one with _annotations.coco.json,
//     annotations.json or instances*.json is COCO; anything else is a folder of
//     photos without labels.
//
// images may be empty with COCO annotations only: enough to score somebody's
// results file, not to run a detector. Otherwise photos that the annotations
// name and that are not in images are left out and told in Problems, unless
// none is there: that is an error.
func Open(images, annotations string) (*Dataset, error) {
	if images != "" {
		st, err := os.Stat(images)
		if err != nil {
			return nil, fmt.Errorf("images: %w", err)
		}
		if !st.IsDir() {
			return nil, fmt.Errorf("images: %s is not a folder", images)
		}
	}
	if annotations == "" {
		if images == "" {
			return nil, errors.New("neither photos nor annotations are given")
		}
		return openFolder(images)
	}
	st, err := os.Stat(annotations)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	if strings.EqualFold(filepath.Ext(annotations), ".json") && !st.IsDir() {
		return openCOCO(images, annotations)
	}
	if images == "" {
		return nil, fmt.Errorf("annotations: %s is no COCO file, and labels of other formats need the folder of the photos", annotations)
	}
	if st.IsDir() {
		return openLabels(images, annotations)
	}
	switch strings.ToLower(filepath.Ext(annotations)) {
	case ".yaml", ".yml", ".names":
		return openYOLO(yoloLayout(images), annotations)
	case ".txt":
		if filepath.Base(annotations) == "classes.txt" {
			return openYOLO(yoloLayout(images), annotations)
		}
		return openSplit(images, annotations)
	}
	return nil, fmt.Errorf("annotations: %s is of no known kind (COCO .json, YOLO .yaml or classes.txt, a VOC split .txt, or a folder of labels)", annotations)
}

func openCOCO(images, annotations string) (*Dataset, error) {
	f, err := os.Open(annotations)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	defer f.Close()
	d, err := ReadCOCO(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("annotations %s: %w", annotations, err)
	}
	if images == "" {
		return d, nil
	}
	missing := d.Locate(images)
	if len(missing) == len(d.Images) {
		return nil, fmt.Errorf("none of the %d photos of %s is in %s (the first would be %s)", len(missing), annotations, images, missing[0].File)
	}
	var found []Image
	for _, im := range d.Images {
		if im.Path != "" {
			found = append(found, im)
		}
	}
	for _, im := range missing {
		d.problem("image %d: no file %s in %s", im.ID, im.File, images)
	}
	return d.Only(found), nil
}

// openFolder tells the format of a folder by what is in it.
func openFolder(dir string) (*Dataset, error) {
	if l := yoloLayout(dir); l.labels != "" {
		return openYOLO(l, "")
	}
	if l := vocLayout(dir); l.labels != "" {
		return openVOC(l, nil)
	}
	if file := cocoFile(dir); file != "" {
		images := dir
		if isDir(filepath.Join(dir, "images")) {
			images = filepath.Join(dir, "images")
		}
		return openCOCO(images, file)
	}
	return openPhotos(dir)
}

// openLabels tells the format of a folder of labels by what is in it.
func openLabels(images, labels string) (*Dataset, error) {
	ending := func(e string) func(string) bool {
		return func(name string) bool {
			return strings.EqualFold(filepath.Ext(name), e) && name != "classes.txt"
		}
	}
	xml, err := files(labels, ending(".xml"))
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	if len(xml) > 0 {
		return openVOC(layout{images: images, labels: labels}, nil)
	}
	txt, err := files(labels, ending(".txt"))
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	if len(txt) > 0 {
		return openYOLO(layout{images: images, labels: labels}, "")
	}
	return nil, fmt.Errorf("annotations: %s holds neither .xml (VOC) nor .txt (YOLO) labels", labels)
}

// openPhotos is a data set without labels.
func openPhotos(dir string) (*Dataset, error) {
	d := &Dataset{Format: FormatFolder}
	if err := d.addPhotos(dir); err != nil {
		return nil, err
	}
	return d, nil
}

// addPhotos lists the readable photos of a folder, with their sizes, numbered
// from 1 in the order of their names.
func (d *Dataset) addPhotos(dir string) error {
	names, err := files(dir, isPhoto)
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	if len(names) == 0 {
		return fmt.Errorf("images: no photo in %s (looked for %s)", dir, strings.Join(photoEndings, " "))
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		w, h, err := photoSize(path)
		if err != nil {
			d.problem("%s: %v", filepath.ToSlash(name), err)
			continue
		}
		d.Images = append(d.Images, Image{ID: len(d.Images) + 1, File: filepath.ToSlash(name), Width: w, Height: h, Path: path})
	}
	if len(d.Images) == 0 {
		return fmt.Errorf("images: none of the %d photos in %s can be read (%s)", len(names), dir, d.Problems[0])
	}
	return nil
}

// layout is where a data set of files keeps its photos and labels.
type layout struct{ images, labels string }

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// cocoFile is the one COCO annotation file that dir itself holds under a usual
// name, or empty.
func cocoFile(dir string) string {
	for _, pattern := range []string{"_annotations.coco.json", "annotations.json", "instances*.json"} {
		if found, err := filepath.Glob(filepath.Join(globSafe(dir), pattern)); err == nil && len(found) == 1 {
			return found[0]
		}
	}
	return ""
}

// globSafe keeps brackets and stars of a folder's name from being patterns.
func globSafe(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// besides finds labels that lie in the photos' own folder: a file with the
// stem of a photo and the given ending.
func besides(dir, ending string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	have := make(map[string]bool, len(entries))
	for _, e := range entries {
		have[e.Name()] = true
	}
	for _, e := range entries {
		if isPhoto(e.Name()) && have[stem(e.Name())+ending] {
			return true
		}
	}
	return false
}

// textFile reads a label file, which nobody needs to be large.
func textFile(path string) ([]byte, error) {
	const limit = 16 << 20
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%d bytes, which is too much for a label file", st.Size())
	}
	return os.ReadFile(path)
}
