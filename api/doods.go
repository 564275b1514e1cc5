package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Routes of DOODS and DOODS2. Clients: Home Assistant's doods integration by
// way of pydoods, whose URL setting then is http://host:8080/doods.

// DoodsDetectors is the answer to GET /doods/detectors.
type DoodsDetectors struct {
	Detectors []DoodsDetector `json:"detectors"`
}

// DoodsDetector is one model as DOODS describes it.
type DoodsDetector struct {
	Name   string   `json:"name" doc:"for detector_name; default is always there"`
	Type   string   `json:"type" doc:"riffle"`
	Model  string   `json:"model" doc:"the model behind the name"`
	Labels []string `json:"labels"`
	Width  int      `json:"width" doc:"of the network's input; pictures of any shape will do"`
	Height int      `json:"height"`
}

// DoodsRequest is the body of POST /doods/detect.
type DoodsRequest struct {
	ID           string             `json:"id,omitempty" doc:"comes back with the answer"`
	DetectorName string             `json:"detector_name,omitempty" doc:"a model's name, or default"`
	Data         base64Picture      `json:"data" doc:"the picture as base64; addresses are refused"`
	Image        string             `json:"image,omitempty" doc:"jpeg or png asks for the picture with boxes as well"`
	Throttle     float64            `json:"throttle,omitempty" doc:"of /doods/stream: seconds between answers; pictures that come sooner are dropped"`
	Preprocess   []string           `json:"preprocess,omitempty" doc:"nothing is supported: want none"`
	Detect       map[string]float64 `json:"detect,omitempty" doc:"label to lowest confidence in percent; * for every label without an entry"`
	Regions      []DoodsRegion      `json:"regions,omitempty" doc:"parts of the picture with rules of their own"`
}

// DoodsRegion is a part of the picture, in fractions, with rules of its own.
type DoodsRegion struct {
	ID     string             `json:"id,omitempty"`
	Top    float64            `json:"top"`
	Left   float64            `json:"left"`
	Bottom float64            `json:"bottom"`
	Right  float64            `json:"right"`
	Detect map[string]float64 `json:"detect"`
	Covers bool               `json:"covers,omitempty" doc:"true: all of the box must lie in the region; false: some of it"`
}

// DoodsResponse is the answer to a DoodsRequest.
type DoodsResponse struct {
	ID         string           `json:"id,omitempty"`
	Image      string           `json:"image,omitempty" doc:"the picture with boxes as base64, if it was asked for"`
	Detections []DoodsDetection `json:"detections"`
	Error      string           `json:"error,omitempty"`

	drawn []byte
}

// DoodsDetection is one object; the box is in fractions of the picture.
type DoodsDetection struct {
	RegionID   string  `json:"region_id,omitempty"`
	Top        float32 `json:"top"`
	Left       float32 `json:"left"`
	Bottom     float32 `json:"bottom"`
	Right      float32 `json:"right"`
	Label      string  `json:"label"`
	Confidence float32 `json:"confidence" doc:"percent"`
}

func (s *Server) doodsRoutes(r chi.Router) {
	r.NotFound(s.handle(writeDoodsError, func(_ http.ResponseWriter, r *http.Request) error {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}))
	r.Get("/detectors", s.handle(writeDoodsError, s.locked(s.handleDoodsDetectors)))
	r.Post("/detect", s.handle(writeDoodsError, s.locked(s.handleDoodsDetect)))
	r.Post("/image", s.handle(writeDoodsError, s.locked(s.handleDoodsImage)))
	r.Get("/detect", s.handle(writeDoodsError, s.locked(s.handleDoodsSocket(doodsAsync))))
	r.Get("/stream", s.handle(writeDoodsError, s.locked(s.handleDoodsSocket(doodsStream))))
}

func (s *Server) handleDoodsDetectors(w http.ResponseWriter, r *http.Request) error {
	answer := DoodsDetectors{}
	add := func(name string, m *served) error {
		if err := m.open(); err != nil {
			return err
		}
		answer.Detectors = append(answer.Detectors, DoodsDetector{
			name, "riffle", m.Name, m.labels.names, m.info.Width, m.info.Height,
		})
		return nil
	}
	if s.models.byName[doodsDefault] == nil {
		if err := add(doodsDefault, s.models.models[0]); err != nil {
			return err
		}
	}
	for _, m := range s.models.models {
		if err := add(m.Name, m); err != nil {
			return err
		}
	}
	writeJSON(w, r, http.StatusOK, "application/json", answer)
	return nil
}

// doodsDefault is the detector that DOODS takes where none is named.
const doodsDefault = "default"

func (s *Server) doodsModel(name string) (*served, error) {
	if name == doodsDefault && s.models.byName[doodsDefault] == nil {
		name = ""
	}
	return s.models.find(name)
}

func (s *Server) handleDoodsDetect(w http.ResponseWriter, r *http.Request) error {
	var req DoodsRequest
	free, err := s.readDoods(w, r, &req)
	if err != nil {
		return err
	}
	defer free()
	answer, m, err := s.doodsDetect(r.Context(), &req)
	if err != nil {
		return err
	}
	note(r, m, 1, len(answer.Detections))
	if answer.drawn != nil {
		answer.Image = base64.StdEncoding.EncodeToString(answer.drawn)
	}
	writeJSON(w, r, http.StatusOK, "application/json", answer)
	return nil
}

// handleDoodsImage answers with the picture itself, boxes drawn in.
func (s *Server) handleDoodsImage(w http.ResponseWriter, r *http.Request) error {
	var req DoodsRequest
	free, err := s.readDoods(w, r, &req)
	if err != nil {
		return err
	}
	defer free()
	if req.Image == "" {
		req.Image = "jpeg"
	}
	answer, m, err := s.doodsDetect(r.Context(), &req)
	if err != nil {
		return err
	}
	note(r, m, 1, len(answer.Detections))
	w.Header().Set("Content-Type", http.DetectContentType(answer.drawn))
	writeBytes(w, http.StatusOK, answer.drawn)
	return nil
}

// readDoods reads the body; the memory that it takes is held until free.
func (s *Server) readDoods(w http.ResponseWriter, r *http.Request, req *DoodsRequest) (free func(), err error) {
	in, err := s.newIntake(w, r)
	if err != nil {
		return nil, err
	}
	if err := decodeLenient(accounted{in, in.body}, req); err != nil {
		in.free()
		return nil, in.readError(err)
	}
	return in.free, nil
}

// doodsDetect answers one request, however it came.
func (s *Server) doodsDetect(ctx context.Context, req *DoodsRequest) (*DoodsResponse, *served, error) {
	m, err := s.doodsModel(req.DetectorName)
	if err != nil {
		return nil, nil, err
	}
	if len(req.Preprocess) > 0 {
		return nil, nil, failf(kindBadParameter, "preprocess %q is not supported", clip(strings.Join(req.Preprocess, ", ")))
	}
	form, err := doodsImageForm(req.Image)
	if err != nil {
		return nil, nil, err
	}
	if len(req.Data) == 0 {
		return nil, nil, failf(kindEmptyBody, "no picture: data is empty")
	}
	if len(req.Regions) > maxRegions {
		return nil, nil, failf(kindBadParameter, "%d regions, at most %d allowed", len(req.Regions), maxRegions)
	}
	if err := m.open(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	out, err := s.look(ctx, m, task{data: req.Data, form: form, filter: s.doodsFilter(req)})
	if err != nil {
		return nil, nil, err
	}
	answer := &DoodsResponse{ID: req.ID, Detections: make([]DoodsDetection, len(out.found))}
	w, h := float32(out.width), float32(out.height)
	for i, d := range out.found {
		region := ""
		if len(d.Regions) > 0 {
			region = d.Regions[0]
		}
		answer.Detections[i] = DoodsDetection{region, d.Box[1] / h, d.Box[0] / w, d.Box[3] / h, d.Box[2] / w, d.Label, d.Score * 100}
	}
	answer.drawn = out.drawn
	return answer, m, nil
}

func doodsImageForm(image string) (answerForm, error) {
	switch strings.ToLower(strings.TrimPrefix(image, ".")) {
	case "":
		return formJSON, nil
	case "jpg", "jpeg", "image/jpeg", "true":
		return formJPEG, nil
	case "png", "image/png":
		return formPNG, nil
	}
	return 0, failf(kindBadParameter, "image must be jpeg or png, not %q", clip(image))
}

// doodsFilter keeps what DOODS keeps: a label's own entry goes before "*", the
// whole picture's rules before the regions', and the first region that lets an
// object pass is named. A request without any rules gets what this service
// shows by default.
func (s *Server) doodsFilter(req *DoodsRequest) func([]Detection, int, int) []Detection {
	whole := doodsRules(req.Detect)
	if len(req.Detect) == 0 && len(req.Regions) == 0 {
		whole = map[string]float64{"*": s.cfg.Threshold * 100}
	}
	regions := make([]map[string]float64, len(req.Regions))
	for i := range regions {
		regions[i] = doodsRules(req.Regions[i].Detect)
	}
	return func(found []Detection, width, height int) []Detection {
		kept := make([]Detection, 0, len(found))
		for _, d := range found {
			d.Regions = nil
			if doodsPasses(whole, d) {
				kept = append(kept, d)
				continue
			}
			for i := range req.Regions {
				if r := &req.Regions[i]; r.holds(d.Box, width, height) && doodsPasses(regions[i], d) {
					if r.ID != "" {
						d.Regions = []string{r.ID}
					}
					kept = append(kept, d)
					break
				}
			}
		}
		return kept
	}
}

// doodsRules has the labels in their normal form.
func doodsRules(detect map[string]float64) map[string]float64 {
	rules := make(map[string]float64, len(detect))
	for label, confidence := range detect {
		rules[normalLabel(label)] = confidence
	}
	return rules
}

func doodsPasses(rules map[string]float64, d Detection) bool {
	least, ok := rules[normalLabel(d.Label)]
	if !ok {
		if least, ok = rules["*"]; !ok {
			return false
		}
	}
	return float64(d.Score)*100 >= least
}

func (r *DoodsRegion) holds(box [4]float32, width, height int) bool {
	left, right := float64(box[0])/float64(width), float64(box[2])/float64(width)
	top, bottom := float64(box[1])/float64(height), float64(box[3])/float64(height)
	if r.Covers {
		return top >= r.Top && left >= r.Left && bottom <= r.Bottom && right <= r.Right
	}
	return top <= r.Bottom && left <= r.Right && bottom >= r.Top && right >= r.Left
}

func writeDoodsError(w http.ResponseWriter, r *http.Request, f *failure) {
	setRetryAfter(w, f)
	writeJSON(w, r, f.kind.status, "application/json", DoodsResponse{Error: f.detail, Detections: []DoodsDetection{}})
}
