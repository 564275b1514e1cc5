package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// unfailing checks what holds for every answer, whatever the request: no fault
// of ours, errors on one line of JSON, and no memory kept.
func unfailing(t *testing.T, s *Server, w *httptest.ResponseRecorder) {
	t.Helper()
	switch {
	case w.Code >= 500:
		t.Fatalf("status %d: %s", w.Code, w.Body)
	case w.Code >= 400:
		body := w.Body.String()
		if !json.Valid(w.Body.Bytes()) || strings.Count(body, "\n") != 1 || !strings.HasSuffix(body, "\n") {
			t.Fatalf("error %d is no line of JSON: %q", w.Code, body)
		}
	}
	if held := s.budget.Used(); held != 0 {
		t.Fatalf("%d bytes still held", held)
	}
	if n := s.models.all[0].gate.Busy(); n != 0 {
		t.Fatalf("%d workers lost", n)
	}
}

// fuzzServer has low limits: the fuzzer shall find the edges, not fill memory.
func fuzzServer(f *testing.F) *Server {
	return newTestServer(f, &fake{}, func(c *Config) {
		c.MaxBody, c.MaxPixels, c.MaxBatch = 256<<10, 1<<20, 4
	})
}

func request(target, contentType string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	r.Header.Set("Content-Type", contentType)
	return r
}

// FuzzDetect sends any body under any content type.
func FuzzDetect(f *testing.F) {
	s := fuzzServer(f)
	photo := jpegOf(f, 16, 16)
	form, formType := formOf(f, formPart{"image", "a.jpg", string(photo)}, formPart{"labels", "", "person:0.5"}, formPart{"regions", "", `[{"box":[0,0,1,1]}]`})
	f.Add("image/jpeg", photo)
	f.Add("", pngOf(f, 16, 16))
	f.Add(formType, form.Bytes())
	f.Add("application/json", []byte(`{"image":"`+b64(photo)+`","threshold":0.5,"labels":{"car":1},"regions":[{"box":[0,0,1,1],"match":"center"}]}`))
	f.Add("application/json", []byte(`{"images":["`+b64(photo)+`","data:image/png;base64,AAAA"],"max_detections":3}`))
	f.Add("text/plain", []byte(`{"image":"\u0041"}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, request("/detect", contentType, body))
		unfailing(t, s, w)
	})
}

// FuzzQuery sends any query and Accept header with a good picture.
func FuzzQuery(f *testing.F) {
	s := fuzzServer(f)
	photo := jpegOf(f, 16, 16)
	f.Add("threshold=0.5&labels=person,car:0.3&max_detections=5&model=fake", "application/json")
	f.Add(`regions=[{"box":[0,0,1,1],"labels":"dog","threshold":0.1}]`, "image/png;q=0.5, image/*")
	f.Add("a=%zz;b", "*/*;q=x")
	f.Fuzz(func(t *testing.T, query, accept string) {
		r := request("/detect?"+query, "image/jpeg", photo)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		unfailing(t, s, w)
	})
}

// FuzzDeepStack sends any form to DeepStack's route.
func FuzzDeepStack(f *testing.F) {
	s := fuzzServer(f)
	body, contentType := frigateForm(jpegOf(f, 16, 16))
	f.Add(contentType, body)
	form, formType := formOf(f, formPart{"min_confidence", "", "0,4"}, formPart{"image", "x", "y"})
	f.Add(formType, form.Bytes())
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, request("/v1/vision/detection", contentType, body))
		unfailing(t, s, w)
	})
}

// FuzzDoods sends any body to DOODS's route, and as a message of its WebSocket.
func FuzzDoods(f *testing.F) {
	s := fuzzServer(f)
	photo := b64(jpegOf(f, 16, 16))
	f.Add([]byte(`{"data":"` + photo + `","detect":{"*":50},"detector_name":"default","id":""}`))
	f.Add([]byte(`{"data":"` + photo + `","regions":[{"top":0,"left":0,"bottom":1,"right":1,"detect":{"car":1},"covers":true}],"image":"png"}`))
	f.Add([]byte(`{"data":"http://x","preprocess":["grayscale"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, request("/doods/detect", "application/json", body))
		unfailing(t, s, w)
		known := DoodsRequest{Detect: map[string]looseNumber{"*": 1}}
		if parseDoods(websocket.MessageText, body, &known) == nil && known.Detect == nil && known.Regions == nil {
			t.Error("a message without rules drops those before it")
		}
	})
}

// FuzzKServe sends any body, taken apart at any place.
func FuzzKServe(f *testing.F) {
	s := fuzzServer(f)
	photo := jpegOf(f, 16, 16)
	text := fmt.Sprintf(`{"id":"1","inputs":[{"name":"image","datatype":"BYTES","shape":[1,1],"data":["%s"]}],"outputs":[{"name":"boxes","parameters":{"binary_data":true}}]}`, b64(photo))
	f.Add("", []byte(text))
	head := fmt.Sprintf(`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true,"labels":["car"]}}`, len(photo)+4)
	n := len(photo)
	f.Add(fmt.Sprint(len(head)), append(append([]byte(head), byte(n), byte(n>>8), byte(n>>16), byte(n>>24)), photo...))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		r := request("/v2/models/fake/infer", "application/octet-stream", body)
		if header != "" {
			r.Header.Set(kserveHeader, header)
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		unfailing(t, s, w)
	})
}

// FuzzURL gives addresses of pictures: what passes the list is, as sent, of the
// one host and folder on it.
func FuzzURL(f *testing.F) {
	fetcher, err := newFetcher([]string{"http://a.example/cam"}, time.Second)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"http://a.example/cam/1.jpg", "http://a.example:80/cam", "HTTP://A.EXAMPLE/cam/%2e%2e/x", "http://a.example/cam/../x", `http://a.example\@b/cam`,
		"http://a.example/cam%2f..%2fx", "http://a.example#@b/cam", "http://b@a.example/cam", "http://a.example/cam?x=/../..", "http://[::1]/cam", "http://a.example/cam//b/cam",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		u, err := url.Parse(address)
		if err != nil || fetcher.allows(u) != nil {
			return
		}
		r, err := http.NewRequest(http.MethodGet, u.String(), nil)
		if err != nil {
			return
		}
		host, p := strings.ToLower(r.URL.Hostname()), r.URL.Path
		if host != "a.example" || portOf(r.URL) != "80" || p != "/cam" && !strings.HasPrefix(p, "/cam/") || strings.Contains(p+"/", "/../") || r.URL.User != nil {
			t.Errorf("%q is allowed and asks %s for %s", address, r.URL.Host, r.URL.RequestURI())
		}
	})
}
