package api

import (
	"encoding/json"
	"slices"

	"example.com/riffle/internal/suggest"
)

// KServeServer is the answer to GET /v2.
type KServeServer struct {
	Name       string   `json:"name" doc:"riffle"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// KServeModel is the answer to GET /v2/models/{model}.
type KServeModel struct {
	Name     string         `json:"name"`
	Versions []string       `json:"versions"`
	Platform string         `json:"platform" doc:"riffle"`
	Inputs   []KServeTensor `json:"inputs"`
	Outputs  []KServeTensor `json:"outputs"`
}

// KServeTensor describes a tensor, or is one.
type KServeTensor struct {
	Name       string         `json:"name"`
	Datatype   string         `json:"datatype"`
	Shape      []int          `json:"shape" doc:"-1 stands for any size"`
	Parameters map[string]any `json:"parameters,omitempty"`
	Data       any            `json:"data,omitempty"`
}

// KServeRequest is the JSON of POST /v2/models/{model}/infer.
type KServeRequest struct {
	ID         string            `json:"id,omitempty" doc:"comes back with the answer"`
	Parameters kserveParameters  `json:"parameters,omitempty"`
	Inputs     []kserveInput     `json:"inputs" doc:"one: image, BYTES of shape [n] or [n, 1], encoded pictures: base64 in data, or binary after the JSON"`
	Outputs    []kserveRequested `json:"outputs,omitempty" doc:"which outputs, all if none are named"`
}

type kserveParameters struct {
	BinaryOutput  looseBool    `json:"binary_data_output,omitempty" doc:"all outputs binary, after the JSON"`
	Threshold     *looseNumber `json:"threshold,omitempty" doc:"lowest score, 0 to 1"`
	MaxDetections *looseNumber `json:"max_detections,omitempty" doc:"most detections a picture"`
	Labels        labelRules   `json:"labels,omitempty" doc:"wanted labels"`

	ignored []string
}

// kserveKnown are the parameters that mean something.
var kserveKnown = []string{"binary_data_output", "threshold", "max_detections", "labels"}

// UnmarshalJSON takes parameters that mean nothing here, as clients send those of
// Triton, but none that looks like a misspelt one.
func (p *kserveParameters) UnmarshalJSON(data []byte) error {
	type plain kserveParameters
	if err := json.Unmarshal(data, (*plain)(p)); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for _, name := range sortedKeys(all) {
		if slices.Contains(kserveKnown, name) {
			continue
		}
		if near := suggest.Name(name, kserveKnown); near != "" {
			return failf(kindBadParameter, "unknown parameter %q, did you mean %q?", clip(name), near)
		}
		p.ignored = append(p.ignored, clip(name))
	}
	return nil
}

// params are those of a detection.
func (p *kserveParameters) params() (params, error) {
	out := params{labels: p.Labels, threshold: (*float64)(p.Threshold)}
	if p.MaxDetections != nil {
		n := int(*p.MaxDetections)
		if float64(n) != float64(*p.MaxDetections) {
			return out, failf(kindBadParameter, "max_detections must be an integer, not %v", *p.MaxDetections)
		}
		out.maxDetections = &n
	}
	return out, out.check()
}

type kserveInput struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int           `json:"shape"`
	Data       json.RawMessage `json:"data,omitempty"`
	Parameters struct {
		BinarySize *int64 `json:"binary_data_size,omitempty"`
	} `json:"parameters"`
}

type kserveRequested struct {
	Name       string `json:"name"`
	Parameters struct {
		Binary *bool `json:"binary_data,omitempty"`
	} `json:"parameters"`
}

// KServeResponse is the JSON of an inference answer.
type KServeResponse struct {
	ID           string         `json:"id,omitempty"`
	ModelName    string         `json:"model_name"`
	ModelVersion string         `json:"model_version" doc:"1"`
	Parameters   map[string]any `json:"parameters,omitempty" doc:"ignored: names of the request's parameters that mean nothing here; warnings: what is wrong with damaged pictures"`
	Outputs      []KServeTensor `json:"outputs"`
}

// KServeConfig is the answer to GET /v2/models/{model}/config, as Triton has it.
type KServeConfig struct {
	Name      string               `json:"name"`
	Platform  string               `json:"platform" doc:"riffle"`
	Backend   string               `json:"backend" doc:"riffle"`
	MaxBatch  int                  `json:"max_batch_size" doc:"0: the shapes say how many pictures"`
	Input     []KServeConfigTensor `json:"input"`
	Output    []KServeConfigTensor `json:"output"`
	Instances []KServeInstances    `json:"instance_group" doc:"the workers"`
}

// KServeConfigTensor describes a tensor as Triton's configuration does.
type KServeConfigTensor struct {
	Name     string `json:"name"`
	DataType string `json:"data_type" doc:"TYPE_STRING, TYPE_FP32 or TYPE_INT64"`
	Dims     []int  `json:"dims" doc:"-1 stands for any size"`
}

// KServeInstances tells how many pictures are worked on at a time.
type KServeInstances struct {
	Count int    `json:"count"`
	Kind  string `json:"kind" doc:"KIND_CPU"`
}

// KServeStatistics is the answer to /v2/models/{model}/stats, as Triton has it.
type KServeStatistics struct {
	Models []KServeModelStatistics `json:"model_stats"`
}

// KServeModelStatistics counts the pictures of one model, on all routes.
type KServeModelStatistics struct {
	Name       string                    `json:"name"`
	Version    string                    `json:"version" doc:"1"`
	Last       int64                     `json:"last_inference" doc:"milliseconds since 1970, 0 for none"`
	Inferences int64                     `json:"inference_count" doc:"pictures"`
	Executions int64                     `json:"execution_count" doc:"the same: pictures are not batched"`
	Stats      map[string]KServeDuration `json:"inference_stats" doc:"success, fail, queue, compute_input, compute_infer, compute_output"`
}

// KServeDuration is a number of pictures and the time of all of them.
type KServeDuration struct {
	Count int64 `json:"count"`
	NS    int64 `json:"ns" doc:"nanoseconds"`
}

// KServeIndexEntry is one model of the answer to POST /v2/repository/index.
type KServeIndexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version" doc:"1"`
	State   string `json:"state" doc:"READY, or UNAVAILABLE until the model is first used"`
	Reason  string `json:"reason"`
}

// KServeIndexRequest is the body of POST /v2/repository/index.
type KServeIndexRequest struct {
	Ready looseBool `json:"ready,omitempty" doc:"only models that are ready"`
}

// KServeError is how these routes say what is wrong.
type KServeError struct {
	Error string `json:"error"`
}

// KServeLive is the answer of the health routes.
type KServeLive struct {
	Live bool `json:"live"`
}

// KServeReady is the answer of the readiness routes.
type KServeReady struct {
	Name  string `json:"name,omitempty"`
	Ready bool   `json:"ready"`
}
