package api

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

// DoodsVersion is the answer to GET /doods/version.
type DoodsVersion struct {
	Version string `json:"version"`
}

// DoodsRequest is the body of POST /doods/detect. Values are as loosely typed as
// DOODS2 takes them.
type DoodsRequest struct {
	ID           looseText              `json:"id,omitempty" doc:"comes back with the answer"`
	DetectorName looseText              `json:"detector_name,omitempty" doc:"a model's name, or default"`
	Data         base64Picture          `json:"data" doc:"the picture as base64; addresses are refused"`
	Image        looseText              `json:"image,omitempty" doc:"jpeg or png asks for the picture with boxes as well; anything else for none"`
	Throttle     looseNumber            `json:"throttle,omitempty" doc:"of /doods/stream: seconds between answers; pictures that come sooner are dropped"`
	Preprocess   looseList              `json:"preprocess,omitempty" doc:"nothing is supported: want none"`
	Detect       map[string]looseNumber `json:"detect,omitempty" doc:"label to lowest confidence in percent; * for every label without an entry; 0 for the service's own threshold"`
	Regions      []DoodsRegion          `json:"regions,omitempty" doc:"parts of the picture with rules of their own"`
}

// DoodsRegion is a part of the picture, in fractions, with rules of its own.
type DoodsRegion struct {
	ID     looseText              `json:"id,omitempty"`
	Top    looseNumber            `json:"top"`
	Left   looseNumber            `json:"left"`
	Bottom looseNumber            `json:"bottom"`
	Right  looseNumber            `json:"right"`
	Detect map[string]looseNumber `json:"detect"`
	Covers looseBool              `json:"covers,omitempty" doc:"true: all of the box must lie in the region; false: some of it"`
}

// DoodsResponse is the answer to a DoodsRequest.
type DoodsResponse struct {
	ID         string           `json:"id,omitempty"`
	Image      string           `json:"image,omitempty" doc:"the picture with boxes as base64, if it was asked for"`
	Detections []DoodsDetection `json:"detections"`
	Warnings   []string         `json:"warnings,omitempty" doc:"what is wrong with a damaged picture that could be read all the same"`
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
