package eval

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// ClassMap renames classes before they are compared: those of the data set,
// those of the detector, and category ids of a results file that names others.
// Classes of one new name become one. An empty name leaves the class out.
type ClassMap map[string]string

// ReadClassMap reads a class map from a YAML (or JSON) mapping of names:
//
//	pedestrian: person
//	van: car
//	cyclist:         # left out
//	"0": person      # category_id 0 of the results file
func ReadClassMap(path string) (ClassMap, error) {
	text, err := textFile(path)
	if err != nil {
		return nil, err
	}
	var top yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		return nil, oneLine(err)
	}
	if len(top.Content) == 0 {
		return nil, errNoNames
	}
	if top.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("not a mapping of names to names")
	}
	var file map[string]yaml.Node
	if err := top.Decode(&file); err != nil {
		return nil, oneLine(err)
	}
	m := make(ClassMap, len(file))
	for from, to := range file {
		if to.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %q is not followed by one name", to.Line, from)
		}
		if to.Tag != "!!null" {
			m[from] = to.Value
		} else {
			m[from] = ""
		}
	}
	return m, nil
}

// apply is the new name of a class; ok is false where it is left out.
func (m ClassMap) apply(name string) (to string, ok bool) {
	to, listed := m[name]
	if !listed {
		return name, true
	}
	return to, to != ""
}

// MapClasses renames the categories of the data set, puts those of one name
// together and takes those out that the map leaves out, with their objects. What
// is read or matched afterwards (ReadResults, MatchClasses) follows the map too.
func (d *Dataset) MapClasses(m ClassMap) {
	d.classMap = m
	d.aliases = make(map[string]int)
	var kept []Category
	gone := make(map[int]bool)
	var dropped []string
	for _, c := range d.Categories {
		name, ok := m.apply(c.Name)
		if !ok {
			gone[c.ID] = true
			d.aliases[c.label()] = droppedClass
			dropped = append(dropped, c.Name)
			continue
		}
		c.Name = name
		kept = append(kept, c)
	}
	d.Categories = kept
	d.mergeByName()
	objects := d.Objects
	d.Objects = nil
	for _, o := range objects {
		if !gone[o.Category] {
			d.Objects = append(d.Objects, o)
		}
	}
	if len(dropped) > 0 {
		d.Note("the class map leaves out %d categories with %d objects, such as %s", len(dropped), len(objects)-len(d.Objects), dropped[0])
	}
	d.aliasIDs(m)
}

// droppedClass stands for a category that the class map leaves out.
const droppedClass = ambiguous + 1

// mergeByName puts categories of one name together, under the first one's id.
func (d *Dataset) mergeByName() {
	first := make(map[string]int)
	to := make(map[int]int)
	var kept []Category
	for _, c := range d.Categories {
		id, ok := first[c.Name]
		if !ok {
			first[c.Name] = c.ID
			kept = append(kept, c)
			continue
		}
		to[c.ID] = id
		if d.aliases != nil {
			d.aliases[c.label()] = id
		}
	}
	d.Categories = kept
	objects := slices.Clone(d.Objects)
	for i := range objects {
		if id, ok := to[objects[i].Category]; ok {
			objects[i].Category = id
		}
	}
	d.Objects = objects
}

// aliasIDs gives the category ids of a results file that the map names their
// categories.
func (d *Dataset) aliasIDs(m ClassMap) {
	byName := make(map[string]int, len(d.Categories))
	for _, c := range d.Categories {
		byName[c.Name] = c.ID
	}
	for _, from := range slices.Sorted(maps.Keys(m)) {
		if _, err := strconv.Atoi(from); err != nil {
			continue
		}
		if id, ok := byName[m[from]]; ok {
			d.aliases[from] = id
		} else if m[from] == "" {
			d.aliases[from] = droppedClass
		}
	}
}
