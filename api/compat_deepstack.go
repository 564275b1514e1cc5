package api

import (
	"context"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/riffle/internal/suggest"
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
	Warnings    []string              `json:"warnings,omitempty" doc:"what is wrong with a damaged picture that could be read all the same"`
	Ignored     []string              `json:"ignored,omitempty" doc:"fields of the request that mean nothing here"`
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

// DeepStackModule is what CodeProject.AI's answers say of who answered, and when.
type DeepStackModule struct {
	Command   string `json:"command" doc:"detect, custom or list-custom"`
	ModuleID  string `json:"moduleId" doc:"riffle"`
	Module    string `json:"moduleName" doc:"riffle"`
	Provider  string `json:"executionProvider" doc:"CPU"`
	Device    string `json:"inferenceDevice" doc:"CPU"`
	CanUseGPU bool   `json:"canUseGPU" doc:"false"`
	DeepStackTime
}

// DeepStackTime is when CodeProject.AI answers.
type DeepStackTime struct {
	Timestamp string `json:"timestampUTC" doc:"such as Sat, 02 Nov 2024 10:11:12 GMT"`
}

func deepStackTime() DeepStackTime { return DeepStackTime{time.Now().UTC().Format(http.TimeFormat)} }

func deepStackModule(command string) DeepStackModule {
	return DeepStackModule{command, "riffle", "riffle", "CPU", "CPU", false, deepStackTime()}
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
	DeepStackTime
}

const (
	deepStackConfidence = 0.4 // where a request names none, as CodeProject.AI has it
	deepStackMost       = 20  // Frigate's plugin holds no more
)

func (s *Server) deepStackRoutes(r chi.Router) {
	handle := func(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
		return s.handle(writeDeepStackError, f)
	}
	r.NotFound(handle(func(_ http.ResponseWriter, r *http.Request) error {
		return failf(kindNotFound, "nothing at %s: riffle detects objects, see /v1/vision/detection", clip(r.URL.Path))
	}))
	r.MethodNotAllowed(handle(s.wrongMethod))
	r.Post("/vision/detection", handle(s.handleDeepStack("detect")))
	r.Get("/vision/custom/list", handle(s.handleDeepStackList))
	r.Post("/vision/custom/list", handle(s.handleDeepStackList))
	r.Post("/vision/custom/{model}", handle(s.handleDeepStack("custom")))
	s.codeProjectRoutes(r, handle)
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
		form, err := readForeignForm(r, in)
		if err != nil {
			return err
		}
		if err := form.checkPictures("no picture in the form: want a file field named image"); err != nil {
			return err
		}
		if err := s.authorizeForm(r, form); err != nil {
			return err
		}
		model, err := m.open()
		if err != nil {
			return err
		}
		f, ignored, err := deepStackFilter(form.fields, model.labels)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
		defer cancel()
		out, err := s.look(ctx, m, job{data: form.pictures[0].data, wish: &wish{keep: f.apply}})
		if err != nil {
			return err
		}
		logPictures(r, m, 1, len(out.found))
		answer := deepStackAnswer(out, command)
		answer.Ignored = ignored
		requestLogOf(r.Context()).ignored = ignored
		writeJSON(w, r, http.StatusOK, "application/json", answer)
		return nil
	}
}

// authorizeForm takes the API key of a header, or that of the form.
func (s *Server) authorizeForm(r *http.Request, form *parsedRequest) error {
	err := s.authorize(r)
	if err != nil && s.keys.accepts(form.fields["api_key"]) {
		return nil
	}
	return err
}

// readForeignForm reads a form of another protocol. Its fields may stand in the
// query, too; those of the body win.
func readForeignForm(r *http.Request, in *bodyReader) (*parsedRequest, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, failf(kindBadParameter, "query cannot be read: %v", err)
	}
	form := &parsedRequest{fields: map[string]string{}}
	kind, typeParams, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "multipart/form-data":
		err = form.readForm(in, typeParams["boundary"], foreignForm, 1)
	case err == nil && kind == "application/x-www-form-urlencoded":
		err = form.readURLEncoded(in, foreignForm, 1)
	default:
		err = failf(kindWrongContent, "content type %q, want multipart/form-data with a file named image", clip(r.Header.Get("Content-Type")))
	}
	if err != nil {
		return nil, err
	}
	for name, values := range query {
		if _, ok := form.fields[name]; !ok {
			form.fields[name] = values[0]
		}
	}
	return form, nil
}

// deepStackFields are the fields of a form that mean something.
var deepStackFields = []string{"min_confidence", "max_detections", "labels", "api_key"}

// deepStackFilter reads what a form asks for, and tells which of its fields mean
// nothing. One that looks like a misspelt name is refused: what it should do would
// else be left out in silence.
func deepStackFilter(fields map[string]string, labels *labelIndex) (f *filter, ignored []string, err error) {
	p := params{}
	for _, name := range sortedKeys(fields) {
		v := strings.TrimSpace(fields[name])
		switch {
		case !slices.Contains(deepStackFields, name):
			// admin_key is DeepStack's own, of routes that are not here.
			if near := suggest.Name(name, deepStackFields); near != "" && name != "admin_key" {
				return nil, nil, failf(kindBadParameter, "unknown field %q, did you mean %q?", clip(name), near)
			}
			ignored = append(ignored, clip(name))
		case v == "":
		case name == "min_confidence":
			t, err := parseThreshold(name, v)
			if err != nil {
				return nil, nil, err
			}
			p.threshold = &t
		case name == "max_detections":
			n, err := parseCount(name, v)
			if err != nil {
				return nil, nil, err
			}
			p.maxDetections = &n
		case name == "labels":
			if p.labels, err = parseLabels(v); err != nil {
				return nil, nil, err
			}
		}
	}
	f, err = p.resolve(labels, defaults{deepStackConfidence, deepStackMost})
	return f, ignored, err
}

func deepStackAnswer(out *seen, command string) *DeepStackAnswer {
	a := &DeepStackAnswer{
		Success: true, Count: len(out.found), Message: "No objects found", Code: http.StatusOK, Warnings: out.warnings,
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

// handleDeepStackList takes the API key of a form, as handleDeepStack does; the
// form may be left out.
func (s *Server) handleDeepStackList(w http.ResponseWriter, r *http.Request) error {
	if err := s.authorize(r); err != nil {
		in, rerr := s.newBodyReader(w, r)
		if rerr != nil {
			return rerr
		}
		defer in.free()
		form, rerr := readForeignForm(r, in)
		if rerr != nil {
			return err // no form: no key
		}
		if err := s.authorizeForm(r, form); err != nil {
			return err
		}
	}
	writeJSON(w, r, http.StatusOK, "application/json", DeepStackModels{true, s.models.names(detectTask), http.StatusOK, deepStackModule("list-custom")})
	return nil
}

// writeDeepStackError answers in DeepStack's form.
func writeDeepStackError(w http.ResponseWriter, r *http.Request, f *failure) {
	status := deepStackStatus(f.kind.status)
	setRetryAfter(w, f)
	writeJSON(w, r, status, "application/json", DeepStackError{false, f.detail, status, deepStackTime()})
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
