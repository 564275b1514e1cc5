package api

import (
	"image"
	"net/http"
	"sync/atomic"
)

// Server answers HTTP requests with what its models see. Create it with [New].
type Server struct {
	cfg Config
	registries
	keys     keyring
	origins  *origins
	budget   budget
	large    *largeGate
	metrics  *metrics
	openAPI  []byte
	docs     []byte
	handler  http.Handler
	stopping atomic.Bool
	streams  streams
	tracer   *tracer
	fetcher  *fetcher
	draw     func(photo image.Image, found []Detection) image.Image
}

// New checks the configuration and makes a server of it. It listens nowhere yet.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, keys: newKeyring(cfg.APIKeys), draw: drawDetections, large: newLargeGate(largeBytes)}
	s.budget.limit = cfg.MaxMemory
	if s.registries, err = newRegistries(&cfg); err != nil {
		return nil, err
	}
	if s.origins, err = newOrigins(cfg.AllowedOrigins); err != nil {
		return nil, err
	}
	if s.fetcher, err = newFetcher(cfg.AllowedURLs, cfg.FetchTimeout); err != nil {
		return nil, err
	}
	if cfg.Preload {
		if err := s.models.models[0].open(); err != nil {
			f := asFailure(err)
			return nil, wrapCause(f)
		}
	}
	if s.tracer, err = newTracer(cfg.OTLPEndpoint, cfg.Version, cfg.Log); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(s)
	if s.openAPI, err = openAPI(cfg.Version); err != nil {
		return nil, err
	}
	if s.docs, err = s.docsPage(); err != nil {
		return nil, err
	}
	s.handler = s.routes()
	return s, nil
}

// Handler is the whole service as a handler, for tests and for other servers.
func (s *Server) Handler() http.Handler { return s.handler }
