package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Run listens on the configured address and serves until ctx ends; then it
// stops accepting, lets requests in flight finish within the grace time and
// returns nil. The error is that of listening, or tells that requests had to be
// cut off.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Check(); err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", s.cfg.Addr, err)
	}
	return s.Serve(ctx, ln)
}

// Check finds what Run would find before it serves: an address that is none, a
// certificate that cannot be used. It takes no port.
func (s *Server) Check() error {
	for _, addr := range []string{s.cfg.Addr, s.cfg.DebugAddr} {
		if addr == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", addr); err != nil {
			return fmt.Errorf("cannot listen on %s: %w", addr, err)
		}
	}
	if s.cfg.TLSCert == "" {
		return nil
	}
	_, err := openCertificate(s.cfg.TLSCert, s.cfg.TLSKey, s.cfg.Log)
	return err
}

// Serve is Run on a listener that is there already. It closes the listener.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	stopDebug, err := s.serveDebug(ctx)
	if err != nil {
		_ = ln.Close()
		return err
	}
	defer stopDebug()
	defer spareProcessors(s.models.parallel(), s.cfg.SpareProcessors)()
	defer s.tracer.run()()

	// Requests outlive ctx by the grace time: they have a context of their own.
	work, cutOff := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cutOff(nil)
	srv, err := s.httpServer(work)
	if err != nil {
		_ = ln.Close()
		return err
	}
	failed := make(chan error, 1)
	secure, scheme := s.cfg.TLSCert != "", "http"
	if secure {
		scheme = "https"
	}
	go func() {
		if secure {
			failed <- srv.ServeTLS(ln, "", "")
		} else {
			failed <- srv.Serve(ln)
		}
	}()
	s.cfg.Log.Info().Str("addr", ln.Addr().String()).Str("url", localURL(scheme, ln.Addr())).
		Strs("models", s.models.allNames()).Msg("listening")
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	return s.drain(srv, cutOff)
}

// drain ends the service: no new connections, a grace time for what is in
// flight, then the axe.
func (s *Server) drain(srv *http.Server, cutOff context.CancelCauseFunc) error {
	s.stopping.Store(true)
	s.cfg.Log.Info().Dur("grace", s.cfg.Grace).Msg("stopping")
	grace, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	s.streams.stop()
	err := srv.Shutdown(grace)
	if err == nil {
		err = s.streams.wait(grace)
	}
	if err == nil {
		s.cfg.Log.Info().Msg("stopped")
		return nil
	}
	cutOff(errStopping)
	// A moment for handlers to say so to their clients.
	last, cancelLast := context.WithTimeout(context.Background(), time.Second)
	defer cancelLast()
	if srv.Shutdown(last) != nil {
		_ = srv.Close()
	}
	return fmt.Errorf("requests were cut off after the grace time of %v", s.cfg.Grace)
}

// httpServer is the configured net/http server: HTTP/1.1 and HTTP/2, the latter
// also in clear text for clients that know beforehand.
func (s *Server) httpServer(work context.Context) (*http.Server, error) {
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.cfg.ReadHeaderTimeout,
		ReadTimeout:       s.cfg.ReadTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    s.cfg.MaxHeader,
		BaseContext:       func(net.Listener) context.Context { return work },
		ErrorLog:          s.errorLog(),
		Protocols:         new(http.Protocols),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	if s.cfg.TLSCert != "" {
		cert, err := openCertificate(s.cfg.TLSCert, s.cfg.TLSKey, s.cfg.Log)
		if err != nil {
			return nil, err
		}
		srv.TLSConfig = &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS12}
	}
	return srv, nil
}

// errorLog takes what net/http has to say: mostly of clients that break off or
// do not speak HTTP, so that it is a warning at most.
func (s *Server) errorLog() *log.Logger {
	return log.New(warnings{s.cfg.Log}, "", 0)
}

type warnings struct{ log zerolog.Logger }

func (w warnings) Write(line []byte) (int, error) {
	w.log.Warn().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}

// serveDebug serves pprof and metrics on the debug address, if there is one.
func (s *Server) serveDebug(ctx context.Context) (stop func(), err error) {
	if s.cfg.DebugAddr == "" {
		return func() {}, nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.cfg.DebugAddr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on debug address %s: %w", s.cfg.DebugAddr, err)
	}
	srv := &http.Server{Handler: s.debugHandler(), ReadHeaderTimeout: s.cfg.ReadHeaderTimeout, ErrorLog: s.errorLog()}
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error().Err(err).Msg("debug server failed")
		}
	}()
	s.cfg.Log.Info().Str("addr", ln.Addr().String()).Msg("profiles at /debug/pprof/")
	return func() { _ = srv.Close() }, nil
}

func (s *Server) debugHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/metrics", s.metrics.handler())
	return mux
}

// localURL is the address as one types it into a browser on this machine.
func localURL(scheme string, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
