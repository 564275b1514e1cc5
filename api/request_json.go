package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"example.com/riffle/internal/suggest"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decodeStrict reads one JSON value and nothing after it. Keys that the type
// does not have are refused, with the nearest that it has. Errors are failures,
// or the reader's.
func decodeStrict(r io.Reader, v any) error {
	return decodeJSON(r, v, true)
}

// decodeLenient is decodeStrict for the protocols of others, whose clients may
// send keys that we do not know.
func decodeLenient(r io.Reader, v any) error {
	return decodeJSON(r, v, false)
}

func decodeJSON(r io.Reader, v any, strict bool) error {
	text, err := withoutMark(r)
	if err != nil {
		return jsonError(err, v)
	}
	dec := json.NewDecoder(text)
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return jsonError(err, v)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		if err != nil && !isSyntax(err) {
			return jsonError(err, v)
		}
		return failf(kindBadJSON, "more after the end of the JSON object")
	}
	return nil
}

// withoutMark reads text without the byte order mark that programs of Windows put
// in front, and turns UTF-16, which such a mark announces, into UTF-8.
func withoutMark(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	mark, err := b.Peek(2)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		return nil, err
	}
	switch string(mark) {
	case "\xef\xbb", "\xff\xfe", "\xfe\xff":
		return transform.NewReader(b, unicode.BOMOverride(transform.Nop)), nil
	}
	return b, nil
}

func unmarshalStrict(data []byte, v any) error {
	return decodeStrict(bytes.NewReader(data), v)
}

func isSyntax(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax)
}

// jsonError says in our words what package json found; errors of the reader
// below pass unchanged.
func jsonError(err error, v any) error {
	var f *failure
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, io.EOF):
		return failf(kindEmptyBody, "no JSON at all")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return failf(kindBadJSON, "JSON ends too early")
	case errors.As(err, &syntax):
		return failf(kindBadJSON, "%v at byte %d", syntax, syntax.Offset)
	case errors.As(err, &wrongType):
		what := wrongType.Field
		if what == "" {
			what = "the whole"
		}
		return failf(kindBadJSON, "%s must be %s, not %s", clip(what), jsonKind(wrongType.Type), wrongType.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return failf(kindBadJSON, "unknown key %q%s", clip(name), suggest.Hint(clip(name), jsonKeys(reflect.TypeOf(v), nil)))
	}
	return err
}

// jsonKind names a Go type as a JSON reader would.
func jsonKind(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Array:
		return fmt.Sprintf("a list of %d", t.Len())
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32, reflect.Int32:
		return "an integer"
	}
	return "a number"
}

// jsonKeys lists the keys of a type and of the objects in it.
func jsonKeys(t reflect.Type, into []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return into
	}
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			into = append(into, name)
			into = jsonKeys(field.Type, into)
		}
	}
	return into
}

func decodeLenientBytes(data []byte, v any) error {
	return decodeLenient(bytes.NewReader(data), v)
}
