package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// malformer makes requests that are wrong in some way, on the level of bytes.
type malformer struct {
	rnd   *rand.Rand
	good  [][]byte // well-formed requests
	photo []byte
}

func newMalformer(t *testing.T, seed uint64) *malformer {
	m := &malformer{rnd: rand.New(rand.NewPCG(seed, 1)), photo: jpegOf(t, 40, 40)}
	add := func(path, contentType string, body []byte, headers ...string) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n", path, contentType, len(body))
		for _, h := range headers {
			b.WriteString(h + "\r\n")
		}
		b.WriteString("\r\n")
		b.Write(body)
		m.good = append(m.good, b.Bytes())
	}
	form, formType := formOf(t, formPart{"threshold", "", "0.5"}, formPart{"image", "a.jpg", string(m.photo)})
	deep, deepType := frigateForm(m.photo)
	infer, header := kserveBody(t, true, nil, m.photo)
	add("/detect", "image/jpeg", m.photo)
	add("/detect?threshold=0.2&labels=person", "image/png", pngOf(t, 40, 40), "Accept: image/png")
	add("/detect", formType, form.Bytes())
	add("/detect", "application/json", jsonBody(t, map[string]any{"image": b64(m.photo), "labels": []string{"car"}}))
	add("/detect", "application/json", []byte(`{"url":"http://127.0.0.1:1/a.jpg"}`))
	add("/v1/vision/detection", deepType, deep)
	add("/doods/detect", "application/json", homeAssistant(t, m.photo, map[string]any{"*": 50}))
	add("/v2/models/fake/infer", "application/octet-stream", infer, kserveHeader+": "+header)
	m.good = append(m.good, []byte("GET /doods/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n\x81\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e"))
	m.good = append(m.good, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	return m
}

// next is one more wrong request, or now and then a right one.
func (m *malformer) next() []byte {
	r := m.rnd
	req := append([]byte(nil), m.good[r.IntN(len(m.good))]...)
	switch r.IntN(12) {
	case 0: // right
	case 1: // cut
		req = req[:r.IntN(len(req))]
	case 2: // bytes changed anywhere
		for range 1 + r.IntN(20) {
			req[r.IntN(len(req))] = byte(r.UintN(256))
		}
	case 3: // bytes changed in the body
		if _, body, ok := bytes.Cut(req, []byte("\r\n\r\n")); ok && len(body) > 0 {
			for range 1 + r.IntN(20) {
				body[r.IntN(len(body))] = byte(r.UintN(256))
			}
		}
	case 4: // a part taken out
		at := r.IntN(len(req))
		req = append(req[:at], req[min(len(req), at+1+r.IntN(200)):]...)
	case 5: // a part doubled
		at := r.IntN(len(req))
		end := min(len(req), at+1+r.IntN(500))
		req = append(append(append([]byte(nil), req[:end]...), req[at:end]...), req[end:]...)
	case 6: // a length that lies
		req = replaceHeader(req, "Content-Length", strconv.Itoa(r.IntN(1<<r.IntN(31))))
	case 7: // a length that is none
		req = replaceHeader(req, "Content-Length", []string{"-1", "abc", "", "99999999999999999999", "1, 2", "0x10"}[r.IntN(6)])
	case 8: // chunks that are none
		req = replaceHeader(req, "Transfer-Encoding", []string{"chunked", "gzip, chunked", "chunked, chunked", "identity"}[r.IntN(4)])
	case 9: // another content type
		req = replaceHeader(req, "Content-Type", []string{"multipart/form-data", "multipart/form-data; boundary=" + strings.Repeat("x", r.IntN(100)), "application/json", "text/html", "\xff\xfe", "image/jpeg; charset=\"", "a/b/c;;;"}[r.IntN(7)])
	case 10: // noise
		req = make([]byte, 1+r.IntN(3000))
		for i := range req {
			req[i] = byte(r.UintN(256))
		}
	case 11: // two in one, cut
		req = append(req, m.good[r.IntN(len(m.good))]...)
		req = req[:1+r.IntN(len(req))]
	}
	return req
}

// replaceHeader sets a header of a raw request, or adds it.
func replaceHeader(req []byte, name, value string) []byte {
	head, body, _ := bytes.Cut(req, []byte("\r\n\r\n"))
	var out []string
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if !strings.HasPrefix(line, name+":") {
			out = append(out, line)
		}
	}
	out = append(out, name+": "+value)
	return append([]byte(strings.Join(out, "\r\n")+"\r\n\r\n"), body...)
}

// openFiles counts the process's file descriptors, -1 where that is not known.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// settled waits until goroutines and file descriptors are back to what they
// were, and complains if they never are.
func settled(t *testing.T, goroutines, files int) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if runtime.NumGoroutine() <= goroutines && openFiles() <= files {
			return
		}
	}
	var stacks [1 << 16]byte
	t.Errorf("%d goroutines and %d files before, %d and %d after\n%s", goroutines, files,
		runtime.NumGoroutine(), openFiles(), stacks[:runtime.Stack(stacks[:], true)])
}

// TestMalformedRequests sends requests that are broken in every way the
// generator knows: the service answers with a 4xx or hangs up, and lives.
// RIFFLE_MALFORMED sets how many, RIFFLE_SEED the generator's seed.
func TestMalformedRequests(t *testing.T) {
	count, seed := 600, uint64(time.Now().UnixNano())
	if testing.Short() {
		count = 200
	}
	if n, err := strconv.Atoi(os.Getenv("RIFFLE_MALFORMED")); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("RIFFLE_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d requests, seed %d", count, seed)
	// Connections that linger end soon, so that leaks show.
	goroutines, files := runtime.NumGoroutine(), openFiles()
	s := newTestServer(t, &fake{}, func(c *Config) {
		c.ReadTimeout, c.ReadHeaderTimeout, c.IdleTimeout = 2*time.Second, 2*time.Second, 2*time.Second
	})
	url, stop := running(t, s)
	addr := strings.TrimPrefix(url, "http://")
	m := newMalformer(t, seed)
	statuses := map[int]int{}
	for i := range count {
		req := m.next()
		status, err := exchange(addr, req)
		if err != nil { // the machine may have stood still
			status, err = exchange(addr, req)
		}
		if err != nil {
			t.Fatalf("request %d: %v\n%q", i, err, req)
		}
		statuses[status]++
		if status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported {
			t.Errorf("request %d: status %d\n%q", i, status, req)
		}
	}
	t.Logf("answers by status, 0 for none: %v", statuses)
	if statuses[200] == 0 || statuses[400] == 0 {
		t.Error("the generator makes nothing right or nothing wrong")
	}
	if w := post(s, "/detect", m.photo); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	settled(t, goroutines, files)
	if held := s.budget.Used(); held != 0 {
		t.Errorf("%d bytes still held", held)
	}
}

// exchange sends raw bytes and returns the status of the first answer, 0 if the
// service hung up without one.
func exchange(addr string, req []byte) (int, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return 0, fmt.Errorf("the service does not listen any more: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write(req) // it may hang up before the end
	_ = conn.(*net.TCPConn).CloseWrite()
	answer := bufio.NewReader(conn)
	line, err := answer.ReadString('\n')
	if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // straight from the connection
		return 0, fmt.Errorf("no answer and no end after 10 s: %w", err)
	}
	_, _ = io.Copy(io.Discard, answer)
	var status int
	if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &status); err != nil {
		return 0, nil //nolint:nilerr // hung up, or HTTP/2
	}
	return status, nil
}

// TestNothingLeaks asks in every way, rightly and wrongly, and looks at what is
// left.
func TestNothingLeaks(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles()
	s := newTestServer(t, &fake{}, nil)
	url, stop := running(t, s)
	client := &http.Client{Transport: &http.Transport{}}
	photo := jpegOf(t, 80, 40)
	for i := range 60 {
		ctx, cancel := context.WithCancel(context.Background())
		if i%3 == 0 {
			cancel() // gone before it began
		}
		body := photo
		if i%2 == 0 {
			body = photo[:len(photo)/2]
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/detect", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
		cancel()
	}
	for range 5 {
		c, err := dial(t, url+"/doods/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow() // without a goodbye
	}
	client.CloseIdleConnections()
	eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	settled(t, goroutines, files)
}

// The service writes no files, whatever it is sent: the standard library's form
// parser would put large parts into the temporary folder.
func TestNoTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := newTestServer(t, &fake{}, nil)
	large := make([]byte, 20<<20)
	copy(large, jpegOf(t, 80, 40))
	body, contentType := formOf(t, formPart{"image", "a.jpg", string(large)})
	if w := post(s, "/detect", body.Bytes(), "Content-Type", contentType); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("files %v", left)
	}
}
