package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ask sends a request from an address. Headers come in pairs.
func ask(s *Server, remote, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = remote + ":1234"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// The page behind a reverse proxy on plain HTTP: its origin is the public host,
// Host is the inner one, and the browser sends no Sec-Fetch-Site.
func TestPageBehindAProxyMayUpload(t *testing.T) {
	photo := string(jpegOf(t, 80, 40))
	headers := []string{"Origin", "http://cams.example", "X-Forwarded-Host", "cams.example, inner", "Content-Type", "image/jpeg"}
	for _, tt := range []struct {
		trusted []string
		remote  string
		status  int
	}{
		{nil, "127.0.0.1", 200},
		{nil, "172.17.0.5", 200},
		{nil, "8.8.8.8", 403},
		{[]string{"none"}, "127.0.0.1", 403},
		{[]string{"8.8.0.0/16"}, "8.8.8.8", 200},
		{[]string{"8.8.8.8"}, "8.8.8.8", 200},
		{[]string{"8.8.8.8"}, "127.0.0.1", 403},
	} {
		s := newTestServer(t, &fake{}, func(c *Config) { c.TrustedProxies = tt.trusted })
		w := ask(s, tt.remote, "POST", "http://riffle:8080/detect", photo, headers...)
		if w.Code != tt.status {
			t.Errorf("proxy %s, trusted %v: %d %s", tt.remote, tt.trusted, w.Code, w.Body)
		}
		if tt.status == 403 && !strings.Contains(w.Body.String(), "X-Forwarded-Host") {
			t.Errorf("the error names no remedy: %s", w.Body)
		}
	}
	s := newTestServer(t, &fake{}, nil)
	if w := ask(s, "127.0.0.1", "POST", "http://riffle:8080/detect", photo, "Origin", "http://evil.example", "X-Forwarded-Host", "cams.example"); w.Code != 403 {
		t.Errorf("another page's upload: %d", w.Code)
	}
	for _, bad := range []string{"proxy", "10.0.0.0/99", "http://x"} {
		if _, err := New(Config{Models: []Model{{Name: "a", Open: opens(&fake{})}}, TrustedProxies: []string{bad}}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// Under a prefix, stripped by the proxy or not, every address that an answer
// holds is right.
func TestAddressesUnderAPrefix(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	for _, header := range []string{"X-Forwarded-Prefix", "X-Ingress-Path"} {
		for _, target := range []string{"http://riffle/", "http://riffle/riffle/"} {
			get := func(path string) string {
				return ask(s, "127.0.0.1", "GET", target+path, "", header, "/riffle", "X-Forwarded-Host", "home.example", "X-Forwarded-Proto", "https").Body.String()
			}
			if docs := get("docs"); !strings.Contains(docs, "https://home.example/riffle/detect") || strings.Contains(docs, "localhost:8080") {
				t.Errorf("%s, %s: the documentation has another address", header, target)
			}
			var doc struct{ Servers []struct{ URL string } }
			if err := json.Unmarshal([]byte(get("openapi.json")), &doc); err != nil || len(doc.Servers) != 1 || doc.Servers[0].URL != "." {
				t.Errorf("servers %+v, %v", doc.Servers, err)
			}
			var p Problem
			if err := json.Unmarshal([]byte(get("nope")), &p); err != nil || p.Type != "/riffle/docs#not-found" {
				t.Errorf("%+v %v", p, err)
			}
		}
	}
	if docs := ask(s, "127.0.0.1", "GET", "http://192.168.1.5:9000/docs", "").Body.String(); !strings.Contains(docs, " 192.168.1.5:9000/detect") {
		t.Error("the documentation has not the address that it was asked at")
	}
	docs := ask(s, "127.0.0.1", "GET", "http://riffle/docs", "", "X-Forwarded-Host", `<script>`, "X-Forwarded-Prefix", `/"><script>`).Body.String()
	if strings.Contains(docs, "<script>") {
		t.Error("a header is written into the page as it came")
	}
}

// Clients make //v1 of a base URL that ends in a slash.
func TestRepeatedSlashes(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	body, contentType := frigateForm(jpegOf(t, 80, 40))
	for _, path := range []string{"//v1/vision/detection", "/v1//vision/detection", "/v1/vision/detection//", "///v1/vision///custom/fake/"} {
		r := httptest.NewRequest(http.MethodPost, "http://riffle/", strings.NewReader(string(body)))
		r.URL.Path = path
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/doods//detectors", "//doods/detectors/", "//v2//models/fake", "//healthz"} {
		r := httptest.NewRequest(http.MethodGet, "http://riffle/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestFramesOfOtherPages(t *testing.T) {
	for _, tt := range []struct {
		frames []string
		want   string // "" for an error
	}{
		{nil, "frame-ancestors 'self'"},
		{[]string{"http://homeassistant.local:8123", "https://a.example"}, "frame-ancestors 'self' http://homeassistant.local:8123 https://a.example"},
		{[]string{"*"}, "frame-ancestors *"},
		{[]string{"none"}, "frame-ancestors 'none'"},
		{[]string{"homeassistant.local"}, ""},
		{[]string{"http://a.example/path"}, ""},
		{[]string{"http://a.example; script-src *"}, ""},
		{[]string{"none", "http://a.example"}, ""},
	} {
		s, err := New(Config{Models: []Model{{Name: "a", Open: opens(&fake{})}}, AllowedFrames: tt.frames})
		if (err != nil) != (tt.want == "") {
			t.Errorf("%q: %v", tt.frames, err)
		}
		if err != nil {
			continue
		}
		policy := call(s, "GET", "/", nil).Header().Get("Content-Security-Policy")
		if !strings.HasSuffix(policy, tt.want) {
			t.Errorf("%q: %s", tt.frames, policy)
		}
	}
}

// A wrong method is refused in the form of each protocol, with the methods that
// the path does have.
func TestWrongMethodInEachProtocol(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	for _, tt := range []struct{ method, path, allow, key string }{
		{"GET", "/detect/", "POST, OPTIONS", "title"},
		{"GET", "/v1/vision/detection", "POST, OPTIONS", "success"},
		{"DELETE", "//v1/vision/custom/list", "GET, HEAD, POST, OPTIONS", "success"},
		{"POST", "/v1/server/status/ping", "GET, HEAD, OPTIONS", "success"},
		{"PUT", "/doods/detect", "GET, HEAD, POST, OPTIONS", "detections"},
		{"GET", "/v2/models/fake/infer", "POST, OPTIONS", "error"},
	} {
		w := call(s, tt.method, "http://x"+tt.path, nil)
		var got map[string]any
		decodeAnswer(t, w, &got)
		if _, ok := got[tt.key]; w.Code != 405 || !ok || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q, %s", tt.method, tt.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
		if w := call(s, "OPTIONS", "http://x"+tt.path, nil); w.Code != 204 || w.Header().Get("Allow") != tt.allow {
			t.Errorf("OPTIONS %s: %d, Allow %q", tt.path, w.Code, w.Header().Get("Allow"))
		}
	}
}

// A preflight allows every header that a route reads.
func TestPreflightAllowsOurHeaders(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.AllowedOrigins = []string{"*"} })
	w := call(s, "OPTIONS", "/v2/models/fake/infer", nil, "Origin", "http://a.example", "Access-Control-Request-Method", "POST")
	allowed := strings.Split(w.Header().Get("Access-Control-Allow-Headers"), ", ")
	for _, name := range []string{"Doods-Auth-Key", kserveHeader, "traceparent", "Content-Encoding", "X-Api-Key", "Authorization"} {
		found := false
		for _, a := range allowed {
			found = found || strings.EqualFold(a, name)
		}
		if !found {
			t.Errorf("%s is not allowed: %v", name, allowed)
		}
	}
	if w.Code != http.StatusNoContent {
		t.Errorf("%d", w.Code)
	}
}
