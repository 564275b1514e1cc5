package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// ReadCOCO reads COCO annotations (instances_*.json and the like). The file is
// streamed: parts that boxes do not need are never held in memory, and the
// top-level keys may come in any order.
//
// Ids are labels: numbers of any size or strings. Image.ID and Category.ID are
// the file's where all are integers, else numbers of the reader's own. Objects
// are always numbered by the reader, so ids of annotations may be absent, zero
// or repeated.
//
// An annotation without "bbox" gets the box around its "segmentation"; a missing
// "area" is the box's, or the mask's where the box came from one. "iscrowd" is honoured; "ignore" is not, because
// pycocotools overwrites it. Fields that boxes do not need may hold anything.
//
// An entry that cannot be used (without a readable id, of an image or category
// that the file does not have, with a box that is not four finite numbers or has
// a negative side) is left out and counted in Dataset.LeftOut. An error is
// returned where the file as a whole cannot be used: broken JSON, a key twice,
// something behind the JSON value, or no usable entry at all. A file without
// "annotations" is a data set without labels.
func ReadCOCO(r io.Reader) (*Dataset, error) {
	c := &cocoReader{d: &Dataset{Format: FormatCOCO}, j: newJSONReader(r)}
	if err := c.read(); err != nil {
		return nil, err
	}
	c.number()
	if err := c.usable("images", len(c.d.Images), c.listed["images"]); err != nil {
		return nil, err
	}
	if c.d.Labeled {
		if err := c.usable("categories", len(c.d.Categories), c.listed["categories"]); err != nil {
			return nil, err
		}
		if n := c.listed["annotations"]; n > 0 && len(c.d.Objects) == 0 {
			return nil, c.usable("annotations", 0, n)
		}
	}
	c.addNotes()
	c.d.sortByID()
	return c.d, nil
}

// cocoReader gathers the entries of a file; annotations may come before the
// images that they name.
type cocoReader struct {
	j      *jsonReader
	d      *Dataset
	listed map[string]int // entries in each list, usable or not

	annotations []cocoObject
	shared      map[string]bool // ids of annotations
	repeated    int             // annotations whose id an earlier one has
	masked      int             // boxes taken from masks and polygons
	areas       int             // areas that are not numbers
}

// cocoObject is an annotation whose image and category are labels yet.
type cocoObject struct {
	Object
	image, category string
	name            string
}

// usable is the error of a list that gave nothing.
func (c *cocoReader) usable(list string, used, listed int) error {
	switch {
	case used > 0:
		return nil
	case listed == 0:
		return fmt.Errorf("no usable entry in %q", list)
	}
	var why []string
	for _, o := range c.d.LeftOut {
		if o.What == list {
			why = append(why, o.String())
		}
	}
	return fmt.Errorf("no usable entry in %q: %s", list, strings.Join(why, "; "))
}

func (c *cocoReader) read() error {
	first, err := c.j.begin()
	switch {
	case err != nil:
		return err
	case first == '[':
		return errors.New(`a list where annotations are an object with "images", "annotations" and "categories" (is this a results file?)`)
	case first != '{':
		return errors.New("not COCO annotations: no JSON object")
	}
	c.listed, c.shared = map[string]int{}, map[string]bool{}
	err = c.j.members(func() error {
		key, err := c.j.key()
		if err != nil {
			return err
		}
		switch key {
		case "images":
			return c.list(key, imageFields, c.image)
		case "categories":
			return c.list(key, categoryFields, c.category)
		case "annotations":
			c.d.Labeled = true
			return c.list(key, annotationFields, c.annotation)
		}
		return c.j.skip()
	})
	if err != nil {
		return err
	}
	return c.j.finish()
}

// list reads one of the file's lists entry by entry.
func (c *cocoReader) list(name string, fields []string, take func(place int, values [][]byte)) error {
	if _, twice := c.listed[name]; twice {
		return fmt.Errorf("duplicate key %q", name)
	}
	c.listed[name] = 0
	first, err := c.j.peek()
	if err != nil {
		return err
	}
	if first == 'n' { // null: as if the key were absent
		return c.j.skip()
	}
	if first != '[' {
		return fmt.Errorf("%q is not a list", name)
	}
	values := make([][]byte, len(fields))
	return c.j.elements(func() error {
		c.listed[name]++
		place := c.listed[name]
		ok, err := c.j.entry(fields, values)
		if err != nil {
			return fmt.Errorf("%s, entry %d: %w", name, place, err)
		}
		if !ok {
			c.d.LeftOut.Add(name, "that are not objects", "entry %d", place)
			return nil
		}
		take(place, values)
		return nil
	})
}

var imageFields = []string{"id", "file_name", "width", "height"}

func (c *cocoReader) image(place int, v [][]byte) {
	label, ok := jsonLabel(v[0])
	if !ok {
		c.d.LeftOut.Add("images", "without an id", "entry %d", place)
		return
	}
	im := Image{Label: label, File: plainText(v[1])}
	// A size is a help and no more: one that makes no sense is none.
	im.Width, im.Height = side(v[2]), side(v[3])
	if im.Width == 0 || im.Height == 0 {
		im.Width, im.Height = 0, 0
	}
	c.d.Images = append(c.d.Images, im)
}

// side is a photo's width or height, 0 where there is none.
func side(text []byte) int {
	if v, ok := jsonNumber(text); ok && v > 0 && v <= math.MaxInt32 {
		return int(v)
	}
	return 0
}

// plainText is a string, or a number as it is written; else empty.
func plainText(text []byte) string {
	if s, ok := jsonString(text); ok {
		return s
	}
	if _, ok := jsonNumber(text); ok {
		return string(text)
	}
	return ""
}

var categoryFields = []string{"id", "name"}

func (c *cocoReader) category(place int, v [][]byte) {
	label, ok := jsonLabel(v[0])
	if !ok {
		c.d.LeftOut.Add("categories", "without an id", "entry %d", place)
		return
	}
	name := plainText(v[1])
	if name == "" {
		name = "category " + labelText(label)
	}
	c.d.Categories = append(c.d.Categories, Category{Label: label, Name: name})
}

// labelText is a label without the quotes of a string.
func labelText(label string) string {
	if s, ok := jsonString([]byte(label)); ok {
		return s
	}
	return label
}

var annotationFields = []string{"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"}

func (c *cocoReader) annotation(place int, v [][]byte) {
	a := cocoObject{name: fmt.Sprintf("entry %d", place)}
	if id, ok := jsonLabel(v[0]); ok {
		a.name += ", id " + clip(labelText(id), 40)
		if c.shared[id] {
			c.repeated++
		}
		c.shared[id] = true
	}
	leave := func(reason string) { c.d.LeftOut.Add("annotations", reason, "%s", a.name) }
	var ok bool
	if a.image, ok = jsonLabel(v[1]); !ok {
		leave("without an image_id")
		return
	}
	if a.category, ok = jsonLabel(v[2]); !ok {
		leave("without a category_id")
		return
	}
	m, fromMask, reason := readBox(v[3], v[6])
	box := m.box
	if reason != "" {
		leave(reason)
		return
	}
	if box.W < 0 || box.H < 0 {
		leave("with a box of a negative side")
		return
	}
	if fromMask {
		c.masked++
	}
	a.Box, a.Area = box, box.Area()
	if m.area > 0 {
		a.Area = m.area
	}
	if area, ok := jsonNumber(v[4]); ok {
		a.Area = area
	} else if !isNull(v[4]) {
		c.areas++
	}
	if a.Crowd, ok = flag(v[5]); !ok {
		leave("whose iscrowd is neither 0 nor 1")
		return
	}
	c.annotations = append(c.annotations, a)
}

// readBox reads a bbox or, where it is absent or empty, takes the box around the
// segmentation; fromMask says so. reason is why there is none.
func readBox(bbox, segmentation []byte) (m mask, fromMask bool, reason string) {
	list, ok := jsonNumbers(bbox)
	if isNull(bbox) || ok && len(list) == 0 {
		if m, ok := readMask(segmentation); ok {
			return m, true, ""
		}
		if isNull(segmentation) {
			return m, false, "without a bbox"
		}
		return m, false, "without a bbox and with a segmentation that cannot be read"
	}
	if !ok || len(list) != 4 {
		return m, false, "whose bbox is not four finite numbers"
	}
	m.box = Box{list[0], list[1], list[2], list[3]}
	return m, false, ""
}

// flag reads 0, 1, false or true, also as a string; absent is false.
func flag(text []byte) (value, ok bool) {
	if isNull(text) {
		return false, true
	}
	if v, ok := jsonNumber(text); ok {
		return v != 0, true
	}
	switch strings.ToLower(strings.Trim(string(text), `"`)) {
	case "0", "false", "":
		return false, true
	case "1", "true":
		return true, true
	}
	return false, false
}

// number replaces labels by ints and drops what is doubled or belongs to
// nothing.
func (c *cocoReader) number() {
	var labels []string
	for _, im := range c.d.Images {
		labels = append(labels, im.Label)
	}
	ids := numberLabels(labels)
	kept := c.d.Images[:0]
	taken := make(map[string]bool, len(ids))
	for _, im := range c.d.Images {
		if taken[im.Label] {
			c.d.LeftOut.Add("images", "whose id an earlier one has", "id %s", im.Label)
			continue
		}
		taken[im.Label] = true
		im.ID = ids[im.Label]
		im.Label = labelOf(im.ID, im.Label)
		kept = append(kept, im)
	}
	c.d.Images = kept
	c.numberCategories()
	images, categories := c.d.imageTable(), c.d.categoryTable()
	for i := range c.annotations {
		a := &c.annotations[i]
		var found, known bool
		a.Image, found = images.id(a.image)
		a.Category, known = categories.id(a.category)
		switch {
		case !found:
			c.d.LeftOut.Add("annotations", `of images that are missing from "images"`, "%s, image %s", a.name, a.image)
		case !known:
			c.d.LeftOut.Add("annotations", `of categories that are missing from "categories"`, "%s, category %s", a.name, a.category)
		default:
			a.ID = len(c.d.Objects) + 1
			c.d.Objects = append(c.d.Objects, a.Object)
		}
	}
}

func (c *cocoReader) numberCategories() {
	var labels []string
	for _, k := range c.d.Categories {
		labels = append(labels, k.Label)
	}
	ids := numberLabels(labels)
	kept := c.d.Categories[:0]
	taken := make(map[string]bool, len(ids))
	for _, k := range c.d.Categories {
		if taken[k.Label] {
			c.d.LeftOut.Add("categories", "whose id an earlier one has", "id %s, %s", k.Label, k.Name)
			continue
		}
		taken[k.Label] = true
		k.ID = ids[k.Label]
		k.Label = labelOf(k.ID, k.Label)
		kept = append(kept, k)
	}
	c.d.Categories = kept
}

// addNotes says what was read otherwise than it is written.
func (c *cocoReader) addNotes() {
	if c.masked > 0 {
		c.d.Note("%d annotations have no bbox: the box around their segmentation is taken", c.masked)
	}
	if c.areas > 0 {
		c.d.Note("%d annotations have an area that is not a number: the box's is taken", c.areas)
	}
	if c.repeated > 0 {
		c.d.Note("%d annotations have the id of an earlier one: all are used, riffle numbers them itself", c.repeated)
	}
	if c.d.Labeled && len(c.d.Objects) == 0 {
		c.d.Note(`no object is annotated: there is nothing to compute a number from`)
	}
}

// WriteCOCO writes the data set as COCO annotations, so that other tools can
// score a results file on a data set that came as YOLO or VOC labels. Objects
// to ignore become crowds, the nearest thing the format has.
func WriteCOCO(w io.Writer, d *Dataset) error {
	type image struct {
		ID     json.RawMessage `json:"id"`
		File   string          `json:"file_name"`
		Width  int             `json:"width"`
		Height int             `json:"height"`
	}
	type category struct {
		ID   json.RawMessage `json:"id"`
		Name string          `json:"name"`
	}
	type annotation struct {
		ID       int             `json:"id"`
		Image    json.RawMessage `json:"image_id"`
		Category json.RawMessage `json:"category_id"`
		Box      [4]float64      `json:"bbox"`
		Area     float64         `json:"area"`
		Crowd    int             `json:"iscrowd"`
	}
	file := struct {
		Images      []image      `json:"images"`
		Categories  []category   `json:"categories"`
		Annotations []annotation `json:"annotations"`
	}{make([]image, 0, len(d.Images)), make([]category, 0, len(d.Categories)), make([]annotation, 0, len(d.Objects))}
	labels := d.writtenLabels()
	for _, im := range d.Images {
		file.Images = append(file.Images, image{json.RawMessage(im.label()), im.File, im.Width, im.Height})
	}
	for _, c := range d.Categories {
		file.Categories = append(file.Categories, category{json.RawMessage(c.label()), c.Name})
	}
	for _, o := range d.Objects {
		a := annotation{ID: o.ID, Image: json.RawMessage(labels.image(o.Image)), Category: json.RawMessage(labels.category(o.Category)),
			Box: [4]float64{o.Box.X, o.Box.Y, o.Box.W, o.Box.H}, Area: o.Area}
		if o.Crowd || o.Ignore {
			a.Crowd = 1
		}
		file.Annotations = append(file.Annotations, a)
	}
	return json.NewEncoder(w).Encode(file)
}
