package api

import (
	"context"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// requestLog is what handlers tell the access log and the metrics about a request.
type requestLog struct {
	model      string
	pictures   int
	detections int
	failure    *failure
	warnings   atomic.Pointer[[]string] // of pictures that were damaged
	ignored    []string                 // fields of the request that mean nothing here
	stream     bool                     // the connection became a WebSocket
	trace      *requestTrace
}

// logPictures tells the access log what a request was about.
func logPictures(r *http.Request, m *served, pictures, detections int) {
	n := requestLogOf(r.Context())
	n.model, n.pictures, n.detections = m.Name, pictures, detections
}

// warn notes what is wrong with a picture that was read all the same; of several
// pictures of a request those of the last one stay.
func (n *requestLog) warn(warnings []string) {
	if len(warnings) > 0 {
		n.warnings.Store(&warnings)
	}
}

// requestLogOf is never nil, so that handlers can be called without the middleware.
func requestLogOf(ctx context.Context) *requestLog {
	if n, ok := ctx.Value(keyRequestLog).(*requestLog); ok {
		return n
	}
	return &requestLog{}
}

// withAccessLog writes one line a request and turns a panic into a logged 500.
func (s *Server) withAccessLog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		n := &requestLog{trace: s.tracer.begin(r)}
		r = r.WithContext(context.WithValue(r.Context(), keyRequestLog, n))
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http documents this very value
					panic(p)
				}
				s.cfg.Log.Error().Str("request_id", requestID(r.Context())).Interface("panic", p).
					Bytes("stack", debug.Stack()).Msg("panic in a handler")
				n.failure = failf(kindInternal, "something went wrong here, not in the request")
				if ww.Status() == 0 {
					writeProblem(ww, r, n.failure)
				}
			}
			s.finished(ww, r, n, time.Since(start))
		}()
		next.ServeHTTP(ww, r)
	})
}

func (s *Server) finished(ww middleware.WrapResponseWriter, r *http.Request, n *requestLog, took time.Duration) {
	status := ww.Status()
	if n.stream {
		status = http.StatusSwitchingProtocols // sent on the bare connection
	}
	s.metrics.answered(routePattern(r), r.Method, status)
	if !n.stream { // how long a WebSocket was open is no answer's time
		s.metrics.seconds.WithLabelValues(routePattern(r)).Observe(took.Seconds())
	}
	if n.trace != nil && !n.stream {
		s.tracer.add(n.trace.finish(r, n, status, took))
	}
	e := s.cfg.Log.WithLevel(logLevel(r, status))
	e = e.Str("request_id", requestID(r.Context())).Str("method", r.Method).Str("path", clipTo(r.URL.Path, 200)).
		Int("status", status).Int("bytes", ww.BytesWritten()).Float64("ms", milliseconds(took)).
		Str("remote", remoteHost(r)).Str("proto", r.Proto)
	if n.trace != nil {
		e = e.Stringer("trace_id", n.trace)
	}
	if ua := r.UserAgent(); ua != "" {
		e = e.Str("user_agent", clipTo(ua, 200))
	}
	if n.model != "" {
		e = e.Str("model", n.model).Int("pictures", n.pictures).Int("detections", n.detections)
	}
	if w := n.warnings.Load(); w != nil {
		e = e.Strs("warnings", *w)
	}
	if len(n.ignored) > 0 {
		e = e.Strs("ignored", n.ignored)
	}
	if n.failure != nil {
		e = e.Str("problem", n.failure.kind.slug).Str("detail", n.failure.detail)
		if n.failure.cause != nil {
			e = e.AnErr("cause", n.failure.cause)
		}
	}
	e.Msg("request")
}

// statusClientGone is what log and metrics call a request whose client left
// before it was answered.
const statusClientGone = 499

// logLevel keeps probes out of the log and failures of ours on top.
func logLevel(r *http.Request, status int) zerolog.Level {
	switch {
	case status == http.StatusServiceUnavailable:
		return zerolog.WarnLevel
	case status >= 500:
		return zerolog.ErrorLevel
	case isProbe(r.URL.Path):
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}

// isProbe tells the paths that machines ask for every few seconds.
func isProbe(path string) bool {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready":
		return true
	}
	return false
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// routePattern is the route that a request matched, for metrics: paths would
// let a stranger fill memory with names.
func routePattern(r *http.Request) string {
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePattern() != "" {
		return rc.RoutePattern()
	}
	return "none"
}
