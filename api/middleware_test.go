package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestRequestIDs(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	if got := call(s, "GET", "/healthz", nil, "X-Request-Id", "abc-1.2_3").Header().Get("X-Request-Id"); got != "abc-1.2_3" {
		t.Errorf("a good id came back as %q", got)
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "a b", "a\"b", "ä", strings.Repeat("x", 65), "<script>"} {
		got := call(s, "GET", "/healthz", nil, "X-Request-Id", bad).Header().Get("X-Request-Id")
		if got == bad || !validRequestID(got) || seen[got] {
			t.Errorf("id %q became %q", bad, got)
		}
		seen[got] = true
	}
}

func TestAccessLog(t *testing.T) {
	var out bytes.Buffer
	s := newTestServer(t, &fake{}, func(c *Config) { c.Log = zerolog.New(&out) })
	post(s, "/detect?threshold=0.5", jpegOf(t, 80, 40), "User-Agent", "test/1", "X-Request-Id", "id-1")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	for key, want := range map[string]any{
		"level": "info", "message": "request", "request_id": "id-1", "method": "POST", "path": "/detect", "status": 200.0,
		"user_agent": "test/1", "model": "fake", "pictures": 1.0, "detections": 2.0, "remote": "192.0.2.1", "proto": "HTTP/1.1",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if line["ms"].(float64) <= 0 || line["bytes"].(float64) <= 0 {
		t.Errorf("ms %v, bytes %v", line["ms"], line["bytes"])
	}
	out.Reset()
	post(s, "/detect", []byte("text\x1b[31m"))
	if got := out.String(); !strings.Contains(got, `"problem":"not-an-image"`) || !strings.Contains(got, `"status":415`) {
		t.Errorf("a refused request is logged as %s", got)
	}
	out.Reset()
	call(s, "GET", "/healthz", nil)
	if !strings.Contains(out.String(), `"level":"debug"`) {
		t.Errorf("a probe is logged as %s", out.String())
	}
}

func TestServerErrorsAreWarnings(t *testing.T) {
	var out bytes.Buffer
	s := newTestServer(t, &fake{}, func(c *Config) { c.Log = zerolog.New(&out) })
	s.errorLog().Printf("http: TLS handshake error from %s\n", "here")
	if got := out.String(); got != `{"level":"warn","message":"http: TLS handshake error from here"}`+"\n" {
		t.Errorf("got %s", got)
	}
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	var out bytes.Buffer
	f := &fake{before: func(context.Context) error { panic("kernel on fire") }}
	s := newTestServer(t, f, func(c *Config) { c.Log = zerolog.New(&out); c.Models[0].Workers = 1 })
	w := post(s, "/detect", jpegOf(t, 80, 40))
	wantProblem(t, w, 500, "internal", "not in the request")
	if strings.Contains(w.Body.String(), "fire") {
		t.Error("the caller sees what panicked")
	}
	if !strings.Contains(out.String(), "kernel on fire") || !strings.Contains(out.String(), "fake_test.go") {
		t.Errorf("log has no panic with its stack: %s", out.String())
	}
	// Nor may one in a batch's own goroutines end the process.
	n := 0
	f.before = func(context.Context) error {
		if n++; n > 1 {
			panic("again")
		}
		return nil
	}
	body, contentType := formOf(t, formPart{"image", "a", string(jpegOf(t, 80, 40))}, formPart{"image", "b", string(jpegOf(t, 80, 40))})
	wantProblem(t, post(s, "/detect", body.Bytes(), "Content-Type", contentType), 500, "internal", "not in the request")
	f.before = nil
	if w := post(s, "/detect", jpegOf(t, 80, 40)); w.Code != 200 {
		t.Errorf("after a panic: %d: its worker is lost", w.Code)
	}
}

func TestDetectorErrorIsOurs(t *testing.T) {
	var out bytes.Buffer
	f := &fake{before: func(context.Context) error { return errors.New("secret path") }}
	s := newTestServer(t, f, func(c *Config) { c.Log = zerolog.New(&out) })
	w := post(s, "/detect", jpegOf(t, 80, 40))
	wantProblem(t, w, 500, "internal", "not in the request")
	if strings.Contains(w.Body.String(), "secret") || !strings.Contains(out.String(), "secret path") {
		t.Errorf("answer %s, log %s", w.Body, out.String())
	}
}

func TestModelIsOpenedOnFirstUse(t *testing.T) {
	opened, broken := 0, true
	s := newTestServer(t, &fake{}, func(c *Config) {
		c.Models = append(c.Models, Model{Name: "second", Open: OpenDetector(func() (Detector, error) {
			if opened++; broken {
				return nil, errors.New("no such file: secret")
			}
			return &fake{}, nil
		})})
	})
	if opened != 0 {
		t.Error("opened before anybody asked")
	}
	w := post(s, "/detect?model=second", jpegOf(t, 80, 40))
	wantProblem(t, w, 503, "model-unavailable", `model "second" cannot be loaded`)
	if strings.Contains(w.Body.String(), "secret") {
		t.Error("the caller sees the path")
	}
	broken = false
	for range 2 {
		if w := post(s, "/detect?model=second", jpegOf(t, 80, 40)); w.Code != 200 || !strings.Contains(w.Body.String(), `"model":"second"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if opened != 2 {
		t.Errorf("opened %d times, want once after the failure", opened)
	}
}

func TestConfigErrors(t *testing.T) {
	open := opens(&fake{})
	good := []Model{{Name: "a", Open: open}}
	for want, cfg := range map[string]Config{
		"no model":             {},
		`model "a" is given`:   {Models: []Model{good[0], good[0]}},
		"cannot be a model's":  {Models: []Model{{Name: "a/b", Open: open}}},
		"nothing to open":      {Models: []Model{{Name: "a"}}},
		"cannot be negative":   {Models: []Model{{Name: "a", Open: open, Workers: -1}}},
		"threshold 2":          {Models: good, Threshold: 2},
		"both a certificate":   {Models: good, TLSCert: "x.pem"},
		"API key 1 is empty":   {Models: good, APIKeys: []string{""}},
		"allowed origin":       {Models: good, AllowedOrigins: []string{"example.com"}},
		"loopback":             {Models: good, DebugAddr: "0.0.0.0:6060"},
		"want host:port":       {Models: good, DebugAddr: "6060"},
		"grace cannot":         {Models: good, Grace: -1},
		"no request could be":  {Models: good, MaxMemory: 1},
		"cannot be loaded: no": {Models: []Model{{Name: "a", Open: OpenDetector(func() (Detector, error) { return nil, errors.New("no") })}}, Preload: true},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAPIKeys(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.APIKeys = []string{"first-key", "second-key"} })
	photo := jpegOf(t, 80, 40)
	for _, header := range [][]string{
		{}, {"Authorization", "Bearer wrong"}, {"Authorization", "Basic first-key"}, {"X-Api-Key", "first-ke"}, {"X-Api-Key", "first-keyy"}, {"Authorization", "Bearer"},
	} {
		w := post(s, "/detect", photo, header...)
		wantProblem(t, w, 401, "unauthorized", "API key")
		if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Error("no WWW-Authenticate")
		}
	}
	for _, header := range [][]string{
		{"Authorization", "Bearer first-key"}, {"Authorization", "bearer second-key"}, {"X-Api-Key", "first-key"}, {"Doods-Auth-Key", "second-key"},
	} {
		if w := post(s, "/detect", photo, header...); w.Code != 200 {
			t.Errorf("%v: %d", header, w.Code)
		}
	}
	wantProblem(t, call(s, "GET", "/metrics", nil), 401, "unauthorized", "API key")
	if w := call(s, "GET", "/healthz", nil); w.Code != 200 {
		t.Errorf("health asks for a key: %d", w.Code)
	}
}

func TestCORS(t *testing.T) {
	const home, evil = "https://home.example", "https://evil.example"
	photo := jpegOf(t, 80, 40)
	closed := newTestServer(t, &fake{}, nil)
	open := newTestServer(t, &fake{}, func(c *Config) { c.AllowedOrigins = []string{home} })
	all := newTestServer(t, &fake{}, func(c *Config) { c.AllowedOrigins = []string{"*"} })

	preflight := func(s *Server, origin string) (int, string) {
		w := call(s, "OPTIONS", "/detect", nil, "Origin", origin, "Access-Control-Request-Method", "POST")
		return w.Code, w.Header().Get("Access-Control-Allow-Origin")
	}
	if code, origin := preflight(closed, evil); code == 204 || origin != "" {
		t.Errorf("closed: preflight %d %q", code, origin)
	}
	if code, origin := preflight(open, home); code != 204 || origin != home {
		t.Errorf("allowed: preflight %d %q", code, origin)
	}
	if code, origin := preflight(open, evil); code == 204 || origin != "" {
		t.Errorf("not allowed: preflight %d %q", code, origin)
	}
	if code, origin := preflight(all, evil); code != 204 || origin != evil {
		t.Errorf("all allowed: preflight %d %q", code, origin)
	}

	wantProblem(t, post(closed, "/detect", photo, "Origin", evil), 403, "foreign-origin", evil)
	wantProblem(t, post(open, "/detect", photo, "Origin", evil, "Sec-Fetch-Site", "cross-site"), 403, "foreign-origin", evil)
	w := post(open, "/detect", photo, "Origin", home, "Sec-Fetch-Site", "cross-site")
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != home || w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("allowed: %d %v", w.Code, w.Header())
	}
	// The service's own page, and programs that are no browser.
	if w := post(closed, "/detect", photo, "Origin", "http://example.com", "Sec-Fetch-Site", "same-origin"); w.Code != 200 {
		t.Errorf("own page: %d", w.Code)
	}
	if w := post(closed, "/detect", photo, "Origin", "http://example.com"); w.Code != 200 { // httptest's host
		t.Errorf("own page of an old browser: %d", w.Code)
	}
	if w := post(closed, "/detect", photo); w.Code != 200 {
		t.Errorf("no browser: %d", w.Code)
	}
}

func TestGzip(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	var parts []formPart
	for range 20 {
		parts = append(parts, formPart{"image", "a.jpg", string(jpegOf(t, 80, 40))})
	}
	body, contentType := formOf(t, parts...)
	plain := post(s, "/detect", body.Bytes(), "Content-Type", contentType)
	if plain.Header().Get("Content-Encoding") != "" || plain.Header().Get("Vary") == "" {
		t.Errorf("not asked for: %v", plain.Header())
	}
	for accept, want := range map[string]bool{"gzip": true, "deflate, gzip;q=0.5": true, "*": true, "gzip;q=0": false, "br": false, "*;q=0": false} {
		w := post(s, "/detect", body.Bytes(), "Content-Type", contentType, "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: packed %v", accept, got)
			continue
		}
		if !want {
			continue
		}
		if w.Body.Len() > plain.Body.Len()/2 {
			t.Errorf("%d bytes packed, %d plain", w.Body.Len(), plain.Body.Len())
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		var got Batch
		if err := json.NewDecoder(z).Decode(&got); err != nil || len(got.Results) != 20 {
			t.Errorf("unpacked: %v", err)
		}
	}
	if w := post(s, "/detect", jpegOf(t, 80, 40), "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer is packed")
	}
}

func TestHTTP2InClearText(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	url, _ := running(t, s)
	tr := &http.Transport{Protocols: new(http.Protocols)}
	defer tr.CloseIdleConnections()
	tr.Protocols.SetUnencryptedHTTP2(true)
	resp, err := (&http.Client{Transport: tr}).Post(url+"/detect", "image/jpeg", bytes.NewReader(jpegOf(t, 80, 40)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "person") {
		t.Errorf("%s %d %s", resp.Proto, resp.StatusCode, body)
	}
	resp, err = (&http.Client{Transport: tr}).Post(url+"/detect", "image/jpeg", strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a text over HTTP/2: %d", resp.StatusCode)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key.
func selfSigned(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "riffle test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(certFile, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := selfSigned(t)
	s := newTestServer(t, &fake{}, func(c *Config) { c.TLSCert, c.TLSKey = cert, key })
	url, _ := running(t, s)
	for _, h2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: h2}
		resp, err := (&http.Client{Transport: tr}).Post(strings.Replace(url, "http:", "https:", 1)+"/detect", "image/jpeg", bytes.NewReader(jpegOf(t, 80, 40)))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || (resp.ProtoMajor == 2) != h2 {
			t.Errorf("%s %d", resp.Proto, resp.StatusCode)
		}
		tr.CloseIdleConnections()
	}

	s = newTestServer(t, &fake{}, func(c *Config) { c.TLSCert, c.TLSKey, c.Addr = cert, cert, "127.0.0.1:0" })
	if err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "cannot read certificate "+cert) {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestDebugServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	s := newTestServer(t, &fake{}, func(c *Config) { c.DebugAddr = addr })
	url, stop := running(t, s)
	get := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	eventually(t, "the debug server answers", func() bool { code, _ := get("http://" + addr + "/metrics"); return code == 200 })
	if code, body := get("http://" + addr + "/debug/pprof/"); code != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("pprof: %d", code)
	}
	if code, _ := get(url + "/debug/pprof/"); code != 404 {
		t.Errorf("pprof on the public port: %d", code)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if code, _ := get("http://" + addr + "/metrics"); code != 0 {
		t.Error("the debug server outlives the service")
	}
}

func TestMetrics(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.Version = "1.2.3" })
	before := call(s, "GET", "/metrics", nil).Body.String()
	if !strings.Contains(before, `riffle_model_info{ap="",classes="",input="",model="fake",weights=""} 0`) {
		t.Error("no info of a model that is not loaded")
	}
	post(s, "/detect", jpegOf(t, 80, 40))
	post(s, "/detect?threshold=0.5", jpegOf(t, 80, 40))
	post(s, "/detect", []byte("text"))
	call(s, "BREW", "/coffee/1", nil)
	call(s, "GET", "/coffee/2", nil)
	w := call(s, "GET", "/metrics", nil)
	body := w.Body.String()
	for _, want := range []string{
		`riffle_http_requests_total{method="POST",route="/detect",status="200"} 2`,
		`riffle_http_requests_total{method="POST",route="/detect",status="415"} 1`,
		`riffle_http_requests_total{method="GET",route="none",status="404"} 1`,
		`riffle_http_request_duration_seconds_count{route="/detect"} 3`,
		`riffle_detections_total{label="person",model="fake"} 2`,
		`riffle_detections_total{label="dog",model="fake"} 1`,
		`riffle_pictures_total{model="fake"} 2`,
		`riffle_stage_duration_seconds_count{model="fake",stage="network"} 2`,
		`riffle_queue_length{model="fake"} 0`,
		`riffle_queue_limit{model="fake"} 32`,
		`riffle_workers{model="fake"} 2`,
		`riffle_body_bytes 0`,
		`riffle_model_info{ap="0.3",classes="5",input="352x352",model="fake",weights="fake-weights"} 1`,
		`version="1.2.3"`, "go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "coffee") || strings.Contains(body, "BREW") {
		t.Error("what strangers write becomes a metric")
	}
}
