package api

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"net/http"
	"strings"
	"testing"

	"example.com/riffle/detector"
)

// frigateForm is the form of Frigate's deepstack plugin as the requests library
// sends it: an api_key field, and the bytes as a file whose name is its field's,
// without a content type.
func frigateForm(photo []byte) (body []byte, contentType string) {
	const b = "57d5a4da0ab34a3ba8a1a4a0c0d2a8c5"
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "--%s\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\n\r\n", b)
	fmt.Fprintf(&buf, "--%s\r\nContent-Disposition: form-data; name=\"image\"; filename=\"image\"\r\n\r\n%s\r\n--%s--\r\n", b, photo, b)
	return buf.Bytes(), "multipart/form-data; boundary=" + b
}

// crowd finds 30 objects, the surest first.
type crowd struct{ fake }

func (*crowd) Detect(context.Context, image.Image, detector.Filter) (detector.Result, error) {
	found := make([]detector.Detection, 30)
	for i := range found {
		found[i] = detector.Detection{Label: "person", CategoryID: 1, Score: 0.95 - float32(i)/100, Box: detector.Box{X1: 0.4, Y1: 0.6, X2: 20.5, Y2: 319.7}}
	}
	return detector.Result{Detections: found}, nil
}

func TestDeepStackAsFrigateAsks(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) {
		c.Models[0].Open = opens(&crowd{})
	})
	body, contentType := frigateForm(jpegOf(t, 320, 320))
	w := post(s, "/v1/vision/detection", body, "Content-Type", contentType, "User-Agent", "python-requests/2.32.3")
	var got DeepStackAnswer
	decodeAnswer(t, w, &got)
	if w.Code != 200 || !got.Success || got.Code != 200 || len(got.Predictions) != 20 || got.Count != 20 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, p := range got.Predictions {
		if p.Confidence < 0.4 || i > 0 && p.Confidence > got.Predictions[i-1].Confidence {
			t.Errorf("prediction %d: confidence %v", i, p.Confidence)
		}
		if p.XMin != 0 || p.YMin != 1 || p.XMax != 21 || p.YMax != 320 || p.Label != "person" {
			t.Errorf("prediction %d: %+v", i, p)
		}
	}
	const start = `{"success":true,"message":"Found person, person`
	if !strings.HasPrefix(w.Body.String(), start) {
		t.Errorf("got %s", w.Body)
	}
	for _, key := range []string{`"inferenceMs":`, `"processMs":`, `"analysisRoundTripMs":`, `"moduleId":"riffle"`, `"command":"detect"`, `"executionProvider":"CPU"`, `"canUseGPU":false`} {
		if !strings.Contains(w.Body.String(), key) {
			t.Errorf("no %s in %s", key, w.Body)
		}
	}
}

func TestDeepStackParameters(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := string(jpegOf(t, 80, 40))
	tests := []struct {
		path   string
		fields []formPart
		want   string
	}{
		{"/v1/vision/detection", nil, "person car dog"},
		{"/v1/vision/detection/", []formPart{{"min_confidence", "", "0.5"}}, "person car"},
		{"/v1/vision/detection", []formPart{{"min_confidence", "", "0,05"}, {"whatever", "", "x"}}, "person car dog dining table"},
		{"/v1/vision/detection", []formPart{{"min_confidence", "", "0.05"}, {"max_detections", "", "1"}}, "person"},
		{"/v1/vision/custom/fake", []formPart{{"min_confidence", "", "0.9"}}, "person"},
	}
	for _, tt := range tests {
		body, contentType := formOf(t, append(tt.fields, formPart{"picture", "a.jpg", photo})...)
		w := post(s, tt.path, body.Bytes(), "Content-Type", contentType)
		var got DeepStackAnswer
		decodeAnswer(t, w, &got)
		var labels []string
		for _, p := range got.Predictions {
			labels = append(labels, p.Label)
		}
		if w.Code != 200 || strings.Join(labels, " ") != tt.want {
			t.Errorf("%s %v: %d %s", tt.path, tt.fields, w.Code, w.Body)
		}
	}
	body, contentType := formOf(t, formPart{"min_confidence", "", "1"}, formPart{"image", "a.jpg", photo})
	w := post(s, "/v1/vision/detection", body.Bytes(), "Content-Type", contentType)
	if !strings.Contains(w.Body.String(), `"message":"No objects found","count":0,"predictions":[]`) {
		t.Errorf("nothing found: %s", w.Body)
	}
}

func TestDeepStackErrors(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	form := func(parts ...formPart) ([]byte, string) {
		body, contentType := formOf(t, parts...)
		return body.Bytes(), contentType
	}
	photo := string(jpegOf(t, 80, 40))
	text, textType := form(formPart{"image", "a.jpg", "text"})
	cut, cutType := form(formPart{"image", "a.jpg", photo[:200]})
	none, noneType := form(formPart{"min_confidence", "", "0.4"})
	bad, badType := form(formPart{"min_confidence", "", "x"}, formPart{"image", "a.jpg", photo})
	good, goodType := form(formPart{"image", "a.jpg", photo})
	for _, tt := range []struct {
		path, contentType string
		body              []byte
		status            int
		want              string
	}{
		{"detection", textType, text, 400, "not a picture"},
		{"detection", cutType, cut, 400, "cut short"},
		{"detection", noneType, none, 400, "no picture"},
		{"detection", badType, bad, 400, "min_confidence"},
		{"detection", "image/jpeg", []byte(photo), 400, "multipart/form-data"},
		{"custom/fak", goodType, good, 404, `did you mean "fake"?`},
		{"face", goodType, good, 404, "/v1/vision/face"},
		{"scene", goodType, good, 404, "riffle detects objects"},
	} {
		w := post(s, "/v1/vision/"+tt.path, tt.body, "Content-Type", tt.contentType)
		var got DeepStackError
		decodeAnswer(t, w, &got)
		if w.Code != tt.status || got.Success || got.Code != tt.status || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%s: %d %s, want %d %q", tt.path, w.Code, w.Body, tt.status, tt.want)
		}
		if strings.Contains(w.Body.String(), "predictions") {
			t.Error("Frigate takes an answer with predictions for a good one")
		}
	}
}

func TestDeepStackListAndPing(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.Models = append(c.Models, Model{Name: "other", Open: c.Models[0].Open}) })
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := call(s, method, "/v1/vision/custom/list", nil)
		var got DeepStackModels
		decodeAnswer(t, w, &got)
		if w.Code != 200 || !got.Success || strings.Join(got.Models, " ") != "fake other" {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	if w := call(s, "GET", "/v1/status/ping", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"success":true`) {
		t.Errorf("ping: %d %s", w.Code, w.Body)
	}
}

func TestDeepStackKeyInTheForm(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.APIKeys = []string{"secret-key"} })
	photo := string(jpegOf(t, 80, 40))
	ask := func(key string, headers ...string) int {
		body, contentType := formOf(t, formPart{"api_key", "", key}, formPart{"image", "image", photo})
		return post(s, "/v1/vision/detection", body.Bytes(), append(headers, "Content-Type", contentType)...).Code
	}
	if code := ask("secret-key"); code != 200 {
		t.Errorf("key in the form: %d", code)
	}
	if code := ask("", "X-Api-Key", "secret-key"); code != 200 {
		t.Errorf("key in the header: %d", code)
	}
	if code := ask("wrong"); code != 401 {
		t.Errorf("wrong key: %d", code)
	}
	if code := ask(""); code != 401 {
		t.Errorf("no key: %d", code)
	}
}
