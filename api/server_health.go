package api

import "net/http"

// handleHealth says that the process answers.
func (s *Server) handleHealth(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, r, http.StatusOK, "application/json", Health{Status: "ok"})
	return nil
}

// Health is what /healthz and /readyz answer.
type Health struct {
	Status string `json:"status" doc:"ok"`
}

// ready tells that the process takes work: the default model is loaded or can
// be, and nobody asked it to stop.
func (s *Server) ready() error {
	if s.stopping.Load() {
		return &failure{kind: kindStopping, detail: "the service is shutting down", retryAfter: busyPause}
	}
	_, err := s.models.first().open()
	return err
}

func (s *Server) handleReady(w http.ResponseWriter, r *http.Request) error {
	if err := s.ready(); err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, "application/json", Health{Status: "ok"})
	return nil
}
