package api

import (
	"context"
	"math"
	"mime"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Routes of DeepStack (its server 2021.09) and of CodeProject.AI, which kept
// them. Clients: Frigate's deepstack detector, Blue Iris, Agent DVR, Viseron,
// deepstack-python, deepstack-sdk.

// DeepStackAnswer is what the routes of DeepStack answer.
type DeepStackAnswer struct {
	Success     bool                  `json:"success" doc:"true"`
	Message     string                `json:"message" doc:"what was found, in words"`
	Count       int                   `json:"count" doc:"number of predictions"`
	Predictions []DeepStackPrediction `json:"predictions" doc:"what the picture shows, best first"`
	InferenceMS int                   `json:"inferenceMs" doc:"milliseconds in the network"`
	ProcessMS   int                   `json:"processMs" doc:"milliseconds of work on the picture"`
	RoundTripMS int                   `json:"analysisRoundTripMs" doc:"milliseconds with the wait in the queue"`
	Duration    float64               `json:"duration" doc:"seconds with the wait in the queue"`
	Code        int                   `json:"code" doc:"200"`
	DeepStackModule
}

// DeepStackPrediction is one object, in whole pixels.
type DeepStackPrediction struct {
	Label      string  `json:"label"`
	Confidence float32 `json:"confidence" doc:"0 to 1"`
	XMin       int     `json:"x_min"`
	YMin       int     `json:"y_min"`
	XMax       int     `json:"x_max"`
	YMax       int     `json:"y_max"`
}

// DeepStackModule is what CodeProject.AI's answers say of who answered.
type DeepStackModule struct {
	Command   string `json:"command" doc:"detect, custom or list-custom"`
	ModuleID  string `json:"moduleId" doc:"riffle"`
	Module    string `json:"moduleName" doc:"riffle"`
	Provider  string `json:"executionProvider" doc:"CPU"`
	Device    string `json:"inferenceDevice" doc:"CPU"`
	CanUseGPU bool   `json:"canUseGPU" doc:"false"`
}

func deepStackModule(command string) DeepStackModule {
	return DeepStackModule{command, "riffle", "riffle", "CPU", "CPU", false}
}

// DeepStackModels is the answer to /v1/vision/custom/list.
type DeepStackModels struct {
	Success bool     `json:"success" doc:"true"`
	Models  []string `json:"models" doc:"names for /v1/vision/custom/{model}"`
	Code    int      `json:"code" doc:"200"`
	DeepStackModule
}

// DeepStackError is how the routes of DeepStack say what is wrong.
type DeepStackError struct {
	Success bool   `json:"success" doc:"false"`
	Error   string `json:"error" doc:"what is wrong"`
	Code    int    `json:"code" doc:"the HTTP status"`
}

// DeepStackPing is the answer to /v1/status/ping.
type DeepStackPing struct {
	Success bool   `json:"success" doc:"true"`
	Message string `json:"message"`
}

const (
	deepStackConfidence = 0.4 // where a request names none, as CodeProject.AI has it
	deepStackMost       = 20  // Frigate's plugin holds no more
)

func (s *Server) deepStackRoutes(r chi.Router) {
	notThere := s.handle(writeDeepStackError, func(_ http.ResponseWriter, r *http.Request) error {
		return failf(kindNotFound, "nothing at %s: riffle detects objects, see /v1/vision/detection", clip(r.URL.Path))
	})
	r.NotFound(notThere)
	r.Post("/vision/detection", s.handle(writeDeepStackError, s.handleDeepStack("detect")))
	list := s.handle(writeDeepStackError, s.requireKey(s.handleDeepStackList))
	r.Get("/vision/custom/list", list)
	r.Post("/vision/custom/list", list)
	r.Post("/vision/custom/{model}", s.handle(writeDeepStackError, s.handleDeepStack("custom")))
	r.Get("/status/ping", s.handle(writeDeepStackError, func(w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, r, http.StatusOK, "application/json", DeepStackPing{true, "riffle " + s.cfg.Version})
		return nil
	}))
}

// handleDeepStack answers a form with a picture, as DeepStack did. The API key
// may be the form's, so that it is known only after the form is read.
func (s *Server) handleDeepStack(command string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		m, err := s.models.find(detectTask, chi.URLParam(r, "model"))
		if err != nil {
			return err
		}
		if err := s.refuseEarly(r, detectTask, m.Name); err != nil {
			return err
		}
		in, err := s.newBodyReader(w, r)
		if err != nil {
			return err
		}
		defer in.free()
		sub, err := readForeignForm(r, in)
		if err != nil {
			return err
		}
		if s.authorize(r) != nil && !s.keys.accepts(sub.fields["api_key"]) {
			return failf(kindUnauthorized, "no API key, or a wrong one")
		}
		f, err := deepStackFilter(sub.fields)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
		defer cancel()
		out, err := s.look(ctx, m, job{data: sub.pictures[0].data, wish: &wish{keep: f.apply}})
		if err != nil {
			return err
		}
		logPictures(r, m, 1, len(out.found))
		writeJSON(w, r, http.StatusOK, "application/json", deepStackAnswer(out, command))
		return nil
	}
}

func readForeignForm(r *http.Request, in *bodyReader) (*parsedRequest, error) {
	kind, typeParams, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return nil, failf(kindWrongContent, "content type %q, want multipart/form-data with a file named image", clip(r.Header.Get("Content-Type")))
	}
	sub := &parsedRequest{}
	return sub, sub.readForm(in, typeParams["boundary"], foreignForm, 1)
}

// deepStackFilter reads min_confidence and max_detections.
func deepStackFilter(fields map[string]string) (*filter, error) {
	f := &filter{threshold: deepStackConfidence, most: deepStackMost}
	if v := strings.TrimSpace(fields["min_confidence"]); v != "" {
		t, err := parseThreshold("min_confidence", v)
		if err != nil {
			return nil, err
		}
		f.threshold = float32(t)
	}
	if v := strings.TrimSpace(fields["max_detections"]); v != "" {
		n, err := parseCount("max_detections", v)
		if err != nil {
			return nil, err
		}
		f.most = n
	}
	return f, nil
}

func deepStackAnswer(out *seen, command string) *DeepStackAnswer {
	a := &DeepStackAnswer{
		Success: true, Count: len(out.found), Message: "No objects found", Code: http.StatusOK,
		Predictions: make([]DeepStackPrediction, len(out.found)), DeepStackModule: deepStackModule(command),
	}
	var names []string
	for i, d := range out.found {
		a.Predictions[i] = DeepStackPrediction{
			d.Label, d.Score, wholePixel(d.Box.X1), wholePixel(d.Box.Y1), wholePixel(d.Box.X2), wholePixel(d.Box.Y2),
		}
		names = append(names, d.Label)
	}
	if len(names) > 0 {
		a.Message = "Found " + strings.Join(names, ", ")
	}
	t := timings(out.stages)
	total := t["total"]
	a.RoundTripMS, a.Duration = int(math.Round(total)), total/1000
	a.ProcessMS = int(math.Round(total - t["queue"]))
	a.InferenceMS = int(math.Round(total - t["queue"] - t["decode"]))
	return a
}

func wholePixel(v float32) int { return int(math.Round(float64(v))) }

func (s *Server) handleDeepStackList(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, r, http.StatusOK, "application/json", DeepStackModels{true, s.models.names(detectTask), http.StatusOK, deepStackModule("list-custom")})
	return nil
}

// writeDeepStackError answers in DeepStack's form.
func writeDeepStackError(w http.ResponseWriter, r *http.Request, f *failure) {
	status := deepStackStatus(f.kind.status)
	setRetryAfter(w, f)
	writeJSON(w, r, status, "application/json", DeepStackError{false, f.detail, status})
}

// deepStackStatus is a status as DeepStack's clients know it: whatever is wrong
// with the picture or the form is 400.
func deepStackStatus(status int) int {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return status
	}
	if status < 500 {
		return http.StatusBadRequest
	}
	return status
}
