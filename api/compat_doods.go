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

func (s *Server) doodsRoutes(r chi.Router) {
	r.NotFound(s.handle(writeDoodsError, func(_ http.ResponseWriter, r *http.Request) error {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}))
	r.MethodNotAllowed(s.handle(writeDoodsError, s.wrongMethod))
	r.Get("/version", s.handle(writeDoodsError, func(w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, r, http.StatusOK, "application/json", DoodsVersion{"riffle " + s.cfg.Version})
		return nil
	}))
	r.Get("/detectors", s.handle(writeDoodsError, s.requireKey(s.handleDoodsDetectors)))
	r.Post("/detect", s.handle(writeDoodsError, s.requireKey(s.handleDoodsDetect)))
	r.Post("/image", s.handle(writeDoodsError, s.requireKey(s.handleDoodsImage)))
	r.Get("/detect", s.handle(writeDoodsError, s.requireKey(s.handleDoodsSocket(doodsAsync))))
	r.Get("/stream", s.handle(writeDoodsError, s.requireKey(s.handleDoodsSocket(doodsStream))))
}

func (s *Server) handleDoodsDetectors(w http.ResponseWriter, r *http.Request) error {
	answer := DoodsDetectors{}
	add := func(name string, m *served) error {
		model, err := m.open()
		if err != nil {
			return err
		}
		answer.Detectors = append(answer.Detectors, DoodsDetector{
			name, "riffle", m.Name, model.labels.names, model.width, model.height,
		})
		return nil
	}
	detectors := s.models.byTask[detectTask]
	if len(detectors) > 0 && s.models.byName[doodsDefault] == nil {
		if err := add(doodsDefault, detectors[0]); err != nil {
			return err
		}
	}
	for _, m := range detectors {
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
	return s.models.find(detectTask, name)
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
	logPictures(r, m, 1, len(answer.Detections))
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
	if doodsImageForm(string(req.Image)) == formJSON {
		req.Image = "jpeg"
	}
	answer, m, err := s.doodsDetect(r.Context(), &req)
	if err != nil {
		return err
	}
	logPictures(r, m, 1, len(answer.Detections))
	w.Header().Set("Content-Type", http.DetectContentType(answer.drawn))
	writeBytes(w, http.StatusOK, answer.drawn)
	return nil
}

// readDoods reads the body; the memory that it takes is held until free.
func (s *Server) readDoods(w http.ResponseWriter, r *http.Request, req *DoodsRequest) (free func(), err error) {
	if err := s.refuseEarly(r, detectTask, ""); err != nil {
		return nil, err
	}
	in, err := s.newBodyReader(w, r)
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
	m, err := s.doodsModel(string(req.DetectorName))
	if err != nil {
		return nil, nil, err
	}
	if len(req.Preprocess) > 0 {
		return nil, nil, failf(kindBadParameter, "preprocess %q is not supported", clip(strings.Join(req.Preprocess, ", ")))
	}
	form := doodsImageForm(string(req.Image))
	if len(req.Data) == 0 {
		return nil, nil, failf(kindEmptyBody, "no picture: data is empty")
	}
	if len(req.Regions) > maxRegions {
		return nil, nil, failf(kindBadParameter, "%d regions, at most %d allowed", len(req.Regions), maxRegions)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	out, err := s.look(ctx, m, job{data: req.Data, wish: &wish{form: form, keep: s.doodsFilter(req)}})
	if err != nil {
		return nil, nil, err
	}
	answer := &DoodsResponse{ID: string(req.ID), Warnings: out.warnings, Detections: make([]DoodsDetection, len(out.found))}
	w, h := float32(out.width), float32(out.height)
	for i, d := range out.found {
		region := ""
		if len(d.regions) > 0 {
			region = d.regions[0]
		}
		b := d.Box
		answer.Detections[i] = DoodsDetection{region, b.Y1 / h, b.X1 / w, b.Y2 / h, b.X2 / w, d.Label, d.Score * 100}
	}
	answer.drawn = out.drawn
	return answer, m, nil
}

// doodsImageForm is which picture is asked for; as with DOODS2, words that it
// does not know ask for none.
func doodsImageForm(image string) answerForm {
	switch strings.ToLower(strings.TrimPrefix(image, ".")) {
	case "jpg", "jpeg", "image/jpeg", "true":
		return formJPEG
	case "png", "image/png":
		return formPNG
	}
	return formJSON
}

func writeDoodsError(w http.ResponseWriter, r *http.Request, f *failure) {
	setRetryAfter(w, f)
	writeJSON(w, r, f.kind.status, "application/json", DoodsResponse{Error: f.detail, Detections: []DoodsDetection{}})
}
