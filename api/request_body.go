package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// picture is one encoded picture of a request.
type picture struct {
	name string // the file name given with it, if any
	data []byte
}

// parsedRequest is what a request brought.
type parsedRequest struct {
	pictures []picture
	batch    bool // asked for as a list, even of one
	params   params
	fields   map[string]string // of a form of another protocol
}

// read reads the body in whichever form it comes: a form, JSON, or the picture
// itself. What begins like JSON is JSON whatever its content type says, as no
// picture begins so.
func (req *parsedRequest) read(r *http.Request, in *bodyReader, t *task, maxPictures int) error {
	contentType := r.Header.Get("Content-Type")
	kind, typeParams, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" && kind == "" {
		return failf(kindWrongContent, "content type %q cannot be read", clip(contentType))
	}
	switch {
	case kind == "multipart/form-data":
		return req.readForm(in, typeParams["boundary"], ownForm, maxPictures)
	case isJSON(kind):
		return req.readJSON(accounted{in, in.body}, t, maxPictures)
	}
	data, err := in.readAll(in.body)
	if err != nil {
		return err
	}
	switch {
	case len(data) == 0:
		return failf(kindEmptyBody, "no picture: the body is empty")
	case looksLikeJSON(data):
		return req.readJSON(bytes.NewReader(data), t, maxPictures)
	case looksLikePicture(data) || kind == "" || kind == "application/octet-stream" || strings.HasPrefix(kind, "image/"):
		req.pictures = []picture{{data: data}}
		return nil
	case kind == "application/x-www-form-urlencoded":
		return req.setURLEncoded(data, ownForm, maxPictures)
	case kind == "text/plain":
		req.pictures = []picture{{data: data}}
		return nil
	}
	return failf(kindWrongContent, "content type %q is none of multipart/form-data, application/json and image/*", clip(kind))
}

// isJSON tells the names that JSON goes by.
func isJSON(mediaType string) bool {
	switch mediaType {
	case "application/json", "text/json", "application/x-json", "text/x-json":
		return true
	}
	return strings.HasSuffix(mediaType, "+json")
}

// looksLikeJSON tells an object, in any of Unicode's encodings that a byte order
// mark announces.
func looksLikeJSON(data []byte) bool {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff\x00"} {
		data = bytes.TrimPrefix(data, []byte(mark))
	}
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n\x00"), []byte("{"))
}

// looksLikePicture knows the first bytes of the formats that are read.
func looksLikePicture(data []byte) bool {
	return strings.HasPrefix(http.DetectContentType(data), "image/") ||
		bytes.HasPrefix(data, []byte("II*\x00")) || bytes.HasPrefix(data, []byte("MM\x00*"))
}

// formKind is which fields a form may have.
type formKind int

const (
	ownForm     formKind = iota // of /detect and its like: the documented fields
	foreignForm                 // of other programs: any file is a picture, any field may be there
)

const (
	maxField  = 64 << 10 // bytes of a text field
	maxFields = 64       // text fields of a form
)

// readForm reads a multipart form part by part, off the wire.
func (req *parsedRequest) readForm(in *bodyReader, boundary string, kind formKind, maxPictures int) error {
	if boundary == "" {
		return failf(kindBadForm, "multipart/form-data without a boundary")
	}
	req.fields = map[string]string{}
	form := multipart.NewReader(in.body, boundary)
	for texts := 0; ; {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) && kind == foreignForm {
			return nil // the caller says what must be there
		}
		if errors.Is(err, io.EOF) {
			return req.checkPictures("no picture in the form: want a file field named image or file")
		}
		if err != nil {
			return in.formError(err)
		}
		name := part.FormName()
		if isPictureField(name) || kind == foreignForm && part.FileName() != "" {
			data, err := in.readAll(part)
			if err != nil {
				return in.formError(err)
			}
			if err := req.addPicture(part.FileName(), data, maxPictures); err != nil {
				return err
			}
			continue
		}
		if texts++; texts > maxFields {
			return failf(kindBadForm, "more than %d fields in the form", maxFields)
		}
		if err := req.readField(in, part, name, kind); err != nil {
			return err
		}
	}
}

// addPicture takes the picture of a form. One that comes as text, in base64, is
// taken too.
func (req *parsedRequest) addPicture(name string, data []byte, maxPictures int) error {
	if len(req.pictures) == maxPictures {
		return failf(kindBadForm, "more than %d pictures in one request", maxPictures)
	}
	if name == "" && len(data) > 0 && !looksLikePicture(data) {
		if raw, err := decodeBase64(data); err == nil && looksLikePicture(raw) {
			data = raw
		}
	}
	req.pictures = append(req.pictures, picture{name: name, data: data})
	return nil
}

func (req *parsedRequest) readField(in *bodyReader, part *multipart.Part, name string, kind formKind) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	switch {
	case err != nil:
		return in.formError(err)
	case len(value) > maxField:
		return failf(kindBadForm, "form field %q of more than %d bytes", clip(name), maxField)
	case kind == foreignForm:
		req.fields[name] = string(value)
		return nil
	case part.FileName() != "":
		return failf(kindBadForm, "file in form field %q: want it in a field named image or file", clip(name))
	}
	return req.params.set(name, string(value))
}

// readURLEncoded reads a form as HTML sends one without files, the picture in
// base64.
func (req *parsedRequest) readURLEncoded(in *bodyReader, kind formKind, maxPictures int) error {
	data, err := in.readAll(in.body)
	if err != nil {
		return err
	}
	return req.setURLEncoded(data, kind, maxPictures)
}

func (req *parsedRequest) setURLEncoded(data []byte, kind formKind, maxPictures int) error {
	values, err := url.ParseQuery(string(data))
	if err != nil {
		return failf(kindBadForm, "form cannot be read: %v", err)
	}
	for _, name := range sortedKeys(values) {
		for _, v := range values[name] {
			switch {
			case isPictureField(name):
				err = req.addPicture("", []byte(v), maxPictures)
			case kind == foreignForm:
				req.fields[name] = v
			default:
				err = req.params.set(name, v)
			}
			if err != nil {
				return err
			}
		}
	}
	if kind == foreignForm {
		return nil
	}
	return req.checkPictures("no picture in the form: want it in base64 in a field named image")
}

func isPictureField(name string) bool {
	switch name {
	case "image", "file", "images", "files", "image[]", "file[]", "images[]", "files[]":
		return true
	}
	return false
}

// formError tells a broken form from a body that stopped arriving.
func (in *bodyReader) formError(err error) error {
	err = in.readError(err)
	var f *failure
	if errors.As(err, &f) && f.kind == kindBadForm && f.cause != nil && !errors.Is(f.cause, io.ErrUnexpectedEOF) {
		f.detail = "multipart form cannot be read: " + clip(strings.TrimPrefix(f.cause.Error(), "multipart: "))
	}
	return err
}

// readJSON reads the JSON form of the task.
func (req *parsedRequest) readJSON(r io.Reader, t *task, maxPictures int) error {
	p, pictures, err := t.readJSON(r)
	if err != nil {
		return err
	}
	p.names = req.params.names
	req.params = p
	if pictures.one != nil {
		req.pictures = append(req.pictures, picture{data: pictures.one})
	}
	for _, data := range pictures.list {
		req.pictures = append(req.pictures, picture{data: data})
	}
	req.batch = pictures.list != nil
	if len(req.pictures) > maxPictures {
		return failf(kindBadJSON, "more than %d pictures in one request", maxPictures)
	}
	return req.checkPictures(`no picture in the JSON: want {"image": "base64..."}`)
}

// checkPictures refuses a request without pictures.
func (req *parsedRequest) checkPictures(none string) error {
	switch {
	case req.params.url != "" && len(req.pictures) == 0:
		return nil
	case len(req.pictures) == 0:
		return failf(kindEmptyBody, "%s", none)
	}
	req.batch = req.batch || len(req.pictures) > 1
	for i, p := range req.pictures {
		if len(p.data) == 0 && !req.batch {
			return failf(kindEmptyBody, "the picture has no bytes")
		} else if len(p.data) == 0 {
			return failf(kindEmptyBody, "picture %d has no bytes", i+1)
		}
	}
	return nil
}
