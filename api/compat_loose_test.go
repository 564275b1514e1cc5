package api

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/coder/websocket"
)

// DOODS2 turns types into each other; so do we.
func TestDoodsTakesLooselyTypedValues(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := b64(jpegOf(t, 80, 40))
	for _, tt := range []struct{ rest, id, labels string }{
		{`"id":5,"detect":{"*":"50"}`, "5", "person car"},
		{`"id":1.5,"detect":{"person":"50.5"}`, "1.5", "person"},
		{`"id":true,"detect":{"*":" 50 "}`, "true", "person car"},
		{`"id":null,"detect":null,"regions":null,"throttle":null,"preprocess":null,"image":null`, "", "person car dog"},
		{`"throttle":"1","preprocess":[],"detect":{"*":50},"image":"gif"`, "", "person car"},
		{`"detector_name":"","preprocess":"","detect":{"*":50},"image":false`, "", "person car"},
		{`"regions":[{"id":7,"top":"0","left":"0","bottom":"1","right":"0.3","detect":{"*":"5"},"covers":"true"}]`, "", "person"},
		{`"regions":[{"top":0,"left":0,"bottom":1,"right":0.3,"detect":{"*":5},"covers":1}]`, "", "person"},
		{`"regions":[{"top":0,"left":0,"bottom":1,"right":0.2,"detect":{"*":5},"covers":"no"}]`, "", "person"},
		{`"detect":{"person":"0"}`, "", "person"},
		{`"detect":{"dining table":0}`, "", ""},
	} {
		w := post(s, "/doods/detect", []byte(`{"data":"`+photo+`",`+tt.rest+`}`))
		var got DoodsResponse
		decodeAnswer(t, w, &got)
		var labels []string
		for _, d := range got.Detections {
			labels = append(labels, d.Label)
		}
		if w.Code != 200 || got.ID != tt.id || strings.Join(labels, " ") != tt.labels || got.Image != "" {
			t.Errorf("%s: %d %s", tt.rest, w.Code, w.Body)
		}
	}
	for _, kind := range []string{"", "gif", "tiff"} { // /image always answers with a picture
		w := post(s, "/doods/image", []byte(`{"data":"`+photo+`","image":"`+kind+`"}`))
		if w.Code != 200 || w.Header().Get("Content-Type") != "image/jpeg" {
			t.Errorf("image %q: %d %s", kind, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

// An error over a WebSocket says which request it is about.
func TestDoodsSocketErrorsCarryTheID(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	for _, path := range []string{"/doods/detect", "/doods/stream"} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		conn, _, err := websocket.Dial(ctx, srv.URL+path, nil) //nolint:bodyclose // Dial documents that nobody need close it
		if err != nil {
			t.Fatal(err)
		}
		for i, message := range []string{
			`{"id":"a0","data":"%%%"}`, `{"data":7,"id":"a1"}`, `{"id":"a2","data":"` + b64([]byte("text")) + `"}`,
			`{"id":"a3","detect":{"*":"x"}}`, `{"id":"a4","data":"aGVsbG8=","detector_name":"nobody"}`, `{"id":"a5","data":"aGVs`,
		} {
			if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
				t.Fatal(err)
			}
			_, answer, err := conn.Read(ctx)
			var got DoodsResponse
			if err != nil || json.Unmarshal(answer, &got) != nil {
				t.Fatal(err, string(answer))
			}
			if got.ID != fmt.Sprintf("a%d", i) || got.Error == "" {
				t.Errorf("%s %s: %s", path, message, answer)
			}
		}
		_ = conn.CloseNow()
		cancel()
	}
}

// JSON as programs write it: with a byte order mark, in UTF-16, under other names
// or none.
func TestJSONUnderManyNames(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	plain := `{"image":"` + b64(jpegOf(t, 80, 40)) + `","threshold":0.5}`
	utf16le := []byte{0xff, 0xfe}
	utf16be := []byte{0xfe, 0xff}
	for _, u := range utf16.Encode([]rune(plain)) {
		utf16le = binary.LittleEndian.AppendUint16(utf16le, u)
		utf16be = binary.BigEndian.AppendUint16(utf16be, u)
	}
	for name, body := range map[string][]byte{
		"plain": []byte(plain), "spaces": []byte(" \r\n" + plain + "\r\n"), "mark": []byte("\xef\xbb\xbf" + plain), "UTF-16LE": utf16le, "UTF-16BE": utf16be,
	} {
		for _, contentType := range []string{
			"application/json", "application/json; charset=utf-8", "text/json", "application/x-json", "application/vnd.x+json", "text/plain",
			"application/x-www-form-urlencoded", "application/octet-stream", "text/html", "",
		} {
			w := post(s, "/detect", body, "Content-Type", contentType)
			var got Result
			decodeAnswer(t, w, &got)
			if w.Code != 200 || len(got.Detections) != 2 {
				t.Errorf("%s as %q: %d %s", name, contentType, w.Code, w.Body)
			}
		}
	}
	for _, path := range []string{"/doods/detect", "/v2/models/fake/infer"} {
		body := `{"data":"` + b64(jpegOf(t, 8, 8)) + `","inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["` + b64(jpegOf(t, 8, 8)) + `"]}]}`
		if w := post(s, path, []byte("\xef\xbb\xbf"+body), "Content-Type", "text/json"); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// base64 in lines, or with spaces where a form's decoding took the + away.
func TestBase64WithSpaces(t *testing.T) {
	raw := make([]byte, 3000)
	for i := range raw {
		raw[i] = byte(i * 37)
	}
	text := base64.StdEncoding.EncodeToString(raw)
	if !strings.Contains(text, "+") {
		t.Fatal("the example has no +")
	}
	lines := func(n int, sep string) string {
		var parts []string
		for i := 0; i < len(text); i += n {
			parts = append(parts, text[i:min(i+n, len(text))])
		}
		return strings.Join(parts, sep)
	}
	for name, in := range map[string]string{
		"as it is": text, "lines of 76": lines(76, "\r\n"), "lines of 64": lines(64, "\n"), "words of 76": lines(76, " "), "words of 60": lines(60, " "),
		"plus lost": strings.ReplaceAll(text, "+", " "), "around": "  " + text + "  ", "URL-safe": base64.URLEncoding.EncodeToString(raw),
		"no padding": base64.RawStdEncoding.EncodeToString(raw), "tabs": lines(100, "\t"), "data URI": "data:image/png;base64, " + lines(76, " "),
	} {
		if got, err := decodeBase64([]byte(in)); err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// A picture in base64 in a form, with files or without.
func TestFormWithABase64Picture(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	text := b64(jpegOf(t, 80, 40))
	form, contentType := formOf(t, formPart{"image", "", "data:image/jpeg;base64," + text}, formPart{"threshold", "", "0.5"})
	encoded := "image=" + strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(text)
	for _, tt := range []struct{ path, body, contentType string }{
		{"/detect", form.String(), contentType},
		{"/detect", encoded + "&threshold=0.5", "application/x-www-form-urlencoded"},
		{"/detect", "image=" + text + "&threshold=0.5", "application/x-www-form-urlencoded"}, // + is a space there
		{"/v1/vision/detection", encoded + "&min_confidence=0.5", "application/x-www-form-urlencoded"},
	} {
		w := post(s, tt.path, []byte(tt.body), "Content-Type", tt.contentType)
		if w.Code != 200 || strings.Count(w.Body.String(), `"label"`) != 2 {
			t.Errorf("%s as %s: %d %s", tt.path, tt.contentType, w.Code, w.Body)
		}
	}
}

// Bodies come packed, on every route; what comes out is held to the same limits.
func TestPackedBodies(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.MaxBody = 1 << 20 })
	pack := func(kind string, data []byte) []byte {
		var buf bytes.Buffer
		if kind == "gzip" {
			z := gzip.NewWriter(&buf)
			_, _ = z.Write(data)
			_ = z.Close()
		} else {
			z := zlib.NewWriter(&buf)
			_, _ = z.Write(data)
			_ = z.Close()
		}
		return buf.Bytes()
	}
	photo := jpegOf(t, 80, 40)
	infer, _ := kserveBody(t, false, nil, photo)
	deep, deepType := frigateForm(photo)
	for _, kind := range []string{"gzip", "deflate"} {
		for path, r := range map[string]struct {
			body        []byte
			contentType string
		}{
			"/detect": {photo, "image/jpeg"}, "/v2/models/fake/infer": {infer, "application/json"}, "/v1/vision/detection": {deep, deepType},
			"/doods/detect": {homeAssistant(t, photo, nil), "application/json"},
		} {
			if w := post(s, path, pack(kind, r.body), "Content-Type", r.contentType, "Content-Encoding", kind); w.Code != 200 {
				t.Errorf("%s %s: %d %s", kind, path, w.Code, w.Body)
			}
		}
		wantProblem(t, post(s, "/detect", pack(kind, make([]byte, 40<<20)), "Content-Encoding", kind), 413, "body-too-large", "more than")
		wantProblem(t, post(s, "/detect", photo, "Content-Encoding", kind), 415, "wrong-content-type", "Content-Encoding")
		packed := pack(kind, photo)
		wantProblem(t, post(s, "/detect", packed[:len(packed)-6], "Content-Encoding", kind), 400, "bad-form", "ends before")
	}
	if held := s.budget.Used(); held != 0 {
		t.Errorf("%d bytes still held", held)
	}
}

// Triton's raw binary request, its parameters, and what it tells of models.
func TestTritonsOwn(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := jpegOf(t, 80, 40)
	withLength := append(binary.LittleEndian.AppendUint32(nil, uint32(len(photo))), photo...)
	for name, tt := range map[string]struct {
		body    []byte
		headers []string
	}{
		"picture": {photo, []string{kserveHeader, "0", "Content-Type", "application/octet-stream"}},
		"length":  {withLength, []string{kserveHeader, "0"}},
		"bare":    {photo, []string{"Content-Type", "application/octet-stream"}},
	} {
		w := post(s, "/v2/models/fake/infer", tt.body, tt.headers...)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"data":["person","car","dog"]`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	infer := func(parameters string) *httptest.ResponseRecorder {
		return post(s, "/v2/models/fake/infer", []byte(`{"parameters":`+parameters+`,"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["`+b64(photo)+`"]}]}`))
	}
	for parameters, want := range map[string]string{
		`{"threshold":"0.5"}`: `"data":["person","car"]`, `{"labels":"dog","max_detections":"3"}`: `"data":["dog"]`, `{"threshold":0.5,"priority":1,"sequence_id":0}`: `"parameters":{"ignored":["priority","sequence_id"]}`,
		`{"treshold":0.5}`: `did you mean \"threshold\"`, `{"max_detection":1}`: `did you mean \"max_detections\"`, `{"max_detections":1.5}`: `an integer`,
	} {
		if w := infer(parameters); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", parameters, w.Code, w.Body)
		}
	}
	for _, tt := range []struct{ method, path, want string }{
		{"GET", "/v2/models/fake/config", `"input":[{"name":"image","data_type":"TYPE_STRING","dims":[-1]}]`},
		{"GET", "/v2/models/fake/versions/1/config", `"instance_group":[{"count":2,"kind":"KIND_CPU"}]`},
		{"GET", "/v2/models/fake/stats", `"success":{"count":6,`},
		{"GET", "/v2/models/stats", `"inference_count":6`},
		{"POST", "/v2/repository/index", `[{"name":"fake","version":"1","state":"READY","reason":""}]`},
		{"POST", "/v2/repository/models/fake/load", `{}`},
	} {
		if w := call(s, tt.method, tt.path, nil); w.Code != 200 || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.path, w.Code, w.Body)
		}
	}
	if w := call(s, "POST", "/v2/repository/models/nobody/load", nil); w.Code != 404 {
		t.Errorf("a model that is not there: %d %s", w.Code, w.Body)
	}
}
