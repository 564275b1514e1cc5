package api

import "encoding/json"

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
	BinaryOutput  bool       `json:"binary_data_output,omitempty" doc:"all outputs binary, after the JSON"`
	Threshold     *float64   `json:"threshold,omitempty" doc:"lowest score, 0 to 1"`
	MaxDetections *int       `json:"max_detections,omitempty" doc:"most detections a picture"`
	Labels        labelRules `json:"labels,omitempty" doc:"wanted labels"`
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
	Outputs      []KServeTensor `json:"outputs"`
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
