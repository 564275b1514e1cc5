package api

import (
	"context"
	"encoding/json"
	"image"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/riffle/classifier"
	"example.com/riffle/models/modelfile"
)

// fakeClassifier says what a picture's size is.
type fakeClassifier struct{}

func (fakeClassifier) Info() classifier.Info {
	return classifier.Info{Name: "shapes", Width: 224, Height: 224, Classes: []modelfile.Class{{ID: 0, Name: "wide"}, {ID: 1, Name: "tall"}, {ID: 2, Name: "square"}}}
}

func (fakeClassifier) Classify(_ context.Context, photo image.Image, top int) (classifier.Result, error) {
	list := []classifier.Score{{Label: "wide", ID: 0, Score: 0.7}, {Label: "tall", ID: 1, Score: 0.2}, {Label: "square", ID: 2, Score: 0.1}}
	if b := photo.Bounds(); b.Dy() > b.Dx() {
		list[0], list[1] = classifier.Score{Label: "tall", ID: 1, Score: 0.7}, classifier.Score{Label: "wide", ID: 0, Score: 0.2}
	}
	return classifier.Result{Classes: list[:min(top, len(list))], Timing: classifier.Timing{Network: time.Millisecond}}, nil
}

func withClassifier(c *Config) {
	c.Models = append(c.Models, Model{Name: "shapes", Open: OpenClassifier(func() (Classifier, error) { return fakeClassifier{}, nil }), Workers: 2})
}

func classification(t *testing.T, r *httptest.ResponseRecorder) Classification {
	t.Helper()
	var c Classification
	if r.Code != 200 {
		t.Fatalf("status %d: %s", r.Code, r.Body)
	}
	if err := json.Unmarshal(r.Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClassify(t *testing.T) {
	s := newTestServer(t, &fake{}, withClassifier)
	wide, tall := jpegOf(t, 80, 40), pngOf(t, 30, 50)
	form, formType := formOf(t, formPart{"image", "a.png", string(tall)}, formPart{"top", "", "1"})
	for name, c := range map[string]struct {
		r     *httptest.ResponseRecorder
		label string
		n     int
	}{
		"body":  {post(s, "/classify", wide), "wide", 3},
		"query": {post(s, "/classify?top=2&model=shapes", tall), "tall", 2},
		"form":  {post(s, "/classify?top=3", form.Bytes(), "Content-Type", formType), "tall", 1},
		"JSON":  {post(s, "/classify", jsonBody(t, map[string]any{"image": b64(wide), "top": 1}), "Content-Type", "application/json"), "wide", 1},
	} {
		got := classification(t, c.r)
		if got.Model != "shapes" || len(got.Classes) != c.n || got.Classes[0].Label != c.label || got.Classes[0].Score != 0.7 {
			t.Errorf("%s: %+v", name, got)
		}
		if _, ok := got.TimingMS["network"]; !ok || got.TimingMS["total"] <= 0 {
			t.Errorf("%s: timing %v", name, got.TimingMS)
		}
	}
	if got := classification(t, post(s, "/classify", wide)); got.Width != 80 || got.Height != 40 {
		t.Errorf("picture of %dx%d", got.Width, got.Height)
	}
}

func TestClassifyBatch(t *testing.T) {
	s := newTestServer(t, &fake{}, withClassifier)
	form, formType := formOf(t, formPart{"image", "a.jpg", string(jpegOf(t, 80, 40))}, formPart{"image", "b.txt", "text"},
		formPart{"image", "c.png", string(pngOf(t, 30, 50))})
	r := post(s, "/classify", form.Bytes(), "Content-Type", formType)
	var b ClassificationBatch
	if err := json.Unmarshal(r.Body.Bytes(), &b); err != nil || r.Code != 200 {
		t.Fatal(r.Code, r.Body, err)
	}
	if len(b.Results) != 3 || b.Results[0].Classes[0].Label != "wide" || b.Results[2].Classes[0].Label != "tall" {
		t.Errorf("batch %s", r.Body)
	}
	if bad := b.Results[1]; bad.Name != "b.txt" || bad.Error == nil || bad.Error.Status != 415 || bad.Classification != nil {
		t.Errorf("text as a picture: %s", r.Body)
	}
}

func TestClassifyMistakes(t *testing.T) {
	s := newTestServer(t, &fake{}, withClassifier)
	photo := jpegOf(t, 8, 8)
	for _, c := range []struct {
		server *Server
		path   string
		status int
		want   string
	}{
		{s, "/classify?top=0", 400, "top must be an integer of at least 1"},
		{s, "/classify?top=many", 400, "integer"},
		{s, "/classify?threshold=0.5", 400, `unknown parameter \"threshold\"`},
		{s, "/detect?top=3", 400, `unknown parameter \"top\"`},
		{s, "/classify?model=shape", 404, `\"shapes\"`},
		{s, "/classify?model=fake", 404, `model \"fake\" is a detector: use /detect`},
		{s, "/detect?model=shapes", 404, `model \"shapes\" is a classifier: use /classify`},
		{newTestServer(t, &fake{}, nil), "/classify", 404, "offers no classifier"},
	} {
		r := post(c.server, c.path, photo)
		if r.Code != c.status || !strings.Contains(r.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d and %q", c.path, r.Code, r.Body, c.status, c.want)
		}
	}
}

func TestModelsTellTheirTask(t *testing.T) {
	s := newTestServer(t, &fake{}, withClassifier)
	var list ModelList
	if err := json.Unmarshal(call(s, "GET", "/models", nil).Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != 2 || list.Models[0].Task != "detect" || list.Models[1].Task != "classify" || len(list.Models[1].Classes) != 3 {
		t.Errorf("models %+v", list.Models)
	}
	if text := call(s, "GET", "/metrics", nil).Body.String(); !strings.Contains(text, `riffle_model_info{ap="0",classes="3",input="224x224",model="shapes"`) {
		t.Error("the classifier is not among the metrics")
	}
}

func TestModelsThatCannotBeOffered(t *testing.T) {
	class := OpenClassifier(func() (Classifier, error) { return fakeClassifier{}, nil })
	for name, cfg := range map[string]Config{
		"nothing to open it with": {Models: []Model{{Name: "a"}}},
		"one name for two":        {Models: []Model{{Name: "a", Open: opens(&fake{})}, {Name: "a", Open: class}}},
		"none":                    {},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A service of a classifier alone answers for it, and says what it has not.
func TestServiceWithoutADetector(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.Models = nil; withClassifier(c); c.Preload = true })
	if w := call(s, "GET", "/readyz", nil); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantProblem(t, post(s, "/detect", jpegOf(t, 8, 8)), 404, "unknown-model", "offers no detector")
	if w := call(s, "GET", "/doods/detectors", nil); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestRealClassifier goes through package classifier.
func TestRealClassifier(t *testing.T) {
	data, err := os.ReadFile("../testdata/tiny_classifier.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	photo, err := os.ReadFile("../testdata/tiny_photo.png")
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(t, &fake{}, func(c *Config) {
		c.Models = append(c.Models, Model{Name: "tiny", Open: OpenClassifier(func() (Classifier, error) { return classifier.New(data, classifier.Options{}) })})
	})
	got := classification(t, post(s, "/classify?top=2", photo))
	if len(got.Classes) != 2 || got.Classes[0].Label != "blue" || got.Classes[1].Label != "red" || got.Width != 131 {
		t.Errorf("%+v", got)
	}
}
