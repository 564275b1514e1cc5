package api

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
)

// What Triton tells of its models beside KServe's routes: configuration,
// statistics, and the index of its repository.

func (s *Server) handleKServeConfig(w http.ResponseWriter, r *http.Request) error {
	m, _, err := s.kserveModel(r)
	if err != nil {
		return err
	}
	tensor := func(t KServeTensor) KServeConfigTensor {
		kind := "TYPE_" + strings.Replace(t.Datatype, "BYTES", "STRING", 1)
		return KServeConfigTensor{t.Name, kind, t.Shape}
	}
	c := KServeConfig{
		Name: m.Name, Platform: "riffle", Backend: "riffle", Input: []KServeConfigTensor{tensor(kserveInputTensor)},
		Instances: []KServeInstances{{m.Workers, "KIND_CPU"}},
	}
	for _, t := range kserveOutputTensors {
		c.Output = append(c.Output, tensor(t))
	}
	writeJSON(w, r, http.StatusOK, "application/json", c)
	return nil
}

// statistics are a model's sums over all pictures.
type statistics struct {
	last, done, failed                   atomic.Int64
	total, queue, input, network, output atomic.Int64 // nanoseconds
	failedTotal                          atomic.Int64
}

// looked counts a picture.
func (st *statistics) looked(out *seen) {
	st.done.Add(1)
	st.last.Store(time.Now().UnixMilli())
	for _, s := range out.stages {
		into := &st.network
		switch s.name {
		case "total":
			into = &st.total
		case "queue":
			into = &st.queue
		case "fetch", "decode", "preprocess":
			into = &st.input
		case "postprocess", "draw":
			into = &st.output
		}
		into.Add(int64(s.took))
	}
}

func (st *statistics) fail(took time.Duration) {
	st.failed.Add(1)
	st.failedTotal.Add(int64(took))
}

// handleKServeStatistics tells those of the model of the path, or of all.
func (s *Server) handleKServeStatistics(w http.ResponseWriter, r *http.Request) error {
	models := s.models.byTask[detectTask]
	if chi.URLParam(r, "model") != "" {
		m, _, err := s.kserveModel(r)
		if err != nil {
			return err
		}
		models = []*served{m}
	}
	answer := KServeStatistics{Models: []KServeModelStatistics{}}
	for _, m := range models {
		st := &m.statistics
		done := st.done.Load()
		of := func(ns *atomic.Int64) KServeDuration { return KServeDuration{done, ns.Load()} }
		answer.Models = append(answer.Models, KServeModelStatistics{
			Name: m.Name, Version: kserveVersion, Last: st.last.Load(), Inferences: done, Executions: done,
			Stats: map[string]KServeDuration{
				"success": of(&st.total), "fail": {st.failed.Load(), st.failedTotal.Load()}, "queue": of(&st.queue),
				"compute_input": of(&st.input), "compute_infer": of(&st.network), "compute_output": of(&st.output),
			},
		})
	}
	writeJSON(w, r, http.StatusOK, "application/json", answer)
	return nil
}

func (s *Server) handleKServeIndex(w http.ResponseWriter, r *http.Request) error {
	in, err := s.newBodyReader(w, r)
	if err != nil {
		return err
	}
	defer in.free()
	body, err := in.readAll(in.body)
	if err != nil {
		return err
	}
	var req KServeIndexRequest
	if len(bytes.TrimSpace(body)) > 0 {
		if err := decodeLenientBytes(body, &req); err != nil {
			return err
		}
	}
	index := []KServeIndexEntry{}
	for _, m := range s.models.byTask[detectTask] {
		entry := KServeIndexEntry{m.Name, kserveVersion, "READY", ""}
		if m.loaded() == nil {
			entry.State, entry.Reason = "UNAVAILABLE", "loaded when it is first used"
		}
		if !bool(req.Ready) || entry.State == "READY" {
			index = append(index, entry)
		}
	}
	writeJSON(w, r, http.StatusOK, "application/json", index)
	return nil
}

// handleKServeLoad loads one of the models on offer; others are not to be had.
func (s *Server) handleKServeLoad(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := s.kserveModel(r); err != nil {
		return err
	}
	writeJSON(w, r, http.StatusOK, "application/json", struct{}{})
	return nil
}
