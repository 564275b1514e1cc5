package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
)

// picture is one encoded picture of a request.
type picture struct {
	name string // the file name given with it, if any
	data []byte
}

// submission is what a request brought.
type submission struct {
	pictures []picture
	batch    bool // asked for as a list, even of one
	params   params
	fields   map[string]string // of a form, those that params does not know
}

// DetectRequest is the JSON form of a request to /detect.
type DetectRequest struct {
	Image         base64Picture   `json:"image,omitempty" doc:"the picture as base64, with or without data:image/...;base64, in front"`
	Images        []base64Picture `json:"images,omitempty" doc:"several pictures instead of one"`
	Threshold     *float64        `json:"threshold,omitempty" doc:"lowest score, 0 to 1"`
	MaxDetections *int            `json:"max_detections,omitempty" doc:"most detections a picture"`
	Labels        labelRules      `json:"labels,omitempty" doc:"wanted labels: text as in the query, a list, or an object of thresholds"`
	Regions       []Region        `json:"regions,omitempty" doc:"parts of the picture in which objects count"`
	Model         string          `json:"model,omitempty" doc:"which model, the default one if not given"`
	URL           string          `json:"url,omitempty" doc:"the picture's address instead of the picture, if the service allows it"`
}

// readSubmission reads the body in whichever form it comes: a form, JSON, or the
// picture itself. A body that starts with { under no content type, or under the
// one that curl -d gives it, is JSON too.
func readSubmission(r *http.Request, in *intake, maxPictures int) (*submission, error) {
	sub := &submission{}
	return sub, sub.read(r, in, maxPictures)
}

func (sub *submission) read(r *http.Request, in *intake, maxPictures int) error {
	err := sub.readBody(r, in, maxPictures)
	if err == nil && sub.params.url != "" && !in.fetches {
		return failf(kindBadParameter, "url: pictures by address are for /detect and /classify")
	}
	return err
}

func (sub *submission) readBody(r *http.Request, in *intake, maxPictures int) error {
	contentType := r.Header.Get("Content-Type")
	kind, typeParams, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" && kind == "" {
		return failf(kindWrongContent, "content type %q cannot be read", clip(contentType))
	}
	switch {
	case kind == "multipart/form-data":
		return sub.readForm(in, typeParams["boundary"], ownForm, maxPictures)
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return sub.readJSON(accounted{in, in.body}, maxPictures)
	}
	data, err := in.readAll(in.body)
	if err != nil {
		return err
	}
	plain := kind == "" || kind == "application/x-www-form-urlencoded" || kind == "text/plain"
	if plain && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return sub.readJSON(bytes.NewReader(data), maxPictures)
	}
	if len(data) == 0 {
		return failf(kindEmptyBody, "no picture: the body is empty")
	}
	if !plain && kind != "application/octet-stream" && !strings.HasPrefix(kind, "image/") && !looksLikePicture(data) {
		return failf(kindWrongContent, "content type %q is none of multipart/form-data, application/json and image/*", clip(kind))
	}
	sub.pictures = []picture{{data: data}}
	return nil
}

// looksLikePicture knows the first bytes of the formats that are read.
func looksLikePicture(data []byte) bool {
	return strings.HasPrefix(http.DetectContentType(data), "image/") ||
		bytes.HasPrefix(data, []byte("II*\x00")) || bytes.HasPrefix(data, []byte("MM\x00*"))
}

// formKind is which fields a form may have.
type formKind int

const (
	ownForm     formKind = iota // of /detect: the documented fields
	foreignForm                 // of other programs: any file is a picture, any field may be there
)

const (
	maxField  = 64 << 10 // bytes of a text field
	maxFields = 64       // text fields of a form
)

// readForm reads a multipart form part by part, off the wire.
func (sub *submission) readForm(in *intake, boundary string, kind formKind, maxPictures int) error {
	if boundary == "" {
		return failf(kindBadForm, "multipart/form-data without a boundary")
	}
	sub.fields = map[string]string{}
	form := multipart.NewReader(in.body, boundary)
	for texts := 0; ; {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			return sub.checkPictures("no picture in the form: want a file field named image or file")
		}
		if err != nil {
			return in.formError(err)
		}
		name := part.FormName()
		if isPictureField(name) || kind == foreignForm && part.FileName() != "" {
			if len(sub.pictures) == maxPictures {
				return failf(kindBadForm, "more than %d pictures in one request", maxPictures)
			}
			data, err := in.readAll(part)
			if err != nil {
				return in.formError(err)
			}
			sub.pictures = append(sub.pictures, picture{name: part.FileName(), data: data})
			continue
		}
		if texts++; texts > maxFields {
			return failf(kindBadForm, "more than %d fields in the form", maxFields)
		}
		if err := sub.readField(in, part, name, kind); err != nil {
			return err
		}
	}
}

func (sub *submission) readField(in *intake, part *multipart.Part, name string, kind formKind) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	switch {
	case err != nil:
		return in.formError(err)
	case len(value) > maxField:
		return failf(kindBadForm, "form field %q of more than %d bytes", clip(name), maxField)
	case kind == foreignForm:
		sub.fields[name] = string(value)
		return nil
	case part.FileName() != "":
		return failf(kindBadForm, "file in form field %q: want it in a field named image or file", clip(name))
	}
	return sub.params.set(name, string(value))
}

func isPictureField(name string) bool {
	switch name {
	case "image", "file", "images", "files", "image[]", "file[]", "images[]", "files[]":
		return true
	}
	return false
}

// formError tells a broken form from a body that stopped arriving.
func (in *intake) formError(err error) error {
	err = in.readError(err)
	var f *failure
	if errors.As(err, &f) && f.kind == kindBadForm && f.cause != nil && !errors.Is(f.cause, io.ErrUnexpectedEOF) {
		f.detail = "multipart form cannot be read: " + clip(strings.TrimPrefix(f.cause.Error(), "multipart: "))
	}
	return err
}

// readJSON reads the JSON form.
func (sub *submission) readJSON(r io.Reader, maxPictures int) error {
	switch {
	case slices.Contains(sub.params.names, "top"):
		return sub.readClassifyJSON(r, maxPictures)
	case slices.Contains(sub.params.names, "show"):
		return sub.readSegmentJSON(r, maxPictures)
	}
	var req DetectRequest
	if err := decodeStrict(r, &req); err != nil {
		return err
	}
	if req.Threshold != nil {
		if err := checkThreshold("threshold", *req.Threshold); err != nil {
			return err
		}
	}
	if req.MaxDetections != nil && *req.MaxDetections < 1 {
		return failf(kindBadParameter, "max_detections must be at least 1, not %d", *req.MaxDetections)
	}
	sub.params = params{
		model: req.Model, threshold: req.Threshold, maxDetections: req.MaxDetections,
		labels: req.Labels, regions: req.Regions, url: req.URL,
	}
	return sub.takePictures(req.Image, req.Images, maxPictures)
}

func (sub *submission) readClassifyJSON(r io.Reader, maxPictures int) error {
	var req ClassifyRequest
	if err := decodeStrict(r, &req); err != nil {
		return err
	}
	if req.Top != nil {
		if err := checkTop(*req.Top); err != nil {
			return err
		}
	}
	sub.params = params{model: req.Model, top: req.Top, url: req.URL, names: sub.params.names}
	return sub.takePictures(req.Image, req.Images, maxPictures)
}

func (sub *submission) readSegmentJSON(r io.Reader, maxPictures int) error {
	var req SegmentRequest
	if err := decodeStrict(r, &req); err != nil {
		return err
	}
	if req.Show != "" {
		if err := checkShow(req.Show); err != nil {
			return err
		}
	}
	sub.params = params{model: req.Model, show: req.Show, classMap: req.Map, url: req.URL, names: sub.params.names}
	return sub.takePictures(req.Image, nil, maxPictures)
}

// takePictures takes those of a JSON request: one, or a list.
func (sub *submission) takePictures(one base64Picture, list []base64Picture, maxPictures int) error {
	if one != nil {
		sub.pictures = append(sub.pictures, picture{data: one})
	}
	for _, data := range list {
		sub.pictures = append(sub.pictures, picture{data: data})
	}
	sub.batch = list != nil
	if len(sub.pictures) > maxPictures {
		return failf(kindBadJSON, "more than %d pictures in one request", maxPictures)
	}
	return sub.checkPictures(`no picture in the JSON: want {"image": "base64..."}`)
}

// checkPictures refuses a request without pictures.
func (sub *submission) checkPictures(none string) error {
	switch {
	case sub.params.url != "" && len(sub.pictures) == 0:
		return nil
	case len(sub.pictures) == 0:
		return failf(kindEmptyBody, "%s", none)
	}
	sub.batch = sub.batch || len(sub.pictures) > 1
	for i, p := range sub.pictures {
		if len(p.data) == 0 && !sub.batch {
			return failf(kindEmptyBody, "the picture has no bytes")
		} else if len(p.data) == 0 {
			return failf(kindEmptyBody, "picture %d has no bytes", i+1)
		}
	}
	return nil
}

// overlay puts what the body asks for over what the query asks for.
func (p *params) overlay(body params) {
	if body.model != "" {
		p.model = body.model
	}
	if body.threshold != nil {
		p.threshold = body.threshold
	}
	if body.maxDetections != nil {
		p.maxDetections = body.maxDetections
	}
	if body.labels != nil {
		p.labels = body.labels
	}
	if body.regions != nil {
		p.regions = body.regions
	}
	if body.url != "" {
		p.url = body.url
	}
	if body.top != nil {
		p.top = body.top
	}
	if body.show != "" {
		p.show = body.show
	}
	p.classMap = p.classMap || body.classMap
}
