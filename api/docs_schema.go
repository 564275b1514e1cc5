package api

import (
	"encoding/json"
	"reflect"
	"strings"
)

// schemas collects JSON schemas (2020-12, as OpenAPI 3.1 has them) of Go types:
// keys from the json tags, descriptions from the doc tags. Structs with names
// become components that others refer to.
type schemas struct {
	components map[string]map[string]any
	order      map[string][]string // of each component's keys, as its type has them
}

func newSchemas() *schemas {
	return &schemas{map[string]map[string]any{}, map[string][]string{}}
}

var (
	typePicture  = reflect.TypeFor[base64Picture]()
	typeLabels   = reflect.TypeFor[labelRules]()
	typeRawJSON  = reflect.TypeFor[json.RawMessage]()
	typeNumber   = reflect.TypeFor[looseNumber]()
	typeText     = reflect.TypeFor[looseText]()
	typeBool     = reflect.TypeFor[looseBool]()
	typeList     = reflect.TypeFor[looseList]()
	typeAnything = reflect.TypeFor[any]()
)

// of is the schema of a type.
func (s *schemas) of(t reflect.Type) map[string]any {
	switch t {
	case typePicture:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case typeLabels:
		return map[string]any{"oneOf": []any{
			map[string]any{"type": "string"},
			map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
			map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "number", "minimum": 0, "maximum": 1}},
		}}
	case typeNumber:
		return map[string]any{"type": []string{"number", "string"}}
	case typeText:
		return map[string]any{"type": []string{"string", "number", "boolean"}}
	case typeBool:
		return map[string]any{"type": []string{"boolean", "string", "integer"}}
	case typeList:
		return map[string]any{"oneOf": []any{
			map[string]any{"type": "array", "items": map[string]any{"type": "string"}}, map[string]any{"type": "string"},
		}}
	case typeRawJSON, typeAnything:
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Array:
		return map[string]any{"type": "array", "items": s.of(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.ofStruct(t)
	}
	return map[string]any{"type": "integer"}
}

func (s *schemas) ofStruct(t reflect.Type) map[string]any {
	name := t.Name()
	if name == "" {
		return s.object(t, new([]string))
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if _, known := s.components[name]; !known {
		s.components[name] = nil // breaks the circle of a type within itself
		var order []string
		s.components[name] = s.object(t, &order)
		s.order[name] = order
	}
	return map[string]any{"$ref": "#/components/schemas/" + name}
}

func (s *schemas) object(t reflect.Type, order *[]string) map[string]any {
	properties, required := map[string]any{}, []string{}
	s.addFields(t, properties, &required, order)
	object := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		object["required"] = required
	}
	return object
}

// addFields adds a struct's fields, and those of structs embedded in it. What
// an embedded pointer brings may be missing.
func (s *schemas) addFields(t reflect.Type, properties map[string]any, required, order *[]string) {
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Pointer:
			s.addFields(field.Type.Elem(), properties, new([]string), order)
			continue
		case field.Anonymous && name == "":
			s.addFields(field.Type, properties, required, order)
			continue
		case name == "" || name == "-":
			continue
		}
		schema := s.of(field.Type)
		if doc := field.Tag.Get("doc"); doc != "" {
			schema["description"] = doc
		}
		properties[name] = schema
		*order = append(*order, name)
		if !strings.Contains(options, "omitempty") {
			*required = append(*required, name)
		}
	}
}
