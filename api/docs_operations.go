package api

import (
	"net/http"
	"reflect"
	"slices"
)

// operation documents one route: /openapi.json and /docs are made of these, and
// a test holds them against the router.
type operation struct {
	method, path string
	tag          string
	summary      string
	about        string // more, if the summary does not say it all
	query        []parameter
	bodies       []content
	answers      []content
	errorType    reflect.Type   // of its error answers
	errorMedia   string         // their content type
	problems     []*problemKind // that are special to it
	open         bool           // asks for no API key
	example      string         // a command line
}

// parameter is one of the query, or of a form.
type parameter struct {
	name, about string
	schema      map[string]any
}

// content is a body or an answer: a media type and what it holds.
type content struct {
	status int // of an answer
	media  string
	of     reflect.Type // nil for pictures and text
	form   []parameter  // fields, of a multipart form
}

func jsonOf[T any]() content {
	return content{status: http.StatusOK, media: "application/json", of: reflect.TypeFor[T]()}
}

func bare(media string) content { return content{status: http.StatusOK, media: media} }

var number01 = map[string]any{"type": "number", "minimum": 0, "maximum": 1}

// queryDetect are the parameters of /detect, in the order of its task.
var queryDetect = []parameter{
	{"threshold", "lowest score, 0 to 1", number01},
	{"max_detections", "most detections a picture", map[string]any{"type": "integer", "minimum": 1}},
	{"labels", "wanted labels, separated by commas, each with a threshold of its own if you like: person,car:0.6", map[string]any{"type": "string"}},
	{"regions", "parts of the picture in which objects count, as a JSON list of Region", map[string]any{"type": "string"}},
	{"model", "which model, the default one if not given", map[string]any{"type": "string"}},
	{"url", "the picture's address instead of the picture, if the service allows it", map[string]any{"type": "string", "format": "uri"}},
}

// queryClassify are the parameters of /classify, in the order of its task.
var queryClassify = []parameter{
	{"top", "how many classes, 5 if not given", map[string]any{"type": "integer", "minimum": 1}},
	{"model", "which classifier, the first one if not given", map[string]any{"type": "string"}},
	{"url", "the picture's address instead of the picture, if the service allows it", map[string]any{"type": "string", "format": "uri"}},
}

// querySegment are the parameters of /segment, in the order of its task.
var querySegment = []parameter{
	{"map", "whether the JSON answer holds the class map", map[string]any{"type": "boolean"}},
	{"show", "what an answer that is a picture shows; classes for PNG and overlay for JPEG if not given", map[string]any{"type": "string", "enum": []string{showClasses, showOverlay}}},
	{"model", "which segmenter, the first one if not given", map[string]any{"type": "string"}},
	{"url", "the picture's address instead of the picture, if the service allows it", map[string]any{"type": "string", "format": "uri"}},
}

var aPicture = map[string]any{"type": "string", "format": "binary"}

// pictureProblems are what can be wrong with a request that brings a picture.
var pictureProblems = []*problemKind{
	kindBadParameter, kindBadForm, kindBadJSON, kindEmptyBody, kindSlow, kindBodyTooLarge, kindTooManyPixels,
	kindWrongContent, kindNotImage, kindUnsupported, kindTruncated, kindDamaged, kindBusy, kindTimeout, kindModelBroken,
}

const (
	tagRiffle = "riffle"
	tagWatch  = "health and metrics"
	tagDeep   = "DeepStack and CodeProject.AI"
	tagDoods  = "DOODS"
	tagKServe = "KServe v2"
	tagPages  = "pages"
)

// operations lists every route of the service.
func operations() []operation {
	own := []operation{
		{
			method: http.MethodPost, path: "/detect", tag: tagRiffle, summary: "Find objects in a picture",
			about: "The picture comes as the body itself, as a form field named image or file, or as base64 in JSON. Several pictures in one form, or in the list images, are answered as a Batch, in their order. " +
				"Parameters may stand in the query, in the form or in the JSON; the body wins. With Accept: image/jpeg or image/png the answer is the picture with boxes drawn in.",
			query: queryDetect,
			bodies: []content{
				{media: "multipart/form-data", form: append([]parameter{{"image", "the picture; may be repeated", aPicture}, {"file", "the same by another name", aPicture}}, queryDetect...)},
				{media: "application/json", of: reflect.TypeFor[DetectRequest]()},
				{media: "image/*"}, {media: "application/octet-stream"},
			},
			answers: []content{
				jsonOf[Result](), jsonOf[Batch](), bare("image/jpeg"), bare("image/png"),
			},
			problems: append([]*problemKind{kindUnknownLabel, kindUnknownModel, kindNotAcceptable, kindURLNotAllowed, kindNotFetched}, pictureProblems...),
			example: "curl -F image=@street.jpg localhost:8080/detect\n" +
				"curl --data-binary @street.jpg 'localhost:8080/detect?threshold=0.5&labels=person,dog'\n" +
				"curl -H 'Accept: image/jpeg' --data-binary @street.jpg localhost:8080/detect -o drawn.jpg\n" +
				"curl -F image=@a.jpg -F image=@b.jpg localhost:8080/detect",
		},
		{
			method: http.MethodPost, path: "/classify", tag: tagRiffle, summary: "Classify a picture",
			about: "The picture comes as to /detect; several are answered as a ClassificationBatch. The service must offer a classifier: riffle serve --model FILE, FILE being one that riffle models import made of a checkpoint. The picture is prepared as torchvision does it for ImageNet.",
			query: queryClassify,
			bodies: []content{
				{media: "multipart/form-data", form: append([]parameter{{"image", "the picture; may be repeated", aPicture}, {"file", "the same by another name", aPicture}}, queryClassify...)},
				{media: "application/json", of: reflect.TypeFor[ClassifyRequest]()},
				{media: "image/*"}, {media: "application/octet-stream"},
			},
			answers:  []content{jsonOf[Classification](), jsonOf[ClassificationBatch]()},
			problems: append([]*problemKind{kindUnknownModel, kindURLNotAllowed, kindNotFetched}, pictureProblems...),
			example: "curl -F image=@street.jpg localhost:8080/classify\n" +
				"curl --data-binary @street.jpg 'localhost:8080/classify?top=3'",
		},
		{
			method: http.MethodPost, path: "/segment", tag: tagRiffle, summary: "Segment a picture: the class of every pixel",
			about: "The picture comes as to /detect, one to a request. The JSON answer tells how much of the picture each class takes. With Accept: image/png the answer is the class map: a PNG with a palette, of the picture's size, whose pixels are the numbers of classes; with Accept: image/jpeg the picture under the classes' colors. The service must offer a segmenter: riffle serve --model FILE, FILE being one that riffle models import made of a checkpoint.",
			query: querySegment,
			bodies: []content{
				{media: "multipart/form-data", form: append([]parameter{{"image", "the picture", aPicture}, {"file", "the same by another name", aPicture}}, querySegment...)},
				{media: "application/json", of: reflect.TypeFor[SegmentRequest]()},
				{media: "image/*"}, {media: "application/octet-stream"},
			},
			answers:  []content{jsonOf[Segmentation](), bare("image/png"), bare("image/jpeg")},
			problems: append([]*problemKind{kindUnknownModel, kindNotAcceptable, kindURLNotAllowed, kindNotFetched}, pictureProblems...),
			example: "curl -F image=@street.jpg localhost:8080/segment\n" +
				"curl -H 'Accept: image/png' --data-binary @street.jpg localhost:8080/segment -o classes.png\n" +
				"curl -H 'Accept: image/jpeg' --data-binary @street.jpg localhost:8080/segment -o overlay.jpg",
		},
	}
	own = append(own, otherOperations()...)
	for i := range own {
		own[i].errorType, own[i].errorMedia = reflect.TypeFor[Problem](), "application/problem+json"
	}
	return slices.Concat(own, deepStackOperations(), doodsOperations(), kserveOperations())
}

// otherOperations are what riffle answers beside pictures.
func otherOperations() []operation {
	return []operation{
		{method: http.MethodGet, path: "/models", tag: tagRiffle, summary: "List the models on offer, with their labels", answers: []content{jsonOf[ModelList]()}, problems: []*problemKind{kindModelBroken}, example: "curl localhost:8080/models"},
		{method: http.MethodGet, path: "/healthz", tag: tagWatch, open: true, summary: "Whether the process answers", answers: []content{jsonOf[Health]()}, example: "curl localhost:8080/healthz"},
		{method: http.MethodGet, path: "/readyz", tag: tagWatch, open: true, summary: "Whether the service takes work", about: "Fails while the default model cannot be loaded and after the service was told to stop.", answers: []content{jsonOf[Health]()}, problems: []*problemKind{kindModelBroken, kindStopping}, example: "curl localhost:8080/readyz"},
		{method: http.MethodGet, path: "/metrics", tag: tagWatch, summary: "Metrics for Prometheus", answers: []content{bare("text/plain")}, example: "curl localhost:8080/metrics"},
		{method: http.MethodGet, path: "/", tag: tagPages, open: true, summary: "Try it in a browser", answers: []content{bare("text/html")}},
		{method: http.MethodGet, path: "/page/{file}", tag: tagPages, open: true, summary: "Scripts and styles of the pages", answers: []content{bare("text/javascript"), bare("text/css"), bare("image/svg+xml"), bare("image/jpeg")}},
		{method: http.MethodGet, path: "/openapi.json", tag: tagPages, open: true, summary: "This description as OpenAPI 3.1", answers: []content{bare("application/json")}},
		{method: http.MethodGet, path: "/docs", tag: tagPages, open: true, summary: "This description for people", answers: []content{bare("text/html")}},
	}
}

func deepStackOperations() []operation {
	form := []content{{media: "multipart/form-data", form: []parameter{
		{"image", "the picture; any other name of a file will do", aPicture},
		{"min_confidence", "lowest confidence, 0 to 1, default 0.4", number01},
		{"max_detections", "most predictions, default 20", map[string]any{"type": "integer", "minimum": 1}},
		{"labels", "wanted labels, separated by commas, each with a confidence of its own if you like: person,car:0.6", map[string]any{"type": "string"}},
		{"api_key", "the API key, if the service asks for one and no header has it", map[string]any{"type": "string"}},
	}}}
	ops := []operation{
		{
			method: http.MethodPost, path: "/v1/vision/detection", summary: "Find objects with the default model",
			about:  "Predictions are sorted by confidence. At most 20 come unless max_detections asks for more: Frigate's plugin holds no more. Fields may stand in the query, too; those that mean nothing here are named in ignored.",
			bodies: form, answers: []content{jsonOf[DeepStackAnswer]()}, problems: append([]*problemKind{kindUnknownLabel}, pictureProblems...),
			example: "curl -F image=@street.jpg -F min_confidence=0.5 localhost:8080/v1/vision/detection",
		},
		{
			method: http.MethodPost, path: "/v1/vision/custom/{model}", summary: "Find objects with a model by name",
			bodies: form, answers: []content{jsonOf[DeepStackAnswer]()}, problems: append([]*problemKind{kindUnknownLabel, kindUnknownModel}, pictureProblems...),
		},
		{method: http.MethodPost, path: "/v1/vision/custom/list", summary: "List the models", about: "The API key may be in a form, as with the others.", answers: []content{jsonOf[DeepStackModels]()}},
		{method: http.MethodGet, path: "/v1/vision/custom/list", summary: "List the models", answers: []content{jsonOf[DeepStackModels]()}, example: "curl localhost:8080/v1/vision/custom/list"},
		{method: http.MethodGet, path: "/v1/module/list", open: true, summary: "List the modules: riffle", answers: []content{jsonOf[CodeProjectModules]()}},
		{method: http.MethodGet, path: "/v1/module/list/installed", open: true, summary: "The same", answers: []content{jsonOf[CodeProjectModules]()}},
	}
	for _, prefix := range []string{"/v1/status", "/v1/server/status"} {
		ops = append(ops,
			operation{method: http.MethodGet, path: prefix + "/ping", open: true, summary: "Whether the service answers", answers: []content{jsonOf[CodeProjectStatus]()}},
			operation{method: http.MethodGet, path: prefix + "/version", open: true, summary: "The version", answers: []content{jsonOf[CodeProjectStatus]()}},
			operation{method: http.MethodGet, path: prefix + "/updateavailable", open: true, summary: "Whether there is an update: none is known of", answers: []content{jsonOf[CodeProjectStatus]()}},
			operation{method: http.MethodGet, path: prefix + "/analysis/list", open: true, summary: "List what is running: riffle", answers: []content{jsonOf[CodeProjectServices]()}},
		)
	}
	return tagged(ops, tagDeep, reflect.TypeFor[DeepStackError]())
}

func doodsOperations() []operation {
	socket := []content{{status: http.StatusSwitchingProtocols}}
	ops := []operation{
		{method: http.MethodGet, path: "/doods/version", open: true, summary: "The version", answers: []content{jsonOf[DoodsVersion]()}},
		{method: http.MethodGet, path: "/doods/detectors", summary: "List the detectors", answers: []content{jsonOf[DoodsDetectors]()}, problems: []*problemKind{kindModelBroken}, example: "curl localhost:8080/doods/detectors"},
		{
			method: http.MethodPost, path: "/doods/detect", summary: "Find objects in a picture",
			bodies:  []content{{media: "application/json", of: reflect.TypeFor[DoodsRequest]()}},
			answers: []content{jsonOf[DoodsResponse]()}, problems: append([]*problemKind{kindUnknownModel}, pictureProblems...),
			example: `printf '{"data":"%s","detect":{"*":50}}' "$(base64 < street.jpg)" | curl -d @- localhost:8080/doods/detect`,
		},
		{
			method: http.MethodPost, path: "/doods/image", summary: "Find objects and answer with the picture, boxes drawn in",
			bodies:  []content{{media: "application/json", of: reflect.TypeFor[DoodsRequest]()}},
			answers: []content{bare("image/jpeg"), bare("image/png")}, problems: append([]*problemKind{kindUnknownModel}, pictureProblems...),
		},
		{method: http.MethodGet, path: "/doods/detect", summary: "WebSocket: many requests, answered as they are done", about: "Every message is a DoodsRequest, every answer a DoodsResponse; ids tell them apart.", answers: socket, problems: []*problemKind{kindUpgrade, kindStopping}},
		{method: http.MethodGet, path: "/doods/stream", summary: "WebSocket: the pictures of one source, in their order", about: "The first message is a DoodsRequest whose rules hold for the pictures after it; these may be DoodsRequests with data only, or binary messages: the bare picture. Each is answered with a DoodsResponse. The service opens no addresses: pictures come over the WebSocket.", answers: socket, problems: []*problemKind{kindUpgrade, kindStopping}},
	}
	return tagged(ops, tagDoods, reflect.TypeFor[DoodsResponse]())
}

func kserveOperations() []operation {
	ops := []operation{
		{method: http.MethodGet, path: "/v2", open: true, summary: "Describe the server", answers: []content{jsonOf[KServeServer]()}},
		{method: http.MethodGet, path: "/v2/health/live", open: true, summary: "Whether the process answers", answers: []content{jsonOf[KServeLive]()}},
		{method: http.MethodGet, path: "/v2/models/stats", summary: "Count the pictures of all models", answers: []content{jsonOf[KServeStatistics]()}},
		{
			method: http.MethodPost, path: "/v2/repository/index", summary: "List the models",
			bodies: []content{{media: "application/json", of: reflect.TypeFor[KServeIndexRequest]()}}, answers: []content{jsonOf[[]KServeIndexEntry]()},
			problems: []*problemKind{kindBadJSON, kindSlow, kindBodyTooLarge, kindWrongContent, kindBusy},
		},
		{method: http.MethodPost, path: "/v2/repository/models/{model}/load", summary: "Load a model that is on offer", answers: []content{{status: http.StatusOK, media: "application/json"}}, problems: []*problemKind{kindUnknownModel, kindModelBroken}},
		{method: http.MethodGet, path: "/v2/health/ready", open: true, summary: "Whether the service takes work", answers: []content{jsonOf[KServeReady]()}, problems: []*problemKind{kindModelBroken, kindStopping}},
	}
	for _, prefix := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		ops = append(ops,
			operation{method: http.MethodGet, path: prefix, summary: "Describe a model", answers: []content{jsonOf[KServeModel]()}, problems: []*problemKind{kindUnknownModel, kindModelBroken}},
			operation{method: http.MethodGet, path: prefix + "/ready", open: true, summary: "Whether a model can be used", answers: []content{jsonOf[KServeReady]()}, problems: []*problemKind{kindUnknownModel, kindModelBroken}},
			operation{method: http.MethodGet, path: prefix + "/config", summary: "Describe a model as Triton does", answers: []content{jsonOf[KServeConfig]()}, problems: []*problemKind{kindUnknownModel, kindModelBroken}},
			operation{method: http.MethodGet, path: prefix + "/stats", summary: "Count a model's pictures", answers: []content{jsonOf[KServeStatistics]()}, problems: []*problemKind{kindUnknownModel, kindModelBroken}},
			operation{
				method: http.MethodPost, path: prefix + "/infer", summary: "Find objects in pictures",
				about: "Input image: BYTES of shape [n] or [n, 1], encoded pictures, as base64 in data or binary after the JSON. Outputs: boxes FP32 [m, 4] in pixels, scores FP32 [m], labels BYTES [m], category_ids INT64 [m], one picture's after the other's; counts INT64 [n] tells how many are each picture's, sizes INT64 [n, 2] their width and height. Parameters: threshold, max_detections, labels, binary_data_output. With Inference-Header-Content-Length: 0 the body is the one picture itself.",
				bodies: []content{
					{media: "application/json", of: reflect.TypeFor[KServeRequest]()}, {media: "application/octet-stream"},
				},
				answers:  []content{jsonOf[KServeResponse](), bare("application/octet-stream")},
				problems: append([]*problemKind{kindUnknownLabel, kindUnknownModel}, pictureProblems...),
			})
	}
	return tagged(ops, tagKServe, reflect.TypeFor[KServeError]())
}

func tagged(ops []operation, tag string, errorType reflect.Type) []operation {
	for i := range ops {
		ops[i].tag, ops[i].errorType, ops[i].errorMedia = tag, errorType, "application/json"
	}
	return ops
}
