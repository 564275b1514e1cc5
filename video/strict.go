package video

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"example.com/riffle/internal/suggest"
)

// strict decodes a node into a struct, refusing keys that the struct does not
// have. Errors begin with the line.
func strict(n *yaml.Node, into any) error {
	if err := known(n, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	if err := n.Decode(into); err != nil {
		text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:\n")
		first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		return fmt.Errorf("%s", strings.TrimPrefix(first, "line "))
	}
	return nil
}

// known walks over mappings that become structs.
func known(n *yaml.Node, t reflect.Type) error {
	n = follow(n)
	switch t.Kind() {
	case reflect.Pointer:
		return known(n, t.Elem())
	case reflect.Map:
		for i := 1; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
			if err := known(n.Content[i], t.Elem()); err != nil {
				return err
			}
		}
		return twice(n)
	case reflect.Struct:
		if t == reflect.TypeFor[point]() {
			return nil
		}
	default:
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%d: want \"name: value\" lines", n.Line)
	}
	fields := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			fields[name] = t.Field(i).Type
			names = append(names, name)
		}
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], follow(n.Content[i+1])
		field, ok := fields[key.Value]
		if !ok {
			return fmt.Errorf("%d: unknown key %q%s", key.Line, key.Value, suggest.Hint(key.Value, names))
		}
		if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
			return fmt.Errorf("%d: %s: has no value", key.Line, key.Value)
		}
		if want := misfit(value, field); want != "" {
			return fmt.Errorf("%d: %s: want %s", value.Line, key.Value, want)
		}
		if err := known(value, field); err != nil {
			return err
		}
	}
	return twice(n)
}

// misfit says what a value should be, "" if it is that. yaml would say it in Go's
// types.
func misfit(n *yaml.Node, t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	not := fmt.Sprintf(", not %q", n.Value)
	if n.Kind != yaml.ScalarNode {
		not = ""
	}
	fits := func(into any) bool { return n.Kind == yaml.ScalarNode && n.Decode(into) == nil }
	switch {
	case t == reflect.TypeFor[time.Duration]():
		if !fits(new(time.Duration)) {
			return "a time with its unit, such as 2s or 500ms" + not
		}
	case t.Kind() == reflect.Float64:
		if !fits(new(float64)) {
			return "a number" + not
		}
	case t.Kind() == reflect.Bool:
		if !fits(new(bool)) {
			return "true or false" + not
		}
	case t.Kind() == reflect.String:
		if n.Kind != yaml.ScalarNode {
			return "text"
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		if n.Decode(new([]string)) != nil || n.Kind != yaml.SequenceNode {
			return "a list such as [person, car]" + not
		}
	case t.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return "a list of points such as [[0, 0], [1, 0], [1, 1]]" + not
		}
	case t.Kind() == reflect.Map:
		if n.Kind != yaml.MappingNode {
			return "names, each with what it has" + not
		}
	}
	return ""
}

func twice(n *yaml.Node) error {
	seen := map[string]bool{}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if k := n.Content[i]; seen[k.Value] {
			return fmt.Errorf("%d: duplicate key %q", k.Line, k.Value)
		}
		seen[n.Content[i].Value] = true
	}
	return nil
}

func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// order are the keys of a mapping within a mapping, as they stand.
func order(n *yaml.Node, key string) []string {
	var out []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		inner := follow(n.Content[i+1])
		for k := 0; k < len(inner.Content); k += 2 {
			out = append(out, inner.Content[k].Value)
		}
	}
	return out
}
