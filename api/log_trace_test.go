package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// sentSpan is a span as a collector reads it.
type sentSpan struct {
	TraceID      string `json:"traceId"`
	SpanID       string `json:"spanId"`
	ParentSpanID string `json:"parentSpanId"`
	Name         string
	Kind         int
	Start        string `json:"startTimeUnixNano"`
	End          string `json:"endTimeUnixNano"`
	Attributes   []struct {
		Key   string
		Value map[string]string
	}
	Status struct{ Code int }
}

func (s *sentSpan) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return fmt.Sprint(a.Value["stringValue"], a.Value["intValue"])
		}
	}
	return ""
}

func (s *sentSpan) nanos(t *testing.T) (start, end int64) {
	t.Helper()
	start, err := strconv.ParseInt(s.Start, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if end, err = strconv.ParseInt(s.End, 10, 64); err != nil {
		t.Fatal(err)
	}
	return start, end
}

// collector takes traces as OpenTelemetry's does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []sentSpan
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []sentSpan }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s, %s: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range message.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
)

func TestTraces(t *testing.T) {
	c := newCollector(t)
	f := &fake{before: func(context.Context) error {
		time.Sleep(2 * time.Millisecond) // the fake says that it takes one
		return nil
	}}
	url, stop := running(t, newTestServer(t, f, func(cfg *Config) { cfg.OTLPEndpoint = c.URL }))
	photo := jpegOf(t, 80, 40)
	for _, q := range []struct {
		path, parent string
		body         []byte
	}{
		{"/detect?threshold=0.5", "00-" + callersTrace + "-" + callersSpan + "-01", photo},
		{"/detect?threshold=0.6", "00-" + callersTrace + "-" + callersSpan + "-00", photo}, // not sampled
		{"/detect", "", []byte("text")},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+q.path, bytes.NewReader(q.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Traceparent", q.parent)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if resp, err := http.Get(url + "/healthz"); err != nil { // probes leave no trace
		t.Fatal(err)
	} else {
		resp.Body.Close()
	}
	if err := stop(); err != nil { // sends what is left
		t.Fatal(err)
	}

	byName := map[string][]sentSpan{}
	for _, s := range c.spans {
		byName[s.Name] = append(byName[s.Name], s)
	}
	requests, pictures := byName["POST /detect"], byName["picture"]
	if len(requests) != 2 || len(pictures) != 1 || len(byName["decode"]) != 1 || len(byName["total"]) != 0 || len(byName["GET /healthz"]) != 0 {
		t.Fatalf("spans: %+v", c.spans)
	}
	good, bad, picture := requests[0], requests[1], pictures[0]
	if good.TraceID != callersTrace || good.ParentSpanID != callersSpan || good.Kind != 2 || good.Status.Code != 0 {
		t.Errorf("request: %+v", good)
	}
	for key, want := range map[string]string{
		"http.route": "/detect", "http.request.method": "POST", "http.response.status_code": "200", "url.path": "/detect",
		"riffle.model": "fake", "riffle.pictures": "1", "riffle.detections": "2",
	} {
		if got := good.attribute(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if bad.TraceID == callersTrace || len(bad.TraceID) != 32 || bad.ParentSpanID != "" || bad.attribute("error.type") != "not-an-image" {
		t.Errorf("refused request: %+v", bad)
	}
	if picture.TraceID != callersTrace || picture.ParentSpanID != good.SpanID || picture.attribute("riffle.picture.width") != "80" {
		t.Errorf("picture: %+v", picture)
	}
	start, end := good.nanos(t)
	from, to := picture.nanos(t)
	if from < start || to > end || from >= to {
		t.Errorf("picture from %d to %d, request from %d to %d", from, to, start, end)
	}
	stages, at := 0, from
	for _, s := range c.spans {
		if s.ParentSpanID != picture.SpanID {
			continue
		}
		begin, finish := s.nanos(t)
		if begin != at || finish > to || s.TraceID != callersTrace {
			t.Errorf("stage %s from %d to %d, want it from %d, within %d", s.Name, begin, finish, at, to)
		}
		stages, at = stages+1, finish
	}
	if stages < 3 {
		t.Errorf("%d stages", stages)
	}
}

func TestTracesOfFailures(t *testing.T) {
	c := newCollector(t)
	f := &fake{before: func(context.Context) error { return errors.New("broken") }}
	var log bytes.Buffer
	url, stop := running(t, newTestServer(t, f, func(cfg *Config) {
		cfg.OTLPEndpoint, cfg.Log = c.URL+"/", zerolog.New(zerolog.SyncWriter(&log))
	}))
	resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(jpegOf(t, 80, 40)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if len(c.spans) != 1 || c.spans[0].Status.Code != 2 {
		t.Fatalf("%+v", c.spans)
	}
	if !strings.Contains(log.String(), `"trace_id":"`+c.spans[0].TraceID+`"`) {
		t.Errorf("the log does not name the trace: %s", log.String())
	}
}

// A collector that is gone costs nothing but a line in the log.
func TestTracesWithoutACollector(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	var log bytes.Buffer
	url, stop := running(t, newTestServer(t, &fake{}, func(cfg *Config) {
		cfg.OTLPEndpoint, cfg.Log = gone.URL, zerolog.New(zerolog.SyncWriter(&log))
	}))
	resp, err := http.Post(url+"/detect", "image/jpeg", bytes.NewReader(jpegOf(t, 80, 40)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d", resp.StatusCode)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Count(log.String(), "traces were not taken") != 1 {
		t.Errorf("log: %s", log.String())
	}
}

// Nobody sends, so the queue fills up; requests go on.
func TestTracesThatNobodySends(t *testing.T) {
	s := newTestServer(t, &fake{}, func(cfg *Config) { cfg.OTLPEndpoint = "http://localhost:4318" })
	for range traceQueue + 10 {
		if got := call(s, "GET", "/models", nil).Code; got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
	}
	if n := len(s.tracer.queue); n != traceQueue {
		t.Errorf("%d wait, want %d", n, traceQueue)
	}
}

func TestParseTraceParent(t *testing.T) {
	const good = callersTrace + "-" + callersSpan
	for in, want := range map[string]string{
		"00-" + good + "-01":       "true true",
		"00-" + good + "-00":       "false true",
		"00-" + good + "-03":       "true true",
		"01-" + good + "-01-later": "true true",
		"":                         "false false",
		"00-" + good + "-01-later": "false false",
		"ff-" + good + "-01":       "false false",
		"00-" + strings.ToUpper(callersTrace) + "-" + callersSpan + "-01":      "false false",
		"00-" + strings.Repeat("0", 32) + "-" + callersSpan + "-01":            "false false",
		"00-" + callersTrace + "-" + strings.Repeat("0", 16) + "-01":           "false false",
		"00-" + callersTrace[1:] + "-" + callersSpan + "-01":                   "false false",
		"00-" + strings.Replace(callersTrace, "0", "g", 1) + "-" + callersSpan: "false false",
		"00-" + strings.Replace(good, "0", "g", 1) + "-01":                     "false false",
	} {
		_, _, sampled, ok := parseTraceParent(in)
		if got := fmt.Sprint(sampled && ok, ok); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestWrongCollectors(t *testing.T) {
	for _, endpoint := range []string{"localhost:4318", "grpc://localhost:4317", "http://", "://"} {
		cfg := Config{Models: []Model{{Name: "fake", Open: opens(&fake{})}}, OTLPEndpoint: endpoint}
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "OTLP endpoint") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
