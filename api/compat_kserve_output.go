package api

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"example.com/riffle/internal/suggest"
)

// kserveOutputs are the names of the output tensors, in their order.
var kserveOutputs = []string{"boxes", "scores", "labels", "category_ids", "counts", "sizes"}

func checkKServeOutputs(requested []kserveRequested) error {
next:
	for _, o := range requested {
		for _, name := range kserveOutputs {
			if o.Name == name {
				continue next
			}
		}
		return failf(kindBadParameter, "no output %q here%s", clip(o.Name), suggest.Hint(clip(o.Name), kserveOutputs))
	}
	return nil
}

// kserveTensors fills all outputs.
func kserveTensors(results []lookResult) map[string]*KServeTensor {
	boxes, scores, ids, counts, sizes := []float32{}, []float32{}, []int64{}, []int64{}, []int64{}
	labels := []string{}
	for _, r := range results {
		counts = append(counts, int64(len(r.seen.found)))
		sizes = append(sizes, int64(r.seen.width), int64(r.seen.height))
		for _, d := range r.seen.found {
			boxes = append(boxes, d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2)
			scores = append(scores, d.Score)
			labels = append(labels, d.Label)
			ids = append(ids, int64(d.CategoryID))
		}
	}
	n := len(scores)
	return map[string]*KServeTensor{
		"boxes":        {Datatype: "FP32", Shape: []int{n, 4}, Data: boxes},
		"scores":       {Datatype: "FP32", Shape: []int{n}, Data: scores},
		"labels":       {Datatype: "BYTES", Shape: []int{n}, Data: labels},
		"category_ids": {Datatype: "INT64", Shape: []int{n}, Data: ids},
		"counts":       {Datatype: "INT64", Shape: []int{len(results)}, Data: counts},
		"sizes":        {Datatype: "INT64", Shape: []int{len(results), 2}, Data: sizes},
	}
}

// writeKServe answers with the outputs that were asked for; those wanted in
// binary follow the JSON in its order.
func writeKServe(w http.ResponseWriter, r *http.Request, m *served, req *KServeRequest, results []lookResult) error {
	requested := req.Outputs
	if len(requested) == 0 {
		for _, name := range kserveOutputs {
			requested = append(requested, kserveRequested{Name: name})
		}
	}
	tensors := kserveTensors(results)
	answer := KServeResponse{ID: req.ID, ModelName: m.Name, ModelVersion: kserveVersion}
	answer.Parameters = kserveRemarks(req, results)
	var tail []byte
	hasBinary := false
	for _, o := range requested {
		t := *tensors[o.Name]
		t.Name = o.Name
		inBinary := bool(req.Parameters.BinaryOutput)
		if o.Parameters.Binary != nil {
			inBinary = *o.Parameters.Binary
		}
		if inBinary {
			hasBinary = true
			before := len(tail)
			tail = appendTensor(tail, t.Data)
			t.Data = nil
			t.Parameters = map[string]any{"binary_data_size": len(tail) - before}
		}
		answer.Outputs = append(answer.Outputs, t)
	}
	if !hasBinary {
		writeJSON(w, r, http.StatusOK, "application/json", answer)
		return nil
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set(kserveHeader, strconv.Itoa(len(text)))
	writeBytes(w, http.StatusOK, append(text, tail...))
	return nil
}

// kserveRemarks are the answer's own parameters: what was ignored of the request,
// and what is wrong with damaged pictures that could be read all the same.
func kserveRemarks(req *KServeRequest, results []lookResult) map[string]any {
	remarks := map[string]any{}
	if len(req.Parameters.ignored) > 0 {
		remarks["ignored"] = req.Parameters.ignored
	}
	var warnings []string
	for i, r := range results {
		for _, w := range r.seen.warnings {
			warnings = append(warnings, fmt.Sprintf("picture %d: %s", i+1, w))
		}
	}
	if len(warnings) > 0 {
		remarks["warnings"] = warnings
	}
	return remarks
}

// appendTensor writes a tensor's elements little-endian; text behind its length
// in 4 bytes.
func appendTensor(b []byte, data any) []byte {
	switch v := data.(type) {
	case []float32:
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
	case []int64:
		for _, n := range v {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
	case []string:
		for _, s := range v {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
			b = append(b, s...)
		}
	}
	return b
}
