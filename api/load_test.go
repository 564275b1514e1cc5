package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// running serves s on a loopback port until the test ends and returns its URL.
func running(t testing.TB, s *Server) (url string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() { cancel(); result = <-done })
		return result
	}
	t.Cleanup(func() { _ = stop() })
	return "http://" + ln.Addr().String(), stop
}

// holdable is a fake whose calls wait until they are let go.
func holdable() (f *fake, entered chan struct{}, release chan struct{}) {
	entered, release = make(chan struct{}, 1000), make(chan struct{})
	f = &fake{}
	f.before = func(ctx context.Context) error {
		entered <- struct{}{}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f, entered, release
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func oneWorker(queue int) func(*Config) {
	return func(c *Config) { c.Models[0].Workers, c.Models[0].Queue = 1, queue }
}

func TestFullQueueAnswersAtOnce(t *testing.T) {
	f, entered, release := holdable()
	s := newTestServer(t, f, oneWorker(2))
	photo := jpegOf(t, 80, 40)
	url, _ := running(t, s)
	var answered sync.WaitGroup
	for range 3 { // one at work, two in the queue
		answered.Go(func() {
			resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(photo))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("an admitted request: %v %v", resp, err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	<-entered
	m := s.models.all[0]
	eventually(t, "two wait", func() bool { return m.gate.Waiting() == 2 })

	for range 50 {
		resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(photo))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != http.StatusServiceUnavailable || after < 1 || !strings.Contains(string(body), `"/docs#busy"`) {
			t.Fatalf("%d, Retry-After %q: %s", resp.StatusCode, resp.Header.Get("Retry-After"), body)
		}
	}
	close(release)
	answered.Wait()
	if f.calls.Load() != 3 || f.most.Load() != 1 {
		t.Errorf("%d calls, %d at a time", f.calls.Load(), f.most.Load())
	}
	if w := post(s, "/detect", photo); w.Code != 200 {
		t.Errorf("after the rush: %d", w.Code)
	}
}

// A request that only can be refused is refused before its body is there; one
// whose body may name another model is not.
func TestRefusedBeforeTheBody(t *testing.T) {
	f, entered, release := holdable()
	other := &fake{}
	s := newTestServer(t, f, func(c *Config) {
		oneWorker(-1)(c)
		c.Models = append(c.Models, Model{Name: "other", Workers: 1, Queue: -1, Open: opens(other)})
	})
	url, _ := running(t, s)
	var first sync.WaitGroup
	first.Go(func() { post(s, "/detect", jpegOf(t, 80, 40)) })
	<-entered
	head := func(path string, patience time.Duration) string {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n", path)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		line, _ := bufio.NewReader(conn).ReadString('\n')
		return line
	}
	const refused = "HTTP/1.1 503 Service Unavailable\r\n"
	for path, want := range map[string]string{
		"/detect?model=fake": refused, "/detect?model=other": "", "/detect": "",
		"/v1/vision/detection": refused, "/v1/vision/custom/other": "",
		"/v2/models/fake/infer": refused, "/doods/detect": "",
	} {
		patience := 5 * time.Second
		if want == "" {
			patience = 100 * time.Millisecond
		}
		if got := head(path, patience); got != want {
			t.Errorf("%s: %q before the body, want %q", path, got, want)
		}
	}
	body := jsonBody(t, map[string]any{"image": b64(jpegOf(t, 80, 40)), "model": "other"})
	if w := post(s, "/detect", body, "Content-Type", "application/json"); w.Code != 200 {
		t.Errorf("the other model: %d %s", w.Code, w.Body)
	}
	// With both full, nothing in a body can help.
	leave, err := s.models.byName["other"].gate.Enter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/detect", "/doods/detect", "/doods/image"} {
		if got := head(path, 5*time.Second); got != refused {
			t.Errorf("%s with both full: %q before the body", path, got)
		}
	}
	leave()
	close(release)
	first.Wait()
}

func TestQueueOfNone(t *testing.T) {
	f, entered, release := holdable()
	s := newTestServer(t, f, oneWorker(-1))
	var first sync.WaitGroup
	first.Go(func() { post(s, "/detect", jpegOf(t, 80, 40)) })
	<-entered
	wantProblem(t, post(s, "/detect", jpegOf(t, 80, 40)), 503, "busy", `model "fake"`)
	close(release)
	first.Wait()
}

func TestClientThatLeavesFreesItsPlace(t *testing.T) {
	f, entered, release := holdable()
	s := newTestServer(t, f, oneWorker(1))
	url, _ := running(t, s)
	photo := jpegOf(t, 80, 40)
	ask := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/detect", bytes.NewReader(photo))
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	gate := s.models.all[0].gate
	working, leaveWork := context.WithCancel(context.Background())
	waiting, leaveQueue := context.WithCancel(context.Background())
	results := make(chan error, 2)
	go func() { results <- ask(working) }()
	<-entered
	go func() { results <- ask(waiting) }()
	eventually(t, "one waits", func() bool { return gate.Waiting() == 1 })

	leaveQueue()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	eventually(t, "the place in the queue is free", func() bool { return gate.Waiting() == 0 })

	leaveWork()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	eventually(t, "the worker is free", func() bool { return gate.Busy() == 0 })
	close(release)
	if err := ask(context.Background()); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 })
}

func TestDeadline(t *testing.T) {
	f, entered, release := holdable()
	defer close(release)
	s := newTestServer(t, f, func(c *Config) { oneWorker(5)(c); c.RequestTimeout = 30 * time.Millisecond })
	wantProblem(t, post(s, "/detect", jpegOf(t, 80, 40)), 503, "timeout", "30ms")
	<-entered

	// The same for one that never gets a worker.
	leave, err := s.models.all[0].gate.Enter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	w := post(s, "/detect", jpegOf(t, 80, 40))
	wantProblem(t, w, 503, "timeout", "30ms")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestTwentyClientsGetTheirOwnAnswers(t *testing.T) {
	f := &fake{before: func(context.Context) error { time.Sleep(time.Millisecond); return nil }}
	s := newTestServer(t, f, nil)
	url, _ := running(t, s)
	var clients sync.WaitGroup
	for i := range 20 {
		width := 80 + i
		photo := jpegOf(t, width, 40)
		clients.Go(func() {
			for range 5 {
				resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(photo))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				var got Result
				if err != nil || resp.StatusCode != http.StatusOK || unmarshalLenient(body, &got) != nil ||
					got.Width != width || !reflect.DeepEqual(got.Detections, fakeSees(width, 40)[:3]) {
					t.Errorf("client %d: %d %s %v", i, resp.StatusCode, body, err)
				}
			}
		})
	}
	clients.Wait()
	if f.most.Load() > 2 {
		t.Errorf("%d at a time with 2 workers", f.most.Load())
	}
}

func unmarshalLenient(data []byte, v any) error { return decodeLenient(bytes.NewReader(data), v) }

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	f, entered, release := holdable()
	s := newTestServer(t, f, oneWorker(5))
	url, stop := running(t, s)
	photo := jpegOf(t, 80, 40)
	codes := make(chan int, 3)
	for range 3 {
		go func() {
			resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(photo))
			if err != nil {
				t.Error(err)
				codes <- 0
				return
			}
			_ = resp.Body.Close()
			codes <- resp.StatusCode
		}()
	}
	<-entered
	eventually(t, "two wait", func() bool { return s.models.all[0].gate.Waiting() == 2 })
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	eventually(t, "stopping", s.stopping.Load)
	wantProblem(t, call(s, "GET", "/readyz", nil), 503, "stopping", "shutting down")
	eventually(t, "the door is shut", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(release)
	for range 3 {
		if code := <-codes; code != 200 {
			t.Errorf("a request in flight was answered %d", code)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStopCutsOffAfterTheGrace(t *testing.T) {
	f, entered, release := holdable()
	defer close(release)
	s := newTestServer(t, f, func(c *Config) { oneWorker(5)(c); c.Grace = 30 * time.Millisecond })
	url, stop := running(t, s)
	code := make(chan int, 1)
	photo := jpegOf(t, 80, 40)
	go func() {
		resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(photo))
		if err != nil {
			t.Error(err)
			code <- 0
			return
		}
		_ = resp.Body.Close()
		code <- resp.StatusCode
	}()
	<-entered
	if err := stop(); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("stop: %v", err)
	}
	if c := <-code; c != 503 {
		t.Errorf("the request that was cut off got %d, want 503", c)
	}
}

func TestRunReportsATakenAddress(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	s := newTestServer(t, &fake{}, func(c *Config) { c.Addr = ln.Addr().String() })
	if err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "cannot listen on "+ln.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryBudget(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.MaxBody = 1 << 20; c.MaxMemory = 1 << 20 })
	claimed := s.budget.Claim()
	if !claimed.Take(1<<20 - 1000) {
		t.Fatal("no budget")
	}
	w := post(s, "/detect", make([]byte, 2000))
	wantProblem(t, w, 503, "busy", "too many large requests")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	// JSON's reader counts too.
	wantProblem(t, post(s, "/detect", []byte(`{"image":"`+strings.Repeat("A", 2000)+`"}`), "Content-Type", "application/json"), 503, "busy", "too many")
	if got := s.budget.Used(); got != 1<<20-1000 {
		t.Errorf("%d bytes leaked", got-(1<<20-1000))
	}
}

func TestSlowBodyTimesOut(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.ReadTimeout = 100 * time.Millisecond })
	url, _ := running(t, s)
	for contentType, start := range map[string]string{
		"image/jpeg": "\xff\xd8", "application/json": `{"image":"AA`, "multipart/form-data; boundary=b": "--b\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000000\r\n\r\n%s", contentType, start)
		_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), "/docs#slow-body") {
			t.Errorf("%s: %q", contentType, answer)
		}
	}
	eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 })
}

func TestSlowHeaderAndLargeHeader(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.ReadHeaderTimeout = 50 * time.Millisecond; c.MaxHeader = 4 << 10 })
	url, _ := running(t, s)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /detect HTTP/1.1\r\nHost: x\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection of a slow header is still open: %v", err)
	}
	req, err := http.NewRequest(http.MethodGet, url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Large", strings.Repeat("x", 16<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large header: %d", resp.StatusCode)
	}
}

// The time limit for reading a request must not end one that is read and waits:
// net/http would take the client for gone.
func TestReadTimeoutEndsWithTheBody(t *testing.T) {
	f, entered, release := holdable()
	s := newTestServer(t, f, func(c *Config) { oneWorker(5)(c); c.ReadTimeout = 50 * time.Millisecond })
	url, _ := running(t, s)
	form, formType := formOf(t, formPart{"image", "a.jpg", string(jpegOf(t, 80, 40))})
	deep, deepType := frigateForm(jpegOf(t, 80, 40))
	infer, _ := kserveBody(t, false, nil, jpegOf(t, 80, 40))
	requests := []struct {
		path, contentType string
		body              []byte
	}{
		{"/detect", "image/jpeg", jpegOf(t, 80, 40)},
		{"/detect", formType, form.Bytes()},
		{"/detect", "application/json", jsonBody(t, map[string]any{"image": b64(jpegOf(t, 80, 40))})},
		{"/v1/vision/detection", deepType, deep},
		{"/doods/detect", "application/json", homeAssistant(t, jpegOf(t, 80, 40), nil)},
		{"/v2/models/fake/infer", "application/json", infer},
	}
	var clients sync.WaitGroup
	for _, r := range requests {
		clients.Go(func() {
			resp, err := http.Post(url+r.path, r.contentType, bytes.NewReader(r.body))
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s as %s: %d", r.path, r.contentType, resp.StatusCode)
			}
		})
	}
	<-entered
	time.Sleep(150 * time.Millisecond)
	close(release)
	clients.Wait()
}

func TestServeSparesProcessorsForAnswers(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(0)
	s := newTestServer(t, &fake{}, func(c *Config) { c.Models[0].Workers, c.SpareProcessors = runtime.NumCPU(), 2 })
	_, stop1 := running(t, s)
	want := max(before, runtime.NumCPU()+2)
	eventually(t, "processors to spare", func() bool { return runtime.GOMAXPROCS(0) == want })
	url, stop2 := running(t, newTestServer(t, &fake{}, func(c *Config) { c.SpareProcessors = 1 }))
	eventually(t, "the second serves", func() bool {
		resp, err := http.Get(url + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return true
	})
	_ = stop1()
	if got := runtime.GOMAXPROCS(0); got != want {
		t.Errorf("%d while one still serves, want %d", got, want)
	}
	_ = stop2()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d afterwards, want %d", got, before)
	}

	t.Setenv("GOMAXPROCS", "2")
	release := spareProcessors(100, 2)
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d against the environment's word", got)
	}
	release()
}
