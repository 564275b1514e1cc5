package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// origins decides which web pages may call the service from a browser.
// Requests of programs that are no browser carry no origin and always may.
type origins struct {
	all     bool
	allowed []string
	guard   *http.CrossOriginProtection
}

func newOrigins(allowed []string) (*origins, error) {
	o := &origins{guard: http.NewCrossOriginProtection()}
	for _, a := range allowed {
		if a == "*" {
			o.all = true
			continue
		}
		u, err := url.Parse(a)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" {
			return nil, fmt.Errorf("allowed origin %q: want scheme://host[:port], or *", a)
		}
		o.allowed = append(o.allowed, a)
	}
	return o, nil
}

func (o *origins) allows(origin string) bool {
	return o.all || slices.Contains(o.allowed, origin)
}

const (
	corsMethods = "GET, HEAD, POST, OPTIONS"
	// Every header that a route reads.
	corsHeaders = "Accept, Authorization, Content-Encoding, Content-Type, Doods-Auth-Key, Inference-Header-Content-Length, " +
		"Traceparent, Tracestate, X-Api-Key, X-Request-Id"
	corsExposed = "Allow, Inference-Header-Content-Length, Retry-After, X-Request-Id"
)

// middleware answers preflights and marks answers for allowed origins. A page of
// any other origin can neither read answers nor make the service work: a POST
// from there is refused, for browsers send some of them unasked.
func (o *origins) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin != "" {
			w.Header().Add("Vary", "Origin")
		}
		if origin == "" || !o.allows(origin) {
			if err := o.guard.Check(r); err != nil {
				f := failf(kindForeignOrigin, "pages of %q may not call this service, which was asked for as %q; behind a reverse proxy that is a matter of its Host or X-Forwarded-Host header",
					clip(origin), clip(r.Host))
				requestLogOf(r.Context()).failure = f
				writeProblem(w, r, f)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", corsExposed)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsHeaders)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
