package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// openAPI is the description of all operations as an OpenAPI 3.1 document.
func openAPI(version string) ([]byte, error) {
	types := newSchemas()
	paths := map[string]map[string]any{}
	for _, op := range operations() {
		if paths[op.path] == nil {
			paths[op.path] = map[string]any{}
		}
		paths[op.path][strings.ToLower(op.method)] = op.describe(types)
	}
	if version == "" {
		version = "0"
	}
	return json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "riffle", "version": version,
			"description": "Object detection over HTTP. Pictures in, labelled boxes out.",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{map[string]any{"url": "."}}, // from where this document lies, under whatever prefix
		"paths":   paths,
		"components": map[string]any{
			"schemas": types.components,
			"securitySchemes": map[string]any{
				"bearer": map[string]any{"type": "http", "scheme": "bearer"},
				"key":    map[string]any{"type": "apiKey", "in": "header", "name": "X-Api-Key"},
			},
		},
	})
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

func (op *operation) describe(types *schemas) map[string]any {
	d := map[string]any{"summary": op.summary, "tags": []string{op.tag}, "operationId": op.id(), "responses": op.responses(types)}
	if op.about != "" {
		d["description"] = op.about
	}
	if !op.open {
		// An empty entry: keys are optional, a service may have none.
		d["security"] = []any{map[string]any{}, map[string]any{"bearer": []any{}}, map[string]any{"key": []any{}}}
	}
	params := []any{}
	for _, m := range pathParameter.FindAllStringSubmatch(op.path, -1) {
		params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	for _, p := range op.query {
		params = append(params, map[string]any{"name": p.name, "in": "query", "description": p.about, "schema": p.schema})
	}
	if len(params) > 0 {
		d["parameters"] = params
	}
	if len(op.bodies) > 0 {
		media := map[string]any{}
		for _, c := range op.bodies {
			media[c.media] = map[string]any{"schema": c.schema(types)}
		}
		d["requestBody"] = map[string]any{"required": true, "content": media}
	}
	return d
}

// id names the operation for generators of clients: post_v1_vision_detection.
func (op *operation) id() string {
	words := strings.FieldsFunc(op.path, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.Join(append([]string{strings.ToLower(op.method)}, words...), "_")
}

func (op *operation) responses(types *schemas) map[string]any {
	byStatus := map[int]map[string][]map[string]any{}
	add := func(status int, media string, schema map[string]any) {
		if byStatus[status] == nil {
			byStatus[status] = map[string][]map[string]any{}
		}
		if media != "" && !slices.ContainsFunc(byStatus[status][media], func(s map[string]any) bool { return fmt.Sprint(s) == fmt.Sprint(schema) }) {
			byStatus[status][media] = append(byStatus[status][media], schema)
		}
	}
	for _, c := range op.answers {
		add(c.status, c.media, c.schema(types))
	}
	about := map[int][]string{}
	for _, k := range op.failures() {
		status := op.statusOf(k)
		add(status, op.errorMedia, types.of(op.errorType))
		if !slices.Contains(about[status], k.title) {
			about[status] = append(about[status], k.title)
		}
	}
	out := map[string]any{}
	for status, medias := range byStatus {
		r := map[string]any{"description": http.StatusText(status)}
		if words := about[status]; len(words) > 0 {
			r["description"] = strings.Join(words, "; ")
		}
		content := map[string]any{}
		for media, list := range medias {
			schema := list[0]
			if len(list) > 1 {
				schema = map[string]any{"oneOf": list}
			}
			content[media] = map[string]any{"schema": schema}
		}
		if len(content) > 0 {
			r["content"] = content
		}
		if status == http.StatusServiceUnavailable {
			r["headers"] = map[string]any{"Retry-After": map[string]any{"description": "seconds", "schema": map[string]any{"type": "integer"}}}
		}
		out[strconv.Itoa(status)] = r
	}
	return out
}

// failures are the kinds that this operation can answer with.
func (op *operation) failures() []*problemKind {
	kinds := op.problems
	if !op.open {
		kinds = append(slices.Clone(kinds), kindUnauthorized)
	}
	if len(op.bodies) > 0 {
		kinds = append(slices.Clone(kinds), kindForeignOrigin, kindInternal)
	}
	return kinds
}

// statusOf is a kind's status on this route.
func (op *operation) statusOf(k *problemKind) int {
	if op.tag == tagDeep {
		return deepStackStatus(k.status)
	}
	return k.status
}

func (c *content) schema(types *schemas) map[string]any {
	switch {
	case c.form != nil:
		properties := map[string]any{}
		for _, p := range c.form {
			field := map[string]any{"description": p.about}
			for k, v := range p.schema {
				field[k] = v
			}
			properties[p.name] = field
		}
		return map[string]any{"type": "object", "properties": properties}
	case c.of != nil:
		return types.of(c.of)
	case strings.HasPrefix(c.media, "text/"):
		return map[string]any{"type": "string"}
	}
	return map[string]any{}
}

func (s *Server) handleOpenAPI(w http.ResponseWriter, r *http.Request) error {
	writeText(w, r, http.StatusOK, "application/json", s.openAPI)
	return nil
}
