package api

import (
	"net/http"
	"sync/atomic"

	"example.com/riffle/api/internal/admission"
	"github.com/go-chi/chi/v5"
)

// largeBytes is the decoded size from which a picture counts as large: photos of
// phones, 12 million pixels in a JPEG, do not.
const largeBytes = 64 << 20

// reclaimAfter is how many bytes of large bodies are let go before their memory
// is given back.
const reclaimAfter = 16 << 20

// Server answers HTTP requests with what its models see. Create it with [New].
type Server struct {
	cfg       Config
	models    *registry
	keys      keyring
	origins   *origins
	proxies   proxies
	policy    string // of the pages' content
	budget    *admission.Budget
	large     *admission.Large
	reclaimer *admission.Reclaimer
	metrics   *metrics
	openAPI   []byte
	docs      []byte
	router    chi.Routes
	handler   http.Handler
	stopping  atomic.Bool
	streams   streams
	tracer    *tracer
	fetcher   *fetcher
}

// New checks the configuration and makes a server of it. It listens nowhere yet.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, keys: newKeyring(cfg.APIKeys), budget: admission.NewBudget(cfg.MaxMemory, cfg.MaxBody),
		large:     admission.NewLarge(largeBytes, largeLine, cfg.FreeMemory),
		reclaimer: admission.NewReclaimer(reclaimAfter, cfg.FreeMemory),
	}
	if s.models, err = newRegistry(cfg.Models); err != nil {
		return nil, err
	}
	if s.origins, err = newOrigins(cfg.AllowedOrigins); err != nil {
		return nil, err
	}
	if s.proxies, err = newProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if s.policy, err = contentPolicy(cfg.AllowedFrames); err != nil {
		return nil, err
	}
	if s.fetcher, err = newFetcher(cfg.AllowedURLs, cfg.FetchTimeout); err != nil {
		return nil, err
	}
	if cfg.Preload {
		if _, err := s.models.first().open(); err != nil {
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
