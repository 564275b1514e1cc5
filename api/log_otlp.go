package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

const (
	traceQueue   = 256             // requests that wait to be sent; more are dropped
	traceBatch   = 512             // spans in one message, give or take a request's
	tracePause   = 2 * time.Second // the longest that a span waits
	traceTimeout = 2 * time.Second // of one message; two of them and the grace time are what a stop may take
)

// tracer sends spans to a collector: OTLP over HTTP, in JSON. A nil one is off.
// It never holds up a request: what the collector does not take is dropped.
type tracer struct {
	url     string
	version string
	client  *http.Client
	log     zerolog.Logger
	queue   chan []span
	warned  time.Time
}

// newTracer checks the address; one without a path gets OTLP's.
func newTracer(endpoint, version string, log zerolog.Logger) (*tracer, error) {
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("OTLP endpoint %q: want a URL such as http://localhost:4318", endpoint)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return &tracer{
		url: u.String(), version: version, log: log, queue: make(chan []span, traceQueue),
		client: &http.Client{Timeout: traceTimeout},
	}, nil
}

// begin is the trace of a request, nil if it is not to be traced.
func (t *tracer) begin(r *http.Request) *requestTrace {
	if t == nil || isProbe(r.URL.Path) {
		return nil
	}
	return newRequestTrace(r)
}

func (t *tracer) add(spans []span) {
	select {
	case t.queue <- spans:
	default: // the collector is slow or gone
	}
}

// run sends what comes until stop is called, which sends the rest.
func (t *tracer) run() (stop func()) {
	if t == nil {
		return func() {}
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(tracePause)
		defer tick.Stop()
		var batch []span
		for {
			select {
			case spans := <-t.queue:
				if batch = append(batch, spans...); len(batch) < traceBatch {
					continue
				}
			case <-tick.C:
			case <-quit:
				for len(t.queue) > 0 {
					batch = append(batch, <-t.queue...)
				}
				t.send(batch)
				return
			}
			t.send(batch)
			batch = nil
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (t *tracer) send(batch []span) {
	if len(batch) == 0 {
		return
	}
	if err := t.post(batch); err != nil && time.Since(t.warned) > time.Minute {
		t.warned = time.Now()
		t.log.Warn().Err(err).Int("spans", len(batch)).Msg("traces were not taken")
	}
}

func (t *tracer) post(batch []span) error {
	body, err := json.Marshal(t.message(batch))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", t.url, resp.Status)
	}
	return nil
}

type object = map[string]any

// message is an ExportTraceServiceRequest in OTLP's JSON: ids in hexadecimal,
// 64-bit numbers as strings.
func (t *tracer) message(batch []span) object {
	spans := make([]object, len(batch))
	for i, s := range batch {
		spans[i] = s.encode()
	}
	resource := attributes(map[string]any{"service.name": "riffle", "service.version": t.version})
	return object{"resourceSpans": []object{{
		"resource":   object{"attributes": resource},
		"scopeSpans": []object{{"scope": object{"name": "riffle/api"}, "spans": spans}},
	}}}
}

func (s *span) encode() object {
	const internal, server, failed = 1, 2, 2 // of SpanKind and StatusCode
	o := object{
		"traceId": hex.EncodeToString(s.trace[:]), "spanId": hex.EncodeToString(s.id[:]),
		"name": s.name, "kind": internal, "attributes": attributes(s.attributes),
		"startTimeUnixNano": strconv.FormatInt(s.start.UnixNano(), 10), "endTimeUnixNano": strconv.FormatInt(s.end.UnixNano(), 10),
	}
	if s.server {
		o["kind"] = server
	}
	if s.parent != (spanID{}) {
		o["parentSpanId"] = hex.EncodeToString(s.parent[:])
	}
	if s.failed {
		o["status"] = object{"code": failed}
	}
	return o
}

func attributes(values map[string]any) []object {
	list := []object{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := object{"stringValue": fmt.Sprint(values[key])}
		if n, ok := values[key].(int); ok {
			value = object{"intValue": strconv.Itoa(n)}
		}
		list = append(list, object{"key": key, "value": value})
	}
	return list
}
