package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// routes lays out the service.
func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	s.router = r
	r.Use(withRequestID, s.proxies.middleware, s.withAccessLog, s.origins.middleware, middleware.GetHead)
	r.NotFound(s.handle(writeProblem, func(_ http.ResponseWriter, r *http.Request) error {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}))
	r.MethodNotAllowed(s.handle(writeProblem, s.wrongMethod))

	r.Get("/healthz", s.handle(writeProblem, s.handleHealth))
	r.Get("/readyz", s.handle(writeProblem, s.handleReady))
	r.Get("/metrics", s.handle(writeProblem, s.requireKey(s.handleMetrics)))
	for _, t := range tasks {
		r.Post("/"+t.name, s.handle(writeProblem, s.requireKey(s.handleTask(t))))
	}
	r.Get("/models", s.handle(writeProblem, s.requireKey(s.handleModels)))
	r.Get("/openapi.json", s.handle(writeProblem, s.handleOpenAPI))
	r.Get("/", s.handle(writeProblem, s.handlePage))
	r.Get("/page/{file}", s.handle(writeProblem, s.handlePageFile))
	r.Get("/docs", s.handle(writeProblem, s.handleDocs))
	r.Route("/v1", s.deepStackRoutes)
	r.Route("/doods", s.doodsRoutes)
	r.Route("/v2", s.kserveRoutes)
	return r
}

// errorWriter answers with a failure in the form of a route.
type errorWriter func(w http.ResponseWriter, r *http.Request, f *failure)

// handle makes a handler of a function that returns its failure.
func (s *Server) handle(writeError errorWriter, serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := serve(w, r)
		if err == nil {
			return
		}
		if errors.Is(err, errClientGone) {
			w.WriteHeader(statusClientGone) // for the log: nobody reads it
			return
		}
		f := asFailure(err)
		requestLogOf(r.Context()).failure = f
		writeError(w, r, f)
	}
}

// requireKey asks for an API key first, if keys are set.
func (s *Server) requireKey(f func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.authorize(r); err != nil {
			return err
		}
		return f(w, r)
	}
}

// wrongMethod names the methods that a path does have, which is also the answer
// to OPTIONS.
func (s *Server) wrongMethod(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost} {
		if !s.router.Match(chi.NewRouteContext(), m, r.URL.Path) {
			continue
		}
		allowed = append(allowed, m)
		if m == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	list := strings.Join(append(allowed, http.MethodOptions), ", ")
	w.Header().Set("Allow", list)
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return failf(kindWrongMethod, "%s is not for %s, use %s", clip(r.Method), clip(r.URL.Path), strings.Join(allowed, " or "))
}

func (s *Server) handleMetrics(w http.ResponseWriter, r *http.Request) error {
	s.metrics.handler().ServeHTTP(w, r)
	return nil
}

// wrapCause shows a failure with its cause, for those who start the server.
func wrapCause(f *failure) error {
	if f.cause == nil {
		return f
	}
	return fmt.Errorf("%s: %w", f.detail, f.cause)
}
