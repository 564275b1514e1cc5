package api

import "net/http"

// ModelList is the answer to GET /models.
type ModelList struct {
	Models []ModelEntry `json:"models" doc:"the first is the default"`
}

// ModelEntry is one model on offer.
type ModelEntry struct {
	Name    string  `json:"name" doc:"for the parameter model"`
	Weights string  `json:"weights" doc:"what its file calls it"`
	Width   int     `json:"width" doc:"of the network's input, pixels"`
	Height  int     `json:"height" doc:"of the network's input, pixels"`
	AP      float64 `json:"ap" doc:"COCO AP of its weights, a fraction, 0 if unknown"`
	Classes []Class `json:"classes" doc:"what it knows"`
}

func (s *Server) handleModels(w http.ResponseWriter, r *http.Request) error {
	list := ModelList{Models: []ModelEntry{}}
	for _, m := range s.models.models {
		if err := m.open(); err != nil {
			return err
		}
		list.Models = append(list.Models, ModelEntry{m.Name, m.info.Name, m.info.Width, m.info.Height, m.info.AP, m.info.Classes})
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
	return nil
}
