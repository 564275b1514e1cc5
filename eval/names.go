package eval

import "strings"

// sameThing maps the names that other data sets give to COCO's classes.
var sameThing = map[string]string{
	"aeroplane":   "airplane",
	"motorbike":   "motorcycle",
	"sofa":        "couch",
	"tvmonitor":   "tv",
	"television":  "tv",
	"mobilephone": "cellphone",
	"hairdryer":   "hairdrier",
}

// plainName is a class name without what data sets differ in: case, spaces,
// hyphens, underscores, and VOC's or COCO's choice of word.
func plainName(name string) string {
	name = strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(name)))
	if other, ok := sameThing[name]; ok {
		return other
	}
	return name
}

// MatchClasses maps a detector's classes to the categories of the data set by
// name: from the detector's id to Category.ID. Case, spaces, hyphens and
// underscores do not count, and VOC's names find COCO's (aeroplane: airplane).
// without lists the categories that the detector does not know: it cannot find
// their objects. Detections of classes that are not in the map should be
// dropped.
//
// A data set without categories (photos without labels) takes over the
// detector's.
func (d *Dataset) MatchClasses(classes []Category) (ids map[int]int, without []Category) {
	if len(d.Categories) == 0 && !d.Labelled {
		d.Categories = append(d.Categories, classes...)
		d.sortByID()
	}
	byName := make(map[string]int, len(d.Categories))
	for _, c := range d.Categories {
		byName[plainName(c.Name)] = c.ID
	}
	ids = make(map[int]int, len(classes))
	known := make(map[int]bool, len(classes))
	for _, c := range classes {
		if id, ok := byName[plainName(c.Name)]; ok {
			ids[c.ID] = id
			known[id] = true
		}
	}
	for _, c := range d.Categories {
		if !known[c.ID] {
			without = append(without, c)
		}
	}
	return ids, without
}
