package api

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Traces as OpenTelemetry has them, kept to what this service needs: OTel's own
// SDK with its exporter would make the program a quarter larger. A request is a
// span, each picture in it another, each stage of the picture a third.

type (
	traceID [16]byte
	spanID  [8]byte
)

// span is one finished piece of work.
type span struct {
	trace      traceID
	id, parent spanID
	name       string
	server     bool // answers a request; the others are inside one
	start, end time.Time
	attributes map[string]any // strings and ints
	failed     bool
}

// requestTrace collects the spans of one request. A nil one collects nothing.
type requestTrace struct {
	trace      traceID
	id, parent spanID

	mu    sync.Mutex // a batch's pictures may be worked on side by side
	inner []span
}

// newRequestTrace continues the trace of the request's traceparent header (W3C
// Trace Context) or begins one. It is nil if the caller wants no trace.
func newRequestTrace(r *http.Request) *requestTrace {
	t := &requestTrace{id: newSpanID()}
	trace, parent, sampled, ok := parseTraceParent(r.Header.Get("Traceparent"))
	switch {
	case !ok:
		_, _ = rand.Read(t.trace[:])
	case !sampled:
		return nil
	default:
		t.trace, t.parent = trace, parent
	}
	return t
}

func newSpanID() (id spanID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// parseTraceParent reads version-trace-parent-flags. Later versions may go on
// after the flags.
func parseTraceParent(s string) (trace traceID, parent spanID, sampled, ok bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || parts[0] == "ff" || parts[0] == "00" && len(parts) != 4 {
		return trace, parent, false, false
	}
	var version, flags [1]byte
	for i, into := range [][]byte{version[:], trace[:], parent[:], flags[:]} {
		if len(parts[i]) != 2*len(into) || strings.ToLower(parts[i]) != parts[i] {
			return trace, parent, false, false
		}
		if _, err := hex.Decode(into, []byte(parts[i])); err != nil {
			return trace, parent, false, false
		}
	}
	ok = trace != traceID{} && parent != spanID{}
	return trace, parent, flags[0]&1 == 1, ok
}

// looked adds a picture. Its stages are known by how long they took: they came
// one after the other.
func (t *requestTrace) looked(model string, start time.Time, out *seen) {
	if t == nil {
		return
	}
	picture := span{
		trace: t.trace, id: newSpanID(), parent: t.id, name: "picture", start: start, end: start,
		attributes: map[string]any{
			"riffle.model": model, "riffle.detections": len(out.found),
			"riffle.picture.width": out.width, "riffle.picture.height": out.height,
		},
	}
	spans := make([]span, 0, len(out.stages))
	at := start
	for _, st := range out.stages {
		if st.name == "total" {
			picture.end = start.Add(st.took)
			continue
		}
		spans = append(spans, span{trace: t.trace, id: newSpanID(), parent: picture.id, name: st.name, start: at, end: at.Add(st.took)})
		at = at.Add(st.took)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inner = append(append(t.inner, picture), spans...)
}

// finish returns all spans of the request.
func (t *requestTrace) finish(r *http.Request, n *requestLog, status int, took time.Duration) []span {
	route := routePattern(r)
	end := time.Now()
	s := span{
		trace: t.trace, id: t.id, parent: t.parent, name: clipTo(r.Method, 20) + " " + route, server: true,
		start: end.Add(-took), end: end, failed: status >= 500,
		attributes: map[string]any{
			"http.request.method": clipTo(r.Method, 20), "http.route": route, "http.response.status_code": status,
			"url.path": clipTo(r.URL.Path, 200), "client.address": remoteHost(r), "riffle.request_id": requestID(r.Context()),
		},
	}
	if n.model != "" {
		s.attributes["riffle.model"], s.attributes["riffle.pictures"] = n.model, n.pictures
		s.attributes["riffle.detections"] = n.detections
	}
	if n.failure != nil {
		s.attributes["error.type"] = n.failure.kind.slug
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]span{s}, t.inner...)
}

func (t *requestTrace) String() string { return hex.EncodeToString(t.trace[:]) }
