package api

import (
	"net/http"
)

// ModelList is the answer to GET /models.
type ModelList struct {
	Models []ModelEntry `json:"models" doc:"the first of a task is its default"`
}

// ModelEntry is one model on offer.
type ModelEntry struct {
	Name    string  `json:"name" doc:"for the parameter model"`
	Weights string  `json:"weights" doc:"what its file calls it"`
	Width   int     `json:"width" doc:"of the network's input, pixels"`
	Height  int     `json:"height" doc:"of the network's input, pixels"`
	AP      float64 `json:"ap" doc:"COCO AP of its weights, a fraction, 0 if unknown"`
	Classes []Class `json:"classes" doc:"what it knows"`
	Task    string  `json:"task" doc:"detect, classify or segment: the route that answers with it"`
}

func (s *Server) handleModels(w http.ResponseWriter, r *http.Request) error {
	list := ModelList{Models: []ModelEntry{}}
	for _, t := range tasks {
		for _, m := range s.models.byTask[t] {
			model, err := m.open()
			if err != nil {
				return err
			}
			list.Models = append(list.Models, ModelEntry{m.Name, model.weights, model.width, model.height, model.ap, model.classes, t.name})
		}
	}
	writeJSON(w, r, http.StatusOK, "application/json", list)
	return nil
}
