package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Routes of the Open Inference Protocol (KServe v2, HTTP/REST) with its binary
// tensor data extension. Clients: tritonclient, kserve.

// kserveVersion is the one version that a model has here.
const kserveVersion = "1"

func (s *Server) kserveRoutes(r chi.Router) {
	handle := func(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
		return s.handle(writeKServeError, f)
	}
	r.NotFound(handle(func(_ http.ResponseWriter, r *http.Request) error {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}))
	r.MethodNotAllowed(handle(s.wrongMethod))
	r.Get("/", handle(func(w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, r, http.StatusOK, "application/json", KServeServer{"riffle", s.cfg.Version, []string{"binary_tensor_data", "model_configuration", "model_repository", "statistics"}})
		return nil
	}))
	r.Get("/health/live", handle(func(w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, r, http.StatusOK, "application/json", KServeLive{true})
		return nil
	}))
	r.Get("/health/ready", handle(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.ready(); err != nil {
			return err
		}
		writeJSON(w, r, http.StatusOK, "application/json", KServeReady{Ready: true})
		return nil
	}))
	for _, prefix := range []string{"/models/{model}", "/models/{model}/versions/{version}"} {
		r.Get(prefix, handle(s.requireKey(s.handleKServeModel)))
		r.Get(prefix+"/ready", handle(s.handleKServeReady))
		r.Get(prefix+"/config", handle(s.requireKey(s.handleKServeConfig)))
		r.Get(prefix+"/stats", handle(s.requireKey(s.handleKServeStatistics)))
		r.Post(prefix+"/infer", handle(s.requireKey(s.handleKServeInfer)))
	}
	r.Get("/models/stats", handle(s.requireKey(s.handleKServeStatistics)))
	r.Post("/repository/index", handle(s.requireKey(s.handleKServeIndex)))
	r.Post("/repository/models/{model}/load", handle(s.requireKey(s.handleKServeLoad)))
}

// kserveModel is the model of the path.
func (s *Server) kserveModel(r *http.Request) (*served, *openModel, error) {
	if v := chi.URLParam(r, "version"); v != "" && v != kserveVersion {
		return nil, nil, failf(kindUnknownModel, "model %q has no version %q, only %s", clip(chi.URLParam(r, "model")), clip(v), kserveVersion)
	}
	m, err := s.models.find(detectTask, chi.URLParam(r, "model"))
	if err != nil {
		return nil, nil, err
	}
	model, err := m.open()
	return m, model, err
}

// The tensors of every model.
var (
	kserveInputTensor   = KServeTensor{Name: kserveImage, Datatype: "BYTES", Shape: []int{-1}}
	kserveOutputTensors = []KServeTensor{
		{Name: "boxes", Datatype: "FP32", Shape: []int{-1, 4}},
		{Name: "scores", Datatype: "FP32", Shape: []int{-1}},
		{Name: "labels", Datatype: "BYTES", Shape: []int{-1}},
		{Name: "category_ids", Datatype: "INT64", Shape: []int{-1}},
		{Name: "counts", Datatype: "INT64", Shape: []int{-1}},
		{Name: "sizes", Datatype: "INT64", Shape: []int{-1, 2}},
	}
)

func (s *Server) handleKServeModel(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.kserveModel(r)
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, "application/json", KServeModel{
		Name: m.Name, Versions: []string{kserveVersion}, Platform: "riffle",
		Inputs: []KServeTensor{kserveInputTensor}, Outputs: kserveOutputTensors,
	})
	return nil
}

func (s *Server) handleKServeReady(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.kserveModel(r)
	if err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, "application/json", KServeReady{m.Name, true})
	return nil
}

func writeKServeError(w http.ResponseWriter, r *http.Request, f *failure) {
	setRetryAfter(w, f)
	writeJSON(w, r, f.kind.status, "application/json", KServeError{f.detail})
}
