package api

import (
	"strings"

	"example.com/riffle/internal/suggest"
)

// labelIndex finds a model's classes by what people write.
type labelIndex struct {
	names  []string
	byName map[string]string // normal form to the model's own
}

func newLabelIndex(classes []Class) *labelIndex {
	x := &labelIndex{byName: make(map[string]string, len(classes))}
	for _, c := range classes {
		x.names = append(x.names, c.Name)
		x.byName[normalLabel(c.Name)] = c.Name
	}
	return x
}

// normalLabel makes "Dining_Table " and "dining table" the same.
func normalLabel(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '_' || r == '-'
	}), " ")
}

// find is the model's own spelling of a label, or a failure that names the
// nearest one.
func (x *labelIndex) find(label string) (string, error) {
	if name, ok := x.byName[normalLabel(label)]; ok {
		return name, nil
	}
	return "", failf(kindUnknownLabel, "unknown label %q%s", clip(label), suggest.Hint(clip(label), x.names))
}
