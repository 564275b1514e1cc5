package eval

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// WriteResults writes detections in COCO's results format, one a line, with the
// ids of the data set's files: what pycocotools' loadRes reads. Every number is
// written with as many digits as it takes to read the same float64 back.
func WriteResults(w io.Writer, d *Dataset, dets []Detection) error {
	out := bufio.NewWriter(w)
	labels := d.writtenLabels()
	line := make([]byte, 0, 160)
	line = append(line, '[')
	for i, det := range dets {
		if !finite(det) {
			return fmt.Errorf("detection %d of image %d: a number that JSON cannot hold", i+1, det.Image)
		}
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, "\n{\"image_id\":"...)
		line = append(line, labels.image(det.Image)...)
		line = append(line, ",\"category_id\":"...)
		line = append(line, labels.category(det.Category)...)
		line = append(line, ",\"bbox\":["...)
		for k, v := range [4]float64{det.Box.X, det.Box.Y, det.Box.W, det.Box.H} {
			if k > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendFloat(line, v, 'g', -1, 64)
		}
		line = append(line, "],\"score\":"...)
		line = strconv.AppendFloat(line, det.Score, 'g', -1, 64)
		line = append(line, '}')
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	line = append(line, "\n]\n"...)
	if _, err := out.Write(line); err != nil {
		return err
	}
	return out.Flush()
}

func finite(d Detection) bool {
	for _, v := range [5]float64{d.Box.X, d.Box.Y, d.Box.W, d.Box.H, d.Score} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// Results is what a results file holds.
type Results struct {
	Detections []Detection // in the file's order
	LeftOut    Omissions
	Notes      []string // what was read otherwise than it is written, one line each
}

// ReadResults reads detections in COCO's results format, anybody's, for the
// images and categories of d. An id may be a number or a string; a string may
// also be the photo's file name, with or without extension, or the category's name.
// A detection without "bbox" gets the box around its "segmentation" and, as in
// pycocotools, the mask's area.
//
// Entries that are broken or name an image or a category that d does not have
// are left out and counted. An error means that the file as a whole cannot be
// used: broken JSON, a key twice in an entry, something behind the list, or no
// usable entry among all that are there.
//
// A box with a negative side is kept: like pycocotools, scoring counts it as a
// detection that finds nothing.
func ReadResults(r io.Reader, d *Dataset) (*Results, error) {
	in := &resultsReader{
		j: newJSONReader(r), images: d.imageTable(), categories: d.categoryTable(),
		anyCategory: len(d.Categories) == 0 && !d.Labeled,
	}
	first, err := in.j.begin()
	if err != nil {
		return nil, err
	}
	if first != '[' {
		return nil, errors.New("no list of detections (a results file is a JSON list of image_id, category_id, bbox and score)")
	}
	var values [5][]byte
	err = in.j.elements(func() error {
		in.place++
		ok, err := in.j.entry(resultFields, values[:])
		if err != nil {
			return fmt.Errorf("detection %d: %w", in.place, err)
		}
		if !ok {
			in.leave("that are not objects")
			return nil
		}
		in.take(values[0], values[1], values[2], values[3], values[4])
		return nil
	})
	if err == nil {
		err = in.j.finish()
	}
	if err != nil {
		return nil, err
	}
	if in.place > in.dropped && len(in.out.Detections) == 0 {
		return nil, fmt.Errorf("no detection can be used: %s", strings.Join(in.out.LeftOut.Lines(), "; "))
	}
	in.addNotes()
	return &in.out, nil
}

var resultFields = []string{"image_id", "category_id", "bbox", "score", "segmentation"}

type resultsReader struct {
	j                  *jsonReader
	images, categories *labelTable
	anyCategory        bool // photos without labels: there are no categories yet
	place              int  // of the entry in the file, from 1
	out                Results

	masked, texts, fileNames, classNames int // entries read otherwise than they are written
	dropped                              int // entries of classes that the class map leaves out
}

func (in *resultsReader) leave(reason string, about ...string) {
	first := "entry " + strconv.Itoa(in.place)
	for _, a := range about {
		first += ", " + clip(a, 60)
	}
	in.out.LeftOut.Add("detections", reason, "%s", first)
}

// take reads one entry, whose fields are as JSON has them.
func (in *resultsReader) take(image, category, bbox, score, segmentation []byte) {
	det, ok := Detection{}, false
	var imageHow, categoryHow lookup
	if det.Image, imageHow, ok = in.images.findText(image); !ok {
		in.leave("without an image_id")
		return
	}
	if det.Category, categoryHow, ok = in.categories.findText(category); !ok {
		in.leave("without a category_id")
		return
	}
	if det.Score, ok = jsonNumber(score); !ok {
		in.leave("whose score is not a finite number", "score "+cmp.Or(string(score), "missing"))
		return
	}
	box, fromMask, reason := readBox(bbox, segmentation)
	if reason != "" {
		in.leave(reason)
		return
	}
	if n, err := strconv.Atoi(string(category)); in.anyCategory && err == nil {
		det.Category, categoryHow = n, byID
	}
	if reason := lookupFault(imageHow, "images", "image_id"); reason != "" {
		in.leave(reason, "image "+string(image))
		return
	}
	if reason := lookupFault(categoryHow, "categories", "category_id"); reason != "" {
		in.leave(reason, "category "+string(category))
		return
	}
	if det.Category == droppedClass {
		in.dropped++
		return
	}
	det.Box = box.box
	if fromMask {
		det.Area = box.area
		in.masked++
	}
	in.count(imageHow, categoryHow)
	in.out.Detections = append(in.out.Detections, det)
}

// lookupFault is why an id that was looked up cannot be used; empty if it can.
func lookupFault(how lookup, things, field string) string {
	switch how {
	case notFound:
		return "of " + things + " that the data set does not have"
	case manyFound:
		return "whose " + field + " means several " + things
	}
	return ""
}

// count counts ids that were read otherwise than they are written.
func (in *resultsReader) count(image, category lookup) {
	if image == byText || category == byText {
		in.texts++
	}
	if image == byName {
		in.fileNames++
	}
	if category == byName {
		in.classNames++
	}
}

// addNotes says what was read otherwise than it is written.
func (in *resultsReader) addNotes() {
	for _, n := range []struct {
		count int
		what  string
	}{
		{in.dropped, "are of classes that the class map leaves out"},
		{in.masked, "have no bbox: the box around their segmentation is taken"},
		{in.texts, "have an id that is a number here and a string in the annotations, or the other way round: taken as the same"},
		{in.fileNames, "name their photo by its file name"},
		{in.classNames, "name their category by its name"},
	} {
		if n.count > 0 {
			in.out.Notes = append(in.out.Notes, fmt.Sprintf("%d detections %s", n.count, n.what))
		}
	}
}

func idSet(d *Dataset) (images, categories map[int]bool) {
	images = make(map[int]bool, len(d.Images))
	for _, im := range d.Images {
		images[im.ID] = true
	}
	categories = make(map[int]bool, len(d.Categories))
	for _, c := range d.Categories {
		categories[c.ID] = true
	}
	return images, categories
}
