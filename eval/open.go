package eval

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Source says where a data set is and which part of it is meant.
type Source struct {
	// Images is the folder of the photos, or of the whole data set. It may be
	// empty with COCO annotations (enough to score somebody's results file, not
	// to run a detector) and with a data.yaml or a list that says where photos are.
	Images string
	// Annotations may be
	//   - a .json file: COCO annotations;
	//   - a .yaml or .yml file (Ultralytics' data.yaml): class names of YOLO
	//     labels and, under train, val and test, where the photos are;
	//   - classes.txt or a .names file: class names alone;
	//   - another .txt file: a list of photos, one a line. Paths of photos are a
	//     YOLO list, names without extension a VOC split (ImageSets/Main);
	//   - a folder of .xml (VOC) or .txt (YOLO) labels;
	//   - empty: then Images tells. A folder with images/ and labels/ (or an
	//     images folder with labels beside it, or .txt labels beside the photos)
	//     is YOLO; one with JPEGImages/ and Annotations/ (or JPEGImages itself, or
	//     .xml labels beside the photos) is VOC; one with _annotations.coco.json,
	//     annotations.json or instances*.json is COCO; anything else is a folder
	//     of photos without labels.
	Annotations string
	// Split is "train", "val" or "test" where the data set has such parts, as
	// entries of data.yaml or as folders, or "all". Empty means the first there
	// is of val, test and train.
	Split string
	// VOCBase says what the pixel coordinates of VOC XML count from.
	VOCBase VOCBase
}

// Open reads a data set as Source.Open does.
func Open(images, annotations string) (*Dataset, error) {
	return Source{Images: images, Annotations: annotations}.Open()
}

// Open reads the data set and finds out its format, which Dataset.Format names.
// What cannot be used (photos that are not there or cannot be read, labels that
// are broken or have no photo) is counted in Dataset.LeftOut; it is an error
// where nothing is left.
func (s Source) Open() (*Dataset, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	d, err := s.open()
	if err != nil {
		return nil, err
	}
	if s.Split != "" && d.Split == "" {
		return nil, fmt.Errorf("--split %s: the data set has no such parts", s.Split)
	}
	return d, nil
}

func (s Source) check() error {
	switch s.Split {
	case "", "train", "val", "test", "all":
	default:
		return fmt.Errorf("split %q is not one of train, val, test and all", s.Split)
	}
	if s.Images == "" {
		if s.Annotations == "" {
			return errors.New("neither photos nor annotations are given")
		}
		return nil
	}
	st, err := os.Stat(s.Images)
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("images: %s is not a folder", s.Images)
	}
	return nil
}

func (s Source) open() (*Dataset, error) {
	if s.Annotations == "" {
		return s.openFolder(s.Images)
	}
	st, err := os.Stat(s.Annotations)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	extension := strings.ToLower(filepath.Ext(s.Annotations))
	switch {
	case extension == ".json" && !st.IsDir():
		return openCOCO(s.Images, s.Annotations)
	case (extension == ".yaml" || extension == ".yml") && !st.IsDir():
		return s.openDataYAML(s.Annotations)
	case extension == ".txt" && !st.IsDir() && filepath.Base(s.Annotations) != "classes.txt":
		return s.openList(s.Annotations)
	case s.Images == "":
		return nil, fmt.Errorf("annotations: %s is not a COCO file, and labels of other formats need the folder of the photos", s.Annotations)
	case st.IsDir():
		return s.openLabels()
	case extension == ".txt" || extension == ".names":
		return s.openYOLOFolder(s.Images, s.Annotations)
	}
	return nil, fmt.Errorf("annotations: %s is of no known kind (COCO .json, YOLO .yaml or classes.txt, a list of photos .txt, or a folder of labels)", s.Annotations)
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
		d.LeftOut.Add("photos", leftMissing, "%s", im.File)
	}
	return d.Only(found), nil
}

// LeftUnreadable is the reason of an [Omission] for photos and label files that
// cannot be read, whoever tried.
const LeftUnreadable = "that cannot be read"

const leftMissing = "that are not there"

// openFolder tells the format of a folder by what is in it.
func (s Source) openFolder(dir string) (*Dataset, error) {
	if file := dataYAML(dir); file != "" {
		if y, err := readYAML(file); err == nil && len(y.splits) > 0 {
			return s.openDataYAML(file)
		}
	}
	if l := yoloLayout(dir); l.labels != "" {
		return s.openYOLOFolder(dir, "")
	}
	if l := vocLayout(dir); l.labels != "" {
		return s.openVOC(l, nil)
	}
	if file := cocoFile(dir); file != "" {
		images := dir
		if isDir(filepath.Join(dir, "images")) {
			images = filepath.Join(dir, "images")
		}
		return openCOCO(images, file)
	}
	if d, err := s.openSplitFolders(dir); d != nil || err != nil {
		return d, err
	}
	return openPhotos(dir)
}

// openSplitFolders reads a folder that holds a data set for each split, as
// Roboflow's exports do (train, valid, test); nil if it is none.
func (s Source) openSplitFolders(dir string) (*Dataset, error) {
	folders := splitFolders(dir)
	for split, folder := range folders {
		if yoloLayout(folder).labels == "" && vocLayout(folder).labels == "" && cocoFile(folder) == "" {
			delete(folders, split)
		}
	}
	if len(folders) == 0 {
		return nil, nil
	}
	split, err := chooseSplit(s.Split, folders, dir)
	if err != nil {
		return nil, err
	}
	if split != "all" {
		d, err := Source{VOCBase: s.VOCBase}.openFolder(folders[split])
		if err != nil {
			return nil, err
		}
		noteSplit(d, split, folders, dir)
		return d, nil
	}
	var parts []layout
	for _, name := range splitNames {
		if folder, ok := folders[name]; ok {
			l := yoloLayout(folder)
			if l.labels == "" {
				return nil, fmt.Errorf("--split all: %s holds no YOLO labels, and only those can be put together", folder)
			}
			parts = append(parts, l)
		}
	}
	d, err := openYOLO(parts, "")
	if err == nil {
		noteSplit(d, split, folders, dir)
	}
	return d, err
}

// openLabels tells the format of a folder of labels by what is in it.
func (s Source) openLabels() (*Dataset, error) {
	l := layout{images: s.Images, labels: s.Annotations}
	xml, err := files(l.labels, hasExtension(".xml"))
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	if len(xml) > 0 {
		return s.openVOC(l, nil)
	}
	txt, err := files(l.labels, isYOLOLabel)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	if len(txt) > 0 {
		return openYOLO([]layout{l}, "")
	}
	return nil, fmt.Errorf("annotations: %s holds neither .xml (VOC) nor .txt (YOLO) labels", l.labels)
}

// hasExtension tests file names.
func hasExtension(extension string) func(name string) bool {
	return func(name string) bool { return strings.EqualFold(filepath.Ext(name), extension) }
}

// openPhotos is a data set without labels.
func openPhotos(dir string) (*Dataset, error) {
	d := &Dataset{Format: FormatFolder}
	photos, err := listPhotos(dir)
	if err != nil {
		return nil, err
	}
	if err := d.addPhotos(dir, photos); err != nil {
		return nil, err
	}
	return d, nil
}

// layout is where a data set of files keeps its photos and labels.
type layout struct{ images, labels string }

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
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
// stem of a photo and the given extension.
func besides(dir, extension string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	have := make(map[string]bool, len(entries))
	for _, e := range entries {
		have[e.Name()] = true
	}
	for _, e := range entries {
		if isPhoto(e.Name()) && have[stem(e.Name())+extension] {
			return true
		}
	}
	return false
}

// textFile reads a label file of a size that makes sense for one.
func textFile(path string) ([]byte, error) {
	const limit = 64 << 20
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%d bytes, which is too much for a label file", st.Size())
	}
	return os.ReadFile(path)
}
