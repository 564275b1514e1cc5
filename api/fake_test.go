package api

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"example.com/riffle/detector"
)

// fake is a detector whose answer follows from the picture: one object for each
// quarter of its width, so that a test sees whose picture it got.
type fake struct {
	calls   atomic.Int64
	running atomic.Int64
	most    atomic.Int64                    // ever running at a time
	before  func(ctx context.Context) error // of every call
}

var fakeClasses = []detector.Class{{ID: 1, Name: "person"}, {ID: 2, Name: "bicycle"}, {ID: 3, Name: "car"}, {ID: 18, Name: "dog"}, {ID: 67, Name: "dining table"}}

func (f *fake) Info() detector.Info {
	return detector.Info{Name: "fake-weights", Width: 352, Height: 352, Classes: fakeClasses, AP: detector.Accuracy{AP: 0.3}}
}

func (f *fake) Detect(ctx context.Context, photo image.Image, _ detector.Filter) (detector.Result, error) {
	f.calls.Add(1)
	now := f.running.Add(1)
	defer f.running.Add(-1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	if f.before != nil {
		if err := f.before(ctx); err != nil {
			return detector.Result{}, err
		}
	}
	r := detector.Result{Timing: detector.Timing{Network: time.Millisecond}}
	for _, d := range fakeSees(photo.Bounds().Dx(), photo.Bounds().Dy()) {
		box := detector.Box{X1: d.Box[0], Y1: d.Box[1], X2: d.Box[2], Y2: d.Box[3]}
		r.Detections = append(r.Detections, detector.Detection{Label: d.Label, CategoryID: d.CategoryID, Score: d.Score, Box: box})
	}
	return r, nil
}

// fakeSees is what the fake finds in a picture of a size.
func fakeSees(width, height int) []Detection {
	w, h := float32(width), float32(height)
	return []Detection{
		{Label: "person", CategoryID: 1, Score: 0.9, Box: [4]float32{0, 0, w / 4, h}},
		{Label: "car", CategoryID: 3, Score: 0.6, Box: [4]float32{w / 4, 0, w / 2, h / 2}},
		{Label: "dog", CategoryID: 18, Score: 0.4, Box: [4]float32{w / 2, h / 2, 3 * w / 4, h}},
		{Label: "dining table", CategoryID: 67, Score: 0.1, Box: [4]float32{3 * w / 4, 0, w, h}},
	}
}

// opens is how a model of a detector is opened.
func opens(d Detector) OpenDetector { return func() (Detector, error) { return d, nil } }

// newTestServer serves a fake as the model "fake".
func newTestServer(t testing.TB, f *fake, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Models:    []Model{{Name: "fake", Open: opens(f), Workers: 2}},
		Threshold: 0.3,
		Log:       zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testImage(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{90, 130, 60, 255}), image.Point{}, draw.Src)
	return img
}

func jpegOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, testImage(width, height), nil); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func pngOf(t testing.TB, width, height int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, testImage(width, height)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// formPart is a field of a multipart form, a file if it has a file name.
type formPart struct{ field, file, value string }

func formOf(t testing.TB, parts ...formPart) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	mw := multipart.NewWriter(body)
	for _, p := range parts {
		var w io.Writer
		var err error
		if p.file != "" {
			w, err = mw.CreateFormFile(p.field, p.file)
		} else {
			w, err = mw.CreateFormField(p.field)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, p.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	return body, mw.FormDataContentType()
}

// call sends a request straight into the handler. Headers come in pairs.
func call(s *Server, method, target string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func post(s *Server, target string, body []byte, headers ...string) *httptest.ResponseRecorder {
	return call(s, http.MethodPost, target, bytes.NewReader(body), headers...)
}

// decodeAnswer reads a JSON answer, which must be one line, into v.
func decodeAnswer(t testing.TB, w *httptest.ResponseRecorder, v any) {
	t.Helper()
	body := w.Body.String()
	if strings.Count(body, "\n") != 1 || !strings.HasSuffix(body, "\n") {
		t.Errorf("answer is not one line: %q", body)
	}
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatalf("answer %q: %v", body, err)
	}
}

// wantProblem checks status, kind and a part of the detail of an error answer.
func wantProblem(t testing.TB, w *httptest.ResponseRecorder, status int, slug, detail string) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q of an error, body %q", got, w.Body)
	}
	var p Problem
	decodeAnswer(t, w, &p)
	if w.Code != status || p.Status != status || p.Type != "/docs#"+slug {
		t.Errorf("got %d %+v, want %d %s", w.Code, p, status, slug)
	}
	if !strings.Contains(p.Detail, detail) || p.Title == "" || p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		t.Errorf("problem %+v, want detail %q and the request id %q", p, detail, w.Header().Get("X-Request-Id"))
	}
}
