package eval

import (
	"cmp"
	"slices"
	"strings"
)

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

// lowerName is a class name without what case and spaces make different.
func lowerName(name string) string {
	return strings.Join(strings.Fields(strings.ToLower(name)), " ")
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
// name: from the detector's id to Category.ID. The same name to the letter comes
// first; then case and spaces do not count; then neither do hyphens and
// underscores, and VOC's names find COCO's (aeroplane: airplane). Where several
// categories are equally near, one that has objects comes first, then the one
// of the lowest id, and Notes says so. A class map (MapClasses) renames the
// detector's classes too.
//
// without lists the categories that the detector does not know: it cannot find
// their objects. Detections of classes that are not in the map should be
// dropped.
//
// A data set without categories (photos without labels) takes over the
// detector's.
func (d *Dataset) MatchClasses(classes []Category) (ids map[int]int, without []Category) {
	if len(d.Categories) == 0 && !d.Labeled {
		for _, c := range classes {
			if name, ok := d.classMap.apply(c.Name); ok {
				d.Categories = append(d.Categories, Category{ID: c.ID, Name: name})
			}
		}
		d.mergeByName()
		d.sortByID()
	}
	m := newClassMatcher(d)
	ids = make(map[int]int, len(classes))
	known := make(map[int]bool, len(classes))
	for _, c := range classes {
		name, ok := d.classMap.apply(c.Name)
		if !ok {
			continue
		}
		if id, ok := m.match(name); ok {
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

// classMatcher finds categories by name.
type classMatcher struct {
	d       *Dataset
	objects map[int]int             // by category
	rules   []func(string) string   // from the strictest
	names   []map[string][]Category // of each rule
}

func newClassMatcher(d *Dataset) *classMatcher {
	m := &classMatcher{d: d, objects: map[int]int{}, rules: []func(string) string{
		func(name string) string { return name }, lowerName, plainName,
	}}
	for _, o := range d.Objects {
		m.objects[o.Category]++
	}
	for _, rule := range m.rules {
		names := make(map[string][]Category, len(d.Categories))
		for _, c := range d.Categories {
			names[rule(c.Name)] = append(names[rule(c.Name)], c)
		}
		m.names = append(m.names, names)
	}
	return m
}

func (m *classMatcher) match(name string) (id int, ok bool) {
	for i, rule := range m.rules {
		found := slices.Clone(m.names[i][rule(name)])
		if len(found) == 0 {
			continue
		}
		slices.SortFunc(found, func(a, b Category) int {
			return cmp.Or(-cmp.Compare(min(1, m.objects[a.ID]), min(1, m.objects[b.ID])), cmp.Compare(a.ID, b.ID))
		})
		if len(found) > 1 && m.objects[found[1].ID] > 0 {
			m.d.Note("the categories %s %q and %s %q both match %q: the first is taken; a class map can put them together",
				found[0].label(), found[0].Name, found[1].label(), found[1].Name, name)
		}
		return found[0].ID, true
	}
	return 0, false
}
