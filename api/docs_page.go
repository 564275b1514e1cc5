package api

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// docsPage is /docs: the operations for people, from the same table as
// /openapi.json.
func (s *Server) docsPage() ([]byte, error) {
	t, err := template.ParseFS(pageFiles, "page/docs.html")
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = t.Execute(&page, map[string]any{
		"Version": s.cfg.Version, "MaxBody": s.cfg.MaxBody, "MaxMemory": s.cfg.MaxPictureMemory, "Keys": len(s.keys) > 0,
		"Groups": docGroups(), "Types": docTypes(), "Problems": docProblems(),
	})
	return page.Bytes(), err
}

type docGroup struct {
	ID, Name   string
	Operations []docOperation
}

type docOperation struct {
	ID, Method, Path, Summary, About, Example string
	Query                                     []docField
	Forms                                     [][]docField
	Takes, Answers                            string
	Open                                      bool
}

type docField struct{ Name, Type, About string }

func docGroups() []docGroup {
	var groups []docGroup
	for _, op := range operations() {
		i := slices.IndexFunc(groups, func(g docGroup) bool { return g.Name == op.tag })
		if i < 0 {
			i = len(groups)
			groups = append(groups, docGroup{ID: strings.ReplaceAll(strings.ToLower(op.tag), " ", "-"), Name: op.tag})
		}
		d := docOperation{
			ID: op.id(), Method: op.method, Path: op.path, Summary: op.summary, About: op.about, Example: op.example,
			Query: docParameters(op.query), Answers: docContents(op.answers), Open: op.open,
		}
		var takes []content
		for _, c := range op.bodies {
			if c.form != nil {
				d.Forms = append(d.Forms, docParameters(c.form))
			}
			takes = append(takes, c)
		}
		d.Takes = docContents(takes)
		groups[i].Operations = append(groups[i].Operations, d)
	}
	return groups
}

func docParameters(params []parameter) []docField {
	var fields []docField
	for _, p := range params {
		fields = append(fields, docField{Name: p.name, About: p.about})
	}
	return fields
}

// docContents is a line such as "application/json (Result), image/jpeg".
func docContents(contents []content) string {
	var words []string
	for _, c := range contents {
		switch {
		case c.media == "":
			words = append(words, http.StatusText(c.status))
		case c.of != nil:
			words = append(words, fmt.Sprintf("%s (%s)", c.media, typeWords(c.of)))
		default:
			words = append(words, c.media)
		}
	}
	return strings.Join(words, ", ")
}

func typeWords(t reflect.Type) string {
	if t.Kind() == reflect.Slice {
		return "list of " + t.Elem().Name()
	}
	return t.Name()
}

type docType struct {
	Name   string
	Fields []docField
}

// docTypes lists the types of all bodies and answers with their fields.
func docTypes() []docType {
	types := newSchemas()
	for _, op := range operations() {
		for _, c := range slices.Concat(op.bodies, op.answers) {
			if c.of != nil {
				types.of(c.of)
			}
		}
		types.of(op.errorType)
	}
	var list []docType
	for _, name := range sortedKeys(types.components) {
		t := docType{Name: name}
		properties, _ := types.components[name]["properties"].(map[string]any)
		for _, key := range types.order[name] {
			schema, _ := properties[key].(map[string]any)
			about, _ := schema["description"].(string)
			t.Fields = append(t.Fields, docField{key, schemaWords(schema), about})
		}
		list = append(list, t)
	}
	return list
}

// schemaWords says a schema in a few words: "list of Detection".
func schemaWords(schema map[string]any) string {
	if ref, ok := schema["$ref"].(string); ok {
		return ref[strings.LastIndexByte(ref, '/')+1:]
	}
	switch schema["type"] {
	case "array":
		items, _ := schema["items"].(map[string]any)
		if n, ok := schema["minItems"]; ok {
			return fmt.Sprintf("%v of %s", n, schemaWords(items))
		}
		return "list of " + schemaWords(items)
	case "object":
		if of, ok := schema["additionalProperties"].(map[string]any); ok {
			return "object of " + schemaWords(of)
		}
		return "object"
	case "string":
		if schema["contentEncoding"] != nil {
			return "base64"
		}
		return "text"
	case nil:
		return "any"
	}
	if types, ok := schema["type"].([]string); ok {
		return strings.ReplaceAll(strings.Join(types, " or "), "string", "text")
	}
	return fmt.Sprint(schema["type"])
}

type docProblem struct {
	Slug, Title, Remedy string
	Status              int
}

func docProblems() []docProblem {
	list := make([]docProblem, len(catalogue))
	for i, k := range catalogue {
		list[i] = docProblem{k.slug, k.title, k.remedy, k.status}
	}
	slices.SortStableFunc(list, func(a, b docProblem) int { return a.Status - b.Status })
	return list
}
