package eval

import (
	"cmp"
	"maps"
	"math"
	"math/big"
	"path"
	"slices"
	"strconv"
	"strings"
)

// labelTable knows what the files call the images or the categories of a data
// set: their ids, and the names that stand in for an id.
type labelTable struct {
	byLabel map[string]int // canonical JSON text of the id
	byName  map[string]int // ambiguous where two have the name
}

// ambiguous marks a name that several images or categories have.
const ambiguous = math.MinInt

// imageTable names images by id, file name, and file name without folder or
// extension: Ultralytics' predictions.json has the stem for an id.
func (d *Dataset) imageTable() *labelTable {
	t := &labelTable{make(map[string]int, len(d.Images)), make(map[string]int, len(d.Images))}
	for _, im := range d.Images {
		t.byLabel[im.label()] = im.ID
		file := strings.ReplaceAll(im.File, `\`, "/")
		names := []string{file, stem(file), path.Base(file), stem(path.Base(file))}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			t.name(name, im.ID)
		}
	}
	return t
}

// categoryTable names categories by id and by name.
func (d *Dataset) categoryTable() *labelTable {
	t := &labelTable{make(map[string]int, len(d.Categories)), make(map[string]int, len(d.Categories))}
	for _, c := range d.Categories {
		t.byLabel[c.label()] = c.ID
		t.name(c.Name, c.ID)
	}
	maps.Copy(t.byLabel, d.aliases)
	for from, to := range d.classMap {
		if id, ok := t.byName[to]; ok {
			t.name(from, id)
		}
	}
	return t
}

func (t *labelTable) name(name string, id int) {
	if other, ok := t.byName[name]; ok && other != id {
		id = ambiguous
	}
	t.byName[name] = id
}

// lookup is what came of looking for an id.
type lookup int

const (
	byID      lookup = iota // found as it is written
	byText                  // found as a number for a string, or the other way round
	byName                  // found by file name or class name
	notFound                // unknown
	manyFound               // it could mean several
)

// findText looks for an id in the text of a JSON value; ok is false where that
// is neither a number nor a string.
func (t *labelTable) findText(text []byte) (id int, how lookup, ok bool) {
	if id, ok := t.byLabel[string(text)]; ok { // most files write ids canonically
		return id, byID, true
	}
	label, ok := jsonLabel(text)
	if !ok {
		return 0, notFound, false
	}
	id, how = t.find(label)
	return id, how, true
}

// find looks for a label: the id as it is written, or else what a string can
// stand for, if that is only one thing.
func (t *labelTable) find(label string) (id int, how lookup) {
	number, isNumber := t.id(label)
	if _, exact := t.byLabel[label]; exact {
		return number, byID
	}
	text, isText := jsonString([]byte(label))
	named, isName := t.byName[text]
	switch {
	case !isText || !isName:
		if isNumber {
			return number, byText
		}
		return 0, notFound
	case named == ambiguous || isNumber && named != number:
		return 0, manyFound
	case isNumber:
		return number, byText
	}
	return named, byName
}

// id looks for a label among the ids alone: as it is written, or else a number
// for a string and the other way round.
func (t *labelTable) id(label string) (id int, ok bool) {
	if id, ok := t.byLabel[label]; ok {
		return id, true
	}
	text, isText := jsonString([]byte(label))
	if !isText {
		id, ok = t.byLabel[quoted(label)]
		return id, ok
	}
	if len(text) > 0 && text[0] == '"' {
		return 0, false
	}
	id, ok = t.byLabel[text]
	return id, ok
}

// numberLabels gives every label an int: the number itself where all are
// integers that an int holds, else their places in pycocotools' order, numbers
// before strings.
func numberLabels(labels []string) map[string]int {
	out := make(map[string]int, len(labels))
	whole := true
	for _, l := range labels {
		n, err := strconv.Atoi(l)
		whole = whole && err == nil
		out[l] = n
	}
	if whole {
		return out
	}
	sorted := slices.Clone(labels)
	slices.SortFunc(sorted, compareLabels)
	for i, l := range sorted {
		out[l] = i + 1
	}
	return out
}

func compareLabels(a, b string) int {
	x, isX := new(big.Float).SetString(a)
	y, isY := new(big.Float).SetString(b)
	switch {
	case isX && isY:
		return cmp.Or(x.Cmp(y), cmp.Compare(a, b))
	case isX:
		return -1
	case isY:
		return 1
	}
	s, _ := jsonString([]byte(a))
	t, _ := jsonString([]byte(b))
	return cmp.Compare(s, t)
}

// labelOf is empty where the label is the id itself.
func labelOf(id int, label string) string {
	if strconv.Itoa(id) == label {
		return ""
	}
	return label
}

func (im *Image) label() string   { return cmp.Or(im.Label, strconv.Itoa(im.ID)) }
func (c *Category) label() string { return cmp.Or(c.Label, strconv.Itoa(c.ID)) }

// writtenLabels turns ids back into what the data set's files call them.
type writtenLabels struct{ images, categories map[int]string }

func (d *Dataset) writtenLabels() writtenLabels {
	w := writtenLabels{map[int]string{}, map[int]string{}}
	for _, im := range d.Images {
		if im.Label != "" {
			w.images[im.ID] = im.Label
		}
	}
	for _, c := range d.Categories {
		if c.Label != "" {
			w.categories[c.ID] = c.Label
		}
	}
	return w
}

func (w writtenLabels) image(id int) string    { return cmp.Or(w.images[id], strconv.Itoa(id)) }
func (w writtenLabels) category(id int) string { return cmp.Or(w.categories[id], strconv.Itoa(id)) }
