package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Box is a rectangle in a photo's own pixels, as COCO writes it: the top left
// corner, then width and height.
type Box struct{ X, Y, W, H float64 }

// Area is the box's area in square pixels.
func (b Box) Area() float64 { return b.W * b.H }

// Category is a class that objects can be of.
type Category struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Label string `json:"-"` // the id as the files write it, as JSON; empty where that is ID
}

// Image is one photo of a data set.
type Image struct {
	ID     int    `json:"id"`
	Label  string `json:"-"`         // the id as the files write it, as JSON; empty where that is ID
	File   string `json:"file_name"` // as the annotations name it
	Width  int    `json:"width"`     // pixels, after EXIF orientation; 0 where the annotations do not say
	Height int    `json:"height"`
	Path   string `json:"-"` // the file on this machine; empty where it has not been located
}

// Object is one labeled box: a piece of the truth.
type Object struct {
	ID       int
	Image    int // Image.ID
	Category int // Category.ID
	Box      Box
	Area     float64 // square pixels of the object itself (COCO: of its mask), which decides its size class

	// Crowd marks a box around many objects (COCO's iscrowd): it cannot be
	// missed, and detections that lie in it to a share of at least the IoU
	// threshold of their own area do not count, however many they are.
	Crowd bool
	// Ignore marks an object that cannot be missed either (VOC's difficult):
	// detections that match it by ordinary IoU do not count.
	Ignore bool
}

// Detection is one box that a detector found.
type Detection struct {
	Image    int // Image.ID
	Category int // Category.ID of the data set
	Box      Box
	Score    float64
	// Area decides the size class, in square pixels: that of the mask where the
	// box was taken from one; 0 means the box's.
	Area float64
}

func (d *Detection) area() float64 {
	if d.Area > 0 {
		return d.Area
	}
	return d.Box.Area()
}

// Format names the kind of labels a data set was read from.
type Format string

// The formats that [Source.Open] recognizes.
const (
	FormatCOCO   Format = "COCO annotations"
	FormatYOLO   Format = "YOLO labels"
	FormatVOC    Format = "VOC XML"
	FormatFolder Format = "photos without labels"
)

// Dataset is a set of photos and what is known about them. Images and
// Categories are sorted by id.
type Dataset struct {
	Format     Format
	Images     []Image
	Categories []Category
	Objects    []Object
	Split      string // the part that was read, empty where there are no parts
	Labeled    bool   // false: there is no truth to score against, only photos to run on

	LeftOut Omissions // what could not be used
	Notes   []string  // what a user should know of how it was read, one line each

	classMap ClassMap
	aliases  map[string]int // ids of categories that the class map put elsewhere, by label
}

// Note adds a line to Notes, once.
func (d *Dataset) Note(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(d.Notes, line) {
		d.Notes = append(d.Notes, line)
	}
}

// sortByID brings images and categories into the order that pycocotools walks
// them in, on which the order of equal scores depends.
func (d *Dataset) sortByID() {
	slices.SortStableFunc(d.Images, func(a, b Image) int { return a.ID - b.ID })
	slices.SortStableFunc(d.Categories, func(a, b Category) int { return a.ID - b.ID })
}

// Only returns the data set cut down to the given images: what a run with a
// limit, a cancelled run or a run with broken photos can be scored on.
func (d *Dataset) Only(images []Image) *Dataset {
	keep := make(map[int]bool, len(images))
	for _, im := range images {
		keep[im.ID] = true
	}
	out := *d
	out.Images = nil
	for _, im := range d.Images {
		if keep[im.ID] {
			out.Images = append(out.Images, im)
		}
	}
	out.Objects = nil
	for _, o := range d.Objects {
		if keep[o.Image] {
			out.Objects = append(out.Objects, o)
		}
	}
	return &out
}

// OnlyDetections returns those detections that are of the data set's images, in
// their order.
func (d *Dataset) OnlyDetections(dets []Detection) []Detection {
	images, _ := idSet(d)
	var out []Detection
	for _, det := range dets {
		if images[det.Image] {
			out = append(out, det)
		}
	}
	return out
}

// Locate looks for every image's file in dir, by the name in the annotations
// or else by the last part of it, fills in Path and returns the images that
// are not there.
func (d *Dataset) Locate(dir string) (missing []Image) {
	for i := range d.Images {
		im := &d.Images[i]
		im.Path = findPhoto(dir, im.File)
		if im.Path == "" {
			missing = append(missing, *im)
		}
	}
	return missing
}

// findPhoto is the path of a photo in dir by the name that annotations give it:
// as it is written, or with the backslashes of Windows as slashes, with its
// folders or without. It is empty where there is no such file.
func findPhoto(dir, file string) string {
	for _, name := range []string{file, strings.ReplaceAll(file, `\`, "/")} {
		name = filepath.FromSlash(name)
		for _, p := range []string{name, filepath.Base(name)} {
			if !filepath.IsLocal(p) {
				continue
			}
			p = filepath.Join(dir, p)
			if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
				return p
			}
		}
	}
	return ""
}
