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
