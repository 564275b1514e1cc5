package video

import (
	"fmt"
	"reflect"
	"strings"

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
		if err := known(value, field); err != nil {
			return err
		}
	}
	return twice(n)
}

func twice(n *yaml.Node) error {
	seen := map[string]bool{}
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		if k := n.Content[i]; seen[k.Value] {
			return fmt.Errorf("%d: key %q stands here a second time", k.Line, k.Value)
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
