package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

func TestEveryRouteIsDocumented(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	var routes, documented []string
	err := chi.Walk(s.handler.(chi.Routes), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if route != "/" {
			route = strings.TrimSuffix(route, "/")
		}
		routes = append(routes, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, op := range operations() {
		documented = append(documented, op.method+" "+op.path)
		if ids[op.id()] {
			t.Errorf("two operations are called %s", op.id())
		}
		ids[op.id()] = true
	}
	slices.Sort(routes)
	slices.Sort(documented)
	if !slices.Equal(routes, documented) {
		t.Errorf("routes\n%s\ndocumented\n%s", strings.Join(routes, "\n"), strings.Join(documented, "\n"))
	}
}

func TestOpenAPI(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.Version = "1.2.3" })
	w := call(s, "GET", "/openapi.json", nil)
	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			Responses   map[string]any
			Parameters  []struct{ Name, In string }
			RequestBody struct{ Content map[string]any }
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 200 {
		t.Fatalf("%d %v", w.Code, err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "riffle" || doc.Info.Version != "1.2.3" {
		t.Errorf("%s %+v", doc.OpenAPI, doc.Info)
	}
	detect := doc.Paths["/detect"]["post"]
	for _, status := range []string{"200", "400", "401", "403", "404", "406", "408", "413", "415", "422", "500", "503"} {
		if detect.Responses[status] == nil {
			t.Errorf("/detect documents no %s", status)
		}
	}
	for _, media := range []string{"multipart/form-data", "application/json", "image/*", "application/octet-stream"} {
		if detect.RequestBody.Content[media] == nil {
			t.Errorf("/detect documents no %s", media)
		}
	}
	var names []string
	for _, p := range detect.Parameters {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, detectTask.params) {
		t.Errorf("documented parameters %v, understood ones %v", names, detectTask.params)
	}
	if _, ok := doc.Paths["/v1/vision/detection"]["post"].Responses["415"]; ok {
		t.Error("DeepStack's routes answer 400 for what is no picture")
	}
	// Every reference leads somewhere.
	for _, part := range strings.Split(w.Body.String(), `"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("nothing behind the reference %s", name)
		}
	}
}

// What is answered has the documented keys, and all that are required.
func TestAnswersFitTheirSchemas(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	types := newSchemas()
	for _, op := range operations() {
		for _, c := range slices.Concat(op.bodies, op.answers) {
			if c.of != nil {
				types.of(c.of)
			}
		}
		types.of(op.errorType)
	}
	photo := jpegOf(t, 80, 40)
	form, formType := formOf(t, formPart{"image", "a", string(photo)}, formPart{"image", "b", "text"})
	classify := newTestServer(t, &fake{}, withClassifier)
	segment := newTestServer(t, &fake{}, withSegmenter)
	deep, deepType := formOf(t, formPart{"image", "a", string(photo)})
	infer, _ := kserveBody(t, false, nil, photo)
	for name, body := range map[string]string{
		"Result":              post(s, "/detect", photo).Body.String(),
		"Batch":               post(s, "/detect", form.Bytes(), "Content-Type", formType).Body.String(),
		"Classification":      post(classify, "/classify", photo).Body.String(),
		"ClassificationBatch": post(classify, "/classify", form.Bytes(), "Content-Type", formType).Body.String(),
		"Segmentation":        post(segment, "/segment?map=true", photo).Body.String(),
		"Problem":             post(s, "/detect", nil).Body.String(),
		"ModelList":           call(classify, "GET", "/models", nil).Body.String(),
		"Health":              call(s, "GET", "/healthz", nil).Body.String(),
		"DeepStackAnswer":     post(s, "/v1/vision/detection", deep.Bytes(), "Content-Type", deepType).Body.String(),
		"DeepStackError":      post(s, "/v1/vision/detection", nil).Body.String(),
		"DeepStackModels":     call(s, "GET", "/v1/vision/custom/list", nil).Body.String(),
		"DeepStackPing":       call(s, "GET", "/v1/status/ping", nil).Body.String(),
		"DoodsDetectors":      call(s, "GET", "/doods/detectors", nil).Body.String(),
		"DoodsResponse":       post(s, "/doods/detect", jsonBody(t, map[string]any{"data": b64(photo), "image": "png"})).Body.String(),
		"KServeModel":         call(s, "GET", "/v2/models/fake", nil).Body.String(),
		"KServeResponse":      post(s, "/v2/models/fake/infer", infer).Body.String(),
		"KServeError":         post(s, "/v2/models/fake/infer", nil).Body.String(),
		"KServeServer":        call(s, "GET", "/v2", nil).Body.String(),
	} {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Errorf("%s: %q: %v", name, body, err)
			continue
		}
		for _, fault := range fits(types, map[string]any{"$ref": "#/components/schemas/" + name}, v, name) {
			t.Error(fault)
		}
	}
}

// fits holds a value against a schema, as far as our schemas go.
func fits(types *schemas, schema map[string]any, v any, at string) (faults []string) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = types.components[strings.TrimPrefix(ref, "#/components/schemas/")]
	}
	wrong := func(want string) []string { return []string{at + " must be " + want} }
	switch schema["type"] {
	case "object":
		object, ok := v.(map[string]any)
		if !ok {
			return wrong("an object")
		}
		properties, _ := schema["properties"].(map[string]any)
		rest, open := schema["additionalProperties"].(map[string]any)
		for key, value := range object {
			sub, known := properties[key].(map[string]any)
			if !known {
				if sub = rest; !open {
					faults = append(faults, at+"."+key+" is not documented")
					continue
				}
			}
			faults = append(faults, fits(types, sub, value, at+"."+key)...)
		}
		required, _ := schema["required"].([]string)
		for _, key := range required {
			if _, ok := object[key]; !ok {
				faults = append(faults, at+"."+key+" is missing")
			}
		}
	case "array":
		list, ok := v.([]any)
		if !ok {
			return wrong("a list")
		}
		if n, ok := schema["minItems"]; ok && n != len(list) {
			faults = append(faults, at+" has a wrong length")
		}
		for _, item := range list {
			faults = append(faults, fits(types, schema["items"].(map[string]any), item, at+"[]")...)
		}
	case "string":
		if _, ok := v.(string); !ok {
			return wrong("text")
		}
	case "number", "integer":
		if f, ok := v.(float64); !ok || schema["type"] == "integer" && f != float64(int64(f)) {
			return wrong("a number")
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong("true or false")
		}
	}
	return faults
}

func TestDocsPage(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	w := call(s, "GET", "/docs", nil)
	body := w.Body.String()
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, k := range catalogue {
		if !strings.Contains(body, `id="`+k.slug+`"`) {
			t.Errorf("the type of a problem leads to /docs#%s, which is not there", k.slug)
		}
	}
	for _, want := range []string{"curl -F image=@street.jpg", "/v1/vision/detection", "DoodsRequest", "max_detections", "list of Detection"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestPage(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.APIKeys = []string{"k"} })
	for path, contentType := range map[string]string{
		"/": "text/html", "/page/app.js": "text/javascript", "/page/style.css": "text/css", "/page/icon.svg": "image/svg+xml", "/docs": "text/html",
	} {
		w := call(s, "GET", path, nil)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), contentType) {
			t.Errorf("%s: %d %q", path, w.Code, w.Header().Get("Content-Type"))
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
		// Nothing comes from anywhere else, and nothing inline that the policy forbids.
		for _, bad := range []string{"https://", "<script>", "style=", "onclick"} {
			if strings.Contains(strings.ReplaceAll(w.Body.String(), "only on https:// pages", ""), bad) && path != "/docs" && path != "/page/app.js" {
				t.Errorf("%s has %s", path, bad)
			}
		}
	}
	for _, path := range []string{"/page/docs.html", "/page/index.html", "/page/nope.js", "/page/..%2fdocs.go"} {
		if w := call(s, "GET", path, nil); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
