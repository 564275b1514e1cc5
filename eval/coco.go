package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The parts of COCO's annotation format that boxes need. Ids are read as
// float64 because some writers put 1.0 where 1 is meant; all whole numbers up
// to 2^53 survive that.
type (
	cocoImage struct {
		ID     *float64 `json:"id"`
		File   string   `json:"file_name"`
		Width  float64  `json:"width"`
		Height float64  `json:"height"`
	}
	cocoCategory struct {
		ID   *float64 `json:"id"`
		Name string   `json:"name"`
	}
	cocoAnnotation struct {
		ID       *float64  `json:"id"`
		Image    *float64  `json:"image_id"`
		Category *float64  `json:"category_id"`
		Box      []float64 `json:"bbox"`
		Area     *float64  `json:"area"`
		Crowd    any       `json:"iscrowd"` // 0, 1, false, true or absent
	}
)

// ReadCOCO reads COCO annotations (instances_*.json and the like). The file is
// streamed: masks and other parts that boxes do not need are never held in
// memory, and the top-level keys may come in any order.
//
// A broken entry (an id that is absent, doubled or not a whole number, an
// image or category that the file does not have, a box that is not four
// numbers or has a negative side) is left out and told in Problems; an error
// is returned only where the file as a whole cannot be used. A file without
// "annotations" is a data set without labels.
//
// "iscrowd" is honoured; "ignore" is not, because pycocotools overwrites it. A
// missing "area" is the box's.
func ReadCOCO(r io.Reader) (*Dataset, error) {
	c := cocoReader{
		d:          &Dataset{Format: FormatCOCO},
		imageIDs:   map[int]bool{},
		categories: map[int]bool{},
	}
	if err := c.read(json.NewDecoder(r)); err != nil {
		return nil, err
	}
	c.link()
	if len(c.d.Images) == 0 {
		return nil, errors.New(`no usable entry in "images"`)
	}
	if c.d.Labelled && len(c.d.Categories) == 0 {
		return nil, errors.New(`no usable entry in "categories"`)
	}
	c.d.sortByID()
	return c.d, nil
}

type cocoReader struct {
	d                    *Dataset
	imageIDs, categories map[int]bool
	annotations          []numbered
}

// numbered is an object with its place in the file, to name it by where it has
// no id.
type numbered struct {
	Object
	place int
	hasID bool
}

func (c *cocoReader) read(dec *json.Decoder) error {
	first, err := dec.Token()
	if err != nil {
		return jsonError(dec, err)
	}
	if first == json.Delim('[') {
		return errors.New(`a list where annotations are an object with "images", "annotations" and "categories" (is this a results file?)`)
	}
	if first != json.Delim('{') {
		return errors.New("not COCO annotations: no JSON object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return jsonError(dec, err)
		}
		switch key {
		case "images":
			err = eachElement(dec, "images", c.d, c.image)
		case "categories":
			err = eachElement(dec, "categories", c.d, c.category)
		case "annotations":
			c.d.Labelled = true
			err = eachElement(dec, "annotations", c.d, c.annotation)
		default:
			var skip json.RawMessage
			if err = dec.Decode(&skip); err != nil {
				err = jsonError(dec, err)
			}
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return jsonError(dec, err)
	}
	return nil
}

// eachElement decodes a JSON list one element at a time. An element of the
// wrong shape becomes a problem of d; only broken JSON ends the reading.
func eachElement[T any](dec *json.Decoder, what string, d *Dataset, take func(place int, v T)) error {
	open, err := dec.Token()
	if err != nil {
		return jsonError(dec, err)
	}
	if open == nil { // null: as if the key were absent
		return nil
	}
	if open != json.Delim('[') {
		return fmt.Errorf("%q is not a list", what)
	}
	for place := 1; dec.More(); place++ {
		var v T
		if err := dec.Decode(&v); err != nil {
			var wrong *json.UnmarshalTypeError
			if !errors.As(err, &wrong) {
				return fmt.Errorf("%s, entry %d: %w", what, place, jsonError(dec, err))
			}
			d.problem("%s, entry %d: %s", what, place, wrongShape(wrong))
			continue
		}
		take(place, v)
	}
	if _, err := dec.Token(); err != nil {
		return jsonError(dec, err)
	}
	return nil
}

// wrongShape says in words what is wrong with an entry that is JSON but not of
// the form wanted.
func wrongShape(err *json.UnmarshalTypeError) string {
	if err.Field == "" {
		return "a " + err.Value + " where an object belongs"
	}
	return fmt.Sprintf("%q cannot be a %s", err.Field, err.Value)
}

// jsonError says in words what the decoder ran into.
func jsonError(dec *json.Decoder, err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON is cut short")
	case errors.As(err, &syntax):
		return fmt.Errorf("broken JSON after %d bytes: %w", dec.InputOffset(), err)
	}
	return err
}

// wholeNumber turns an id into an int; ok is false for an absent one and for
// one that is no whole number.
func wholeNumber(v *float64) (n int, ok bool) {
	if v == nil || *v != math.Trunc(*v) || math.Abs(*v) > 1<<53 {
		return 0, false
	}
	return int(*v), true
}

func (c *cocoReader) image(place int, v cocoImage) {
	id, ok := wholeNumber(v.ID)
	switch {
	case !ok:
		c.d.problem("images, entry %d: no whole-number id", place)
	case c.imageIDs[id]:
		c.d.problem("images, entry %d: id %d is taken by an earlier image", place, id)
	case v.Width < 0 || v.Height < 0 || v.Width > math.MaxInt32 || v.Height > math.MaxInt32:
		c.d.problem("image %d: a size of %g x %g", id, v.Width, v.Height)
	default:
		c.imageIDs[id] = true
		c.d.Images = append(c.d.Images, Image{ID: id, File: v.File, Width: int(v.Width), Height: int(v.Height)})
	}
}

func (c *cocoReader) category(place int, v cocoCategory) {
	id, ok := wholeNumber(v.ID)
	switch {
	case !ok:
		c.d.problem("categories, entry %d: no whole-number id", place)
	case c.categories[id]:
		c.d.problem("categories, entry %d: id %d is taken by an earlier category", place, id)
	default:
		if v.Name == "" {
			v.Name = fmt.Sprintf("category %d", id)
		}
		c.categories[id] = true
		c.d.Categories = append(c.d.Categories, Category{ID: id, Name: v.Name})
	}
}

func (c *cocoReader) annotation(place int, v cocoAnnotation) {
	a := numbered{place: place, hasID: v.ID != nil}
	var ok bool
	if a.hasID {
		if a.ID, ok = wholeNumber(v.ID); !ok {
			c.d.problem("annotations, entry %d: id %g is not a whole number", place, *v.ID)
			return
		}
	}
	if a.Image, ok = wholeNumber(v.Image); !ok {
		c.d.problem("%s: no whole-number image_id", a.name())
		return
	}
	if a.Category, ok = wholeNumber(v.Category); !ok {
		c.d.problem("%s: no whole-number category_id", a.name())
		return
	}
	if len(v.Box) != 4 {
		c.d.problem("%s: a bbox of %d numbers where four are wanted", a.name(), len(v.Box))
		return
	}
	a.Box = Box{v.Box[0], v.Box[1], v.Box[2], v.Box[3]}
	if a.Box.W < 0 || a.Box.H < 0 {
		c.d.problem("%s: a negative box, %g wide and %g high", a.name(), a.Box.W, a.Box.H)
		return
	}
	a.Area = a.Box.Area()
	if v.Area != nil {
		a.Area = *v.Area
	}
	switch crowd := v.Crowd.(type) {
	case nil:
	case bool:
		a.Crowd = crowd
	case float64:
		a.Crowd = crowd != 0
	default:
		c.d.problem("%s: iscrowd is neither 0 nor 1", a.name())
		return
	}
	c.annotations = append(c.annotations, a)
}

func (a *numbered) name() string {
	if a.hasID {
		return fmt.Sprintf("annotation %d", a.ID)
	}
	return fmt.Sprintf("annotations, entry %d", a.place)
}

// link checks the annotations against the images and categories, which may
// have come later in the file, and numbers those without an id.
func (c *cocoReader) link() {
	seen := make(map[int]bool, len(c.annotations))
	highest, zero := 0, false
	for i := range c.annotations {
		highest = max(highest, c.annotations[i].ID)
	}
	for i := range c.annotations {
		a := &c.annotations[i]
		switch {
		case !c.imageIDs[a.Image]:
			c.d.problem("%s: image %d is missing from \"images\"", a.name(), a.Image)
			continue
		case !c.categories[a.Category]:
			c.d.problem("%s: category %d is missing from \"categories\"", a.name(), a.Category)
			continue
		case a.hasID && seen[a.ID]:
			c.d.problem("annotations, entry %d: id %d is taken by an earlier annotation", a.place, a.ID)
			continue
		}
		if !a.hasID {
			highest++
			a.ID = highest
		}
		seen[a.ID] = true
		zero = zero || a.ID == 0
		c.d.Objects = append(c.d.Objects, a.Object)
	}
	if zero {
		c.d.note("annotation 0: pycocotools takes its id for \"no match\" and counts what finds it as false, and so does riffle; number annotations from 1")
	}
}

// WriteCOCO writes the data set as COCO annotations, so that other tools can
// score a results file on a data set that came as YOLO or VOC labels. Objects
// to ignore become crowds, the nearest thing the format has.
func WriteCOCO(w io.Writer, d *Dataset) error {
	type annotation struct {
		ID       int        `json:"id"`
		Image    int        `json:"image_id"`
		Category int        `json:"category_id"`
		Box      [4]float64 `json:"bbox"`
		Area     float64    `json:"area"`
		Crowd    int        `json:"iscrowd"`
	}
	file := struct {
		Images      []Image      `json:"images"`
		Categories  []Category   `json:"categories"`
		Annotations []annotation `json:"annotations"`
	}{d.Images, d.Categories, make([]annotation, 0, len(d.Objects))}
	for _, o := range d.Objects {
		a := annotation{ID: o.ID, Image: o.Image, Category: o.Category, Box: [4]float64{o.Box.X, o.Box.Y, o.Box.W, o.Box.H}, Area: o.Area}
		if o.Crowd || o.Ignore {
			a.Crowd = 1
		}
		file.Annotations = append(file.Annotations, a)
	}
	return json.NewEncoder(w).Encode(file)
}
