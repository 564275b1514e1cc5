package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Problem is an error answer after RFC 9457, sent as application/problem+json
// on one line.
type Problem struct {
	Type      string `json:"type" doc:"which kind of problem, as a link into this service's documentation"`
	Title     string `json:"title" doc:"the kind in words"`
	Status    int    `json:"status" doc:"the HTTP status"`
	Detail    string `json:"detail" doc:"what exactly is wrong, and with what"`
	Instance  string `json:"instance,omitempty" doc:"the path that was asked for"`
	RequestID string `json:"request_id,omitempty" doc:"the id under which the log has this request"`
}

// problemKind is one entry of the catalogue of what can go wrong.
type problemKind struct {
	slug   string
	status int
	title  string
	remedy string // what the caller can do, for the documentation
}

// The catalogue. The page at /docs lists it.
var (
	kindBadParameter  = newKind("bad-parameter", 400, "Bad parameter", "Correct the named parameter.")
	kindUnknownLabel  = newKind("unknown-label", 400, "Unknown label", "Use one of the model's labels; the nearest one is named.")
	kindBadForm       = newKind("bad-form", 400, "Bad form", "Send well-formed multipart/form-data with a boundary and a file field named image or file.")
	kindBadJSON       = newKind("bad-json", 400, "Bad JSON", "Send one JSON object with the documented keys.")
	kindEmptyBody     = newKind("empty-body", 400, "No picture", "Send a picture: as the body, as a form field named image or file, or as base64 in JSON.")
	kindUnauthorized  = newKind("unauthorized", 401, "API key missing or wrong", "Send Authorization: Bearer KEY or X-Api-Key: KEY.")
	kindForeignOrigin = newKind("foreign-origin", 403, "Web origin not allowed", "Behind a reverse proxy let it pass Host on, or send X-Forwarded-Host from a trusted address (--trusted-proxy). Allow pages of other places by their origin (--allow-origin).")
	kindURLNotAllowed = newKind("url-not-allowed", 403, "Address not allowed", "Send the picture itself, or add its place to the allowed URLs of the service.")
	kindNotFound      = newKind("not-found", 404, "No such route", "See /docs for the routes.")
	kindUnknownModel  = newKind("unknown-model", 404, "Unknown model", "Use one of the models that the service offers.")
	kindWrongMethod   = newKind("wrong-method", 405, "Wrong method", "Use one of the methods in the Allow header.")
	kindNotAcceptable = newKind("not-acceptable", 406, "Not acceptable", "Accept application/json, image/jpeg or image/png.")
	kindUpgrade       = newKind("upgrade-required", 426, "WebSocket expected", "Connect with a WebSocket client.")
	kindSlow          = newKind("slow-body", 408, "Body too slow", "Send the body faster, or a smaller picture.")
	kindBodyTooLarge  = newKind("body-too-large", 413, "Body too large", "Send a smaller picture.")
	kindTooManyPixels = newKind("too-many-pixels", 413, "Picture too large", "Send a picture of fewer pixels.")
	kindWrongContent  = newKind("wrong-content-type", 415, "Content type not supported", "Send multipart/form-data, application/json or the picture itself.")
	kindNotImage      = newKind("not-an-image", 415, "Not a picture", "Send a JPEG, PNG, GIF, WebP, BMP or TIFF.")
	kindUnsupported   = newKind("unsupported-picture", 415, "Kind of picture not supported", "Save the picture again in a common form.")
	kindTruncated     = newKind("truncated-picture", 422, "Picture cut short", "Send the whole file.")
	kindDamaged       = newKind("damaged-picture", 422, "Picture damaged", "Save the picture again.")
	kindNotFetched    = newKind("not-fetched", 422, "Picture cannot be fetched", "See whether the address gives the picture to others.")
	kindInternal      = newKind("internal", 500, "Internal error", "Report it with the request id; the log has the reason.")
	kindBusy          = newKind("busy", 503, "Busy", "Try again after the seconds in Retry-After.")
	kindTimeout       = newKind("timeout", 503, "Took too long", "Try again after the seconds in Retry-After.")
	kindModelBroken   = newKind("model-unavailable", 503, "Model cannot be loaded", "The service's log has the reason.")
	kindStopping      = newKind("stopping", 503, "Shutting down", "Try again after the seconds in Retry-After.")
)

// catalogue holds every kind, in the order of their status.
var catalogue []*problemKind

func newKind(slug string, status int, title, remedy string) *problemKind {
	k := &problemKind{slug, status, title, remedy}
	catalogue = append(catalogue, k)
	return k
}

// failure is a request's error: a kind of the catalogue and what exactly is
// wrong. The outermost handler writes it in the form of its route.
type failure struct {
	kind       *problemKind
	detail     string
	retryAfter time.Duration // in the header, if positive
	cause      error         // for the log only
}

func (f *failure) Error() string { return f.detail }
func (f *failure) Unwrap() error { return f.cause }

func failf(kind *problemKind, format string, args ...any) *failure {
	return &failure{kind: kind, detail: fmt.Sprintf(format, args...)}
}

// asFailure files any error under the catalogue; what is not there already is
// our own fault, and its text is for the log, not for the caller.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{kind: kindInternal, detail: "something went wrong here, not in the request", cause: err}
}

// writeProblem answers with a failure as problem+json.
func writeProblem(w http.ResponseWriter, r *http.Request, f *failure) {
	setRetryAfter(w, f)
	if f.kind == kindUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="riffle"`)
	}
	writeJSON(w, r, f.kind.status, "application/problem+json", problemOf(r, f))
}

func problemOf(r *http.Request, f *failure) *Problem {
	return &Problem{
		Type: addressOf(r).prefix + "/docs#" + f.kind.slug, Title: f.kind.title, Status: f.kind.status, Detail: f.detail,
		Instance: r.URL.Path, RequestID: requestID(r.Context()),
	}
}

func setRetryAfter(w http.ResponseWriter, f *failure) {
	if f.retryAfter > 0 {
		seconds := int64((f.retryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
}
