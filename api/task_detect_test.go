package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"reflect"
	"strings"
	"testing"
)

// b64 is a picture as it stands in JSON.
func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func jsonBody(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestDetectTakesEveryForm(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := jpegOf(t, 80, 40)
	form := func(field string) ([]byte, string) {
		body, ct := formOf(t, formPart{field, "street.jpg", string(photo)})
		return body.Bytes(), ct
	}
	image1, imageType := form("image")
	file1, fileType := form("file")
	asJSON := func(text string) []byte { return []byte(`{"image":` + text + `}`) }
	url := base64.URLEncoding.EncodeToString(photo)
	tests := map[string]struct {
		body        []byte
		contentType string
	}{
		"form image":            {image1, imageType},
		"form file":             {file1, fileType},
		"raw jpeg":              {photo, "image/jpeg"},
		"raw, wrong image type": {photo, "image/png"},
		"raw octets":            {photo, "application/octet-stream"},
		"raw, curl's default":   {photo, "application/x-www-form-urlencoded"},
		"raw, odd type":         {photo, "text/html; charset=utf-8"},
		"raw, no type":          {photo, ""},
		"json":                  {asJSON(`"` + b64(photo) + `"`), "application/json"},
		"json, charset":         {asJSON(`"` + b64(photo) + `"`), "application/json; charset=utf-8"},
		"json, data URI":        {asJSON(`"data:image/jpeg;base64,` + b64(photo) + `"`), "application/json"},
		"json, no padding":      {asJSON(`"` + strings.TrimRight(b64(photo), "=") + `"`), "application/json"},
		"json, URL alphabet":    {asJSON(`"` + url + `"`), "application/json"},
		"json, escaped":         {asJSON(`"` + strings.ReplaceAll(b64(photo), "/", `\/`) + `\n"`), "application/json"},
		"json, lines":           {asJSON(`"` + b64(photo)[:76] + `\r\n` + b64(photo)[76:] + `"`), "application/json"},
		"json, curl -d":         {asJSON(`"` + b64(photo) + `"`), "application/x-www-form-urlencoded"},
		"json, no type":         {append([]byte(" \n"), asJSON(`"`+b64(photo)+`"`)...), ""},
	}
	want := fakeSees(80, 40)[:3] // above the server's threshold of 0.3
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if tt.contentType != "" {
				headers = []string{"Content-Type", tt.contentType}
			}
			w := post(s, "/detect", tt.body, headers...)
			if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			var got Result
			decodeAnswer(t, w, &got)
			if got.Width != 80 || got.Height != 40 || got.Model != "fake" || !reflect.DeepEqual(got.Detections, want) {
				t.Errorf("got %+v", got)
			}
			for _, stage := range []string{"queue", "decode", "network", "total"} {
				if _, ok := got.TimingMS[stage]; !ok {
					t.Errorf("no time of stage %q in %v", stage, got.TimingMS)
				}
			}
		})
	}
}

func TestDetectAnswerKeepsTheContract(t *testing.T) {
	w := post(newTestServer(t, &fake{}, nil), "/detect?threshold=0.7", jpegOf(t, 80, 40))
	const want = `{"width":80,"height":40,"model":"fake","detections":[{"label":"person","category_id":1,"score":0.9,"box":[0,0,20,40]}],"timing_ms":{`
	if !strings.HasPrefix(w.Body.String(), want) {
		t.Errorf("got  %swant %s...", w.Body, want)
	}
	w = post(newTestServer(t, &fake{}, nil), "/detect?threshold=1", jpegOf(t, 80, 40))
	if !strings.Contains(w.Body.String(), `"detections":[]`) {
		t.Errorf("nothing found must be an empty list, got %s", w.Body)
	}
}

func labelsOf(found []Detection) string {
	names := make([]string, len(found))
	for i, d := range found {
		names[i] = d.Label
	}
	return strings.Join(names, " ")
}

func TestDetectParameters(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := jpegOf(t, 80, 40)
	tests := []struct{ query, want string }{
		{"", "person car dog"},
		{"threshold=0", "person car dog dining table"},
		{"threshold=0.5", "person car"},
		{"max_detections=1", "person"},
		{"labels=car,dog", "car dog"},
		{"labels=Dining_Table&threshold=0.05", "dining table"},
		{"labels=car&labels=person", "person car"},
		{"labels=car:0.7,dog:0.4", "dog"},
		{"labels=dining%20table:0.1,person", "person dining table"},
		{"labels=", "person car dog"},
		{"model=fake", "person car dog"},
		{`regions=[{"box":[0,0,0.2,1]}]`, "person"},
	}
	for _, tt := range tests {
		w := post(s, "/detect?"+strings.ReplaceAll(tt.query, `"`, "%22"), photo)
		var got Result
		decodeAnswer(t, w, &got)
		if w.Code != 200 || labelsOf(got.Detections) != tt.want {
			t.Errorf("%s: %d, got %q, want %q", tt.query, w.Code, labelsOf(got.Detections), tt.want)
		}
	}
}

func TestDetectParametersInFormAndJSON(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := jpegOf(t, 80, 40)
	form, formType := formOf(t, formPart{"threshold", "", "0.5"}, formPart{"labels", "", "car,dog"},
		formPart{"max_detections", "", "9"}, formPart{"image", "a.jpg", string(photo)})
	tests := map[string]struct {
		body              []byte
		contentType, want string
	}{
		"form":             {form.Bytes(), formType, "car"},
		"json":             {jsonBody(t, map[string]any{"image": b64(photo), "threshold": 0.5, "max_detections": 1}), "application/json", "person"},
		"json label text":  {jsonBody(t, map[string]any{"image": b64(photo), "labels": "car:0.9,dog"}), "application/json", "dog"},
		"json label list":  {jsonBody(t, map[string]any{"image": b64(photo), "labels": []string{"dog", "person"}}), "application/json", "person dog"},
		"json label rules": {jsonBody(t, map[string]any{"image": b64(photo), "labels": map[string]float64{"dog": 0.4, "dining table": 0.05, "car": 0.61}}), "application/json", "dog dining table"},
		"json null":        {[]byte(`{"image":"` + b64(photo) + `","labels":null,"threshold":null,"images":null}`), "application/json", "person car dog"},
	}
	for name, tt := range tests {
		// What the body asks for wins over the query.
		w := post(s, "/detect?threshold=0.2&max_detections=50", tt.body, "Content-Type", tt.contentType)
		var got Result
		decodeAnswer(t, w, &got)
		if w.Code != 200 || labelsOf(got.Detections) != tt.want {
			t.Errorf("%s: %d, got %q, want %q", name, w.Code, labelsOf(got.Detections), tt.want)
		}
	}
}

func TestDetectRegions(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	body := jsonBody(t, map[string]any{
		"image": b64(jpegOf(t, 80, 40)), "threshold": 0.5,
		"regions": []map[string]any{
			{"name": "left", "box": []float64{0, 0, 0.25, 1}},                                                             // person, all of it
			{"name": "drive", "box": []float64{0.2, 0, 0.6, 0.6}, "match": "center", "labels": []string{"car", "person"}}, // car
			{"box": []float64{0.45, 0.4, 1, 1}, "labels": map[string]float64{"dog": 0.3}, "match": "inside"},              // dog
			{"box": []float64{0.45, 0.4, 1, 1}, "threshold": 0.05, "labels": "dining table"},                              // dining table
		},
	})
	w := post(s, "/detect", body, "Content-Type", "application/json")
	var got Result
	decodeAnswer(t, w, &got)
	want := map[string][]string{"person": {"left"}, "car": {"drive"}, "dog": {"3"}, "dining table": {"4"}}
	if w.Code != 200 || len(got.Detections) != len(want) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, d := range got.Detections {
		if !reflect.DeepEqual(d.Regions, want[d.Label]) {
			t.Errorf("%s is in %v, want %v", d.Label, d.Regions, want[d.Label])
		}
	}
}

func TestDetectDrawsWhenAsked(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	for accept, format := range map[string]string{
		"image/jpeg": "jpeg", "image/png": "png", "image/*": "jpeg",
		"image/png, image/jpeg;q=0.5": "png", "application/json;q=0.1, image/jpeg": "jpeg",
	} {
		w := post(s, "/detect", jpegOf(t, 80, 40), "Accept", accept)
		img, got, err := image.Decode(w.Body)
		if err != nil || got != format || w.Header().Get("Content-Type") != "image/"+format || img.Bounds().Dx() != 80 {
			t.Errorf("Accept %q: got %q as %q, %v", accept, got, w.Header().Get("Content-Type"), err)
		}
	}
	for _, accept := range []string{" ", ",", "*/*", "application/*", "text/html, */*;q=0.1", "application/json, image/*;q=0.9"} {
		if w := post(s, "/detect", jpegOf(t, 80, 40), "Accept", accept); w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("Accept %q: got %q, want JSON", accept, w.Header().Get("Content-Type"))
		}
	}
	for _, accept := range []string{"text/html", "image/webp", "application/json;q=0"} {
		wantProblem(t, post(s, "/detect", jpegOf(t, 80, 40), "Accept", accept), 406, "not-acceptable", accept)
	}
}

func TestDetectBatch(t *testing.T) {
	f := &fake{}
	s := newTestServer(t, f, nil)
	var parts []formPart
	for i := range 9 {
		parts = append(parts, formPart{"image", fmt.Sprintf("p%d.jpg", i), string(jpegOf(t, 80+i, 40))})
	}
	parts[4].value = "this is not a picture"
	body, contentType := formOf(t, parts...)
	w := post(s, "/detect", body.Bytes(), "Content-Type", contentType)
	var got Batch
	decodeAnswer(t, w, &got)
	if w.Code != 200 || got.Model != "fake" || len(got.Results) != 9 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, e := range got.Results {
		if e.Name != fmt.Sprintf("p%d.jpg", i) {
			t.Errorf("entry %d is of %q", i, e.Name)
		}
		if i == 4 {
			if e.Error == nil || e.Error.Status != 415 || e.Result != nil {
				t.Errorf("entry 4: %+v, want an error", e)
			}
			continue
		}
		if e.Result == nil || e.Width != 80+i || !reflect.DeepEqual(e.Detections, fakeSees(80+i, 40)[:3]) {
			t.Errorf("entry %d: %+v", i, e.Result)
		}
	}
	if f.most.Load() > 2 {
		t.Errorf("%d at a time with 2 workers", f.most.Load())
	}

	wantProblem(t, post(s, "/detect", body.Bytes(), "Content-Type", contentType, "Accept", "image/png"), 406, "not-acceptable", "several")

	one := jsonBody(t, map[string]any{"images": []string{b64(jpegOf(t, 80, 40))}})
	w = post(s, "/detect", one, "Content-Type", "application/json")
	decodeAnswer(t, w, &got)
	if w.Code != 200 || len(got.Results) != 1 || got.Results[0].Result == nil {
		t.Errorf("a list of one: %d %s", w.Code, w.Body)
	}
}

func TestDetectRefusesWhatIsWrong(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.MaxBody = 1 << 20; c.MaxBatch = 2 })
	photo := jpegOf(t, 80, 40)
	noise := pngOf(t, 200, 200)
	hugePNG := append([]byte(nil), noise...)
	copy(hugePNG[16:24], []byte{0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30}) // 30,000 x 30,000 in IHDR
	crcFix(hugePNG)
	form, formType := formOf(t, formPart{"photo", "a.jpg", string(photo)})
	noPhoto, noPhotoType := formOf(t, formPart{"threshold", "", "0.5"})
	badField, badFieldType := formOf(t, formPart{"treshold", "", "0.5"}, formPart{"image", "a.jpg", string(photo)})
	empty, emptyType := formOf(t, formPart{"image", "a.jpg", ""})
	three, threeType := formOf(t, formPart{"image", "a", "x"}, formPart{"image", "b", "x"}, formPart{"image", "c", "x"})
	whole, wholeType := formOf(t, formPart{"image", "a.jpg", string(photo)})
	cut := whole.Bytes()[:whole.Len()/2]
	const js = "application/json"
	tests := map[string]struct {
		query, contentType string
		body               []byte
		status             int
		slug, detail       string
	}{
		"text":                {"", "", []byte("hello, I am a text file\n"), 415, "not-an-image", "not a picture"},
		"text as image":       {"", "image/jpeg", []byte("hello, I am a text file\n"), 415, "not-an-image", "not a picture"},
		"text as text":        {"", "text/csv", []byte("hello, I am a text file\n"), 415, "wrong-content-type", `"text/csv"`},
		"xml":                 {"", "application/xml", []byte("<a/>"), 415, "wrong-content-type", "application/xml"},
		"bad type":            {"", "/;;", []byte("x"), 415, "wrong-content-type", "/;;"},
		"packed":              {"", "br", []byte("x"), 415, "wrong-content-type", "want none, gzip or deflate"},
		"nothing":             {"", "", nil, 400, "empty-body", "empty"},
		"nothing as image":    {"", "image/jpeg", nil, 400, "empty-body", "empty"},
		"cut jpeg":            {"", "image/jpeg", photo[:len(photo)/2], 422, "truncated-picture", "cut short"},
		"cut png":             {"", "image/png", noise[:len(noise)/2], 422, "truncated-picture", "cut short"},
		"damaged png":         {"", "", damaged(noise), 422, "damaged-picture", "damaged"},
		"bomb":                {"", "image/png", hugePNG, 413, "too-many-pixels", "30000 x 30000"},
		"large body":          {"", "image/png", make([]byte, 1<<20+1), 413, "body-too-large", "1048576 bytes"},
		"threshold text":      {"threshold=high", "", photo, 400, "bad-parameter", `"high"`},
		"threshold percent":   {"threshold=40", "", photo, 400, "bad-parameter", "from 0 to 1"},
		"threshold nan":       {"threshold=NaN", "", photo, 400, "bad-parameter", "from 0 to 1"},
		"max zero":            {"max_detections=0", "", photo, 400, "bad-parameter", "max_detections"},
		"max text":            {"max_detections=1.5", "", photo, 400, "bad-parameter", "max_detections"},
		"unknown parameter":   {"treshold=0.3", "", photo, 400, "bad-parameter", `did you mean "threshold"?`},
		"broken query":        {"a=%zz", "", photo, 400, "bad-parameter", "query"},
		"unknown label":       {"labels=person,persn", "", photo, 400, "unknown-label", `unknown label "persn", did you mean "person"?`},
		"label threshold":     {"labels=person:2", "", photo, 400, "bad-parameter", `label "person"`},
		"no label":            {"labels=:0.5", "", photo, 400, "bad-parameter", "no label"},
		"unknown model":       {"model=fak", "", photo, 404, "unknown-model", `did you mean "fake"?`},
		"regions text":        {"regions=all", "", photo, 400, "bad-parameter", "regions"},
		"region box":          {"regions=[{}]", "", photo, 400, "bad-parameter", "no box"},
		"region outside":      {"regions=[{%22box%22:[0,0,2,1]}]", "", photo, 400, "bad-parameter", "fraction"},
		"region empty":        {"regions=[{%22box%22:[0.5,0,0.5,1]}]", "", photo, 400, "bad-parameter", "empty"},
		"region match":        {"regions=[{%22box%22:[0,0,1,1],%22match%22:%22centre%22}]", "", photo, 400, "bad-parameter", `did you mean "center"?`},
		"region key":          {"regions=[{%22bax%22:[0,0,1,1]}]", "", photo, 400, "bad-parameter", `did you mean "box"?`},
		"form field":          {"", formType, form.Bytes(), 400, "bad-form", `"photo"`},
		"form without photo":  {"", noPhotoType, noPhoto.Bytes(), 400, "empty-body", "no picture in the form"},
		"form unknown field":  {"", badFieldType, badField.Bytes(), 400, "bad-parameter", `did you mean "threshold"?`},
		"form empty photo":    {"", emptyType, empty.Bytes(), 400, "empty-body", "no bytes"},
		"form too many":       {"", threeType, three.Bytes(), 400, "bad-form", "more than 2 pictures"},
		"form cut":            {"", wholeType, cut, 400, "bad-form", "ends before"},
		"form no boundary":    {"", "multipart/form-data", photo, 400, "bad-form", "boundary"},
		"form wrong boundary": {"", "multipart/form-data; boundary=zzz", whole.Bytes(), 400, "empty-body", "no picture in the form"},
		"form empty":          {"", "multipart/form-data; boundary=zzz", nil, 400, "empty-body", "no picture in the form"},
		"json empty":          {"", js, nil, 400, "empty-body", "no JSON"},
		"json no picture":     {"", js, []byte(`{}`), 400, "empty-body", "no picture in the JSON"},
		"json empty picture":  {"", js, []byte(`{"image":""}`), 400, "empty-body", "no bytes"},
		"json broken":         {"", js, []byte(`{"image":}`), 400, "bad-json", "byte 10"},
		"json cut":            {"", js, []byte(`{"image":"abc`), 400, "bad-json", "ends too early"},
		"json list":           {"", js, []byte(`[1]`), 400, "bad-json", "the whole must be an object, not array"},
		"json trailing":       {"", js, []byte(`{"image":"` + b64(photo) + `"} {}`), 400, "bad-json", "more after the end"},
		"json unknown key":    {"", js, []byte(`{"imaga":"` + b64(photo) + `"}`), 400, "bad-json", `unknown key "imaga", did you mean "image"?`},
		"json number":         {"", js, []byte(`{"image":7}`), 400, "bad-json", "base64 text"},
		"json not base64":     {"", js, []byte(`{"image":"%%%"}`), 400, "bad-json", "not valid base64"},
		"json address":        {"", js, []byte(`{"image":"http://127.0.0.1/x.jpg"}`), 415, "not-an-image", "no files or connections"},
		"json file":           {"", js, []byte(`{"image":"file:///etc/passwd"}`), 415, "not-an-image", "no files or connections"},
		"json data, no b64":   {"", js, []byte(`{"image":"data:image/svg+xml,<svg/>"}`), 400, "bad-json", "data: URI"},
		"json threshold":      {"", js, []byte(`{"image":"` + b64(photo) + `","threshold":"x"}`), 400, "bad-json", "threshold must be a number, not string"},
		"json threshold 2":    {"", js, []byte(`{"image":"` + b64(photo) + `","threshold":2}`), 400, "bad-parameter", "from 0 to 1"},
		"json label type":     {"", js, []byte(`{"image":"` + b64(photo) + `","labels":7}`), 400, "bad-json", "labels must be"},
		"json label":          {"", js, []byte(`{"image":"` + b64(photo) + `","labels":["cart"]}`), 400, "unknown-label", `did you mean "car"?`},
		"json deep":           {"", js, bytes.Repeat([]byte(`[`), 1<<19), 400, "bad-json", "depth"},
		"json deep object":    {"", js, bytes.Repeat([]byte(`{"regions":`), 1<<15), 400, "bad-json", "depth"},
		"json text picture":   {"", js, []byte(`{"image":"aGVsbG8gd29ybGQ="}`), 415, "not-an-image", "not a picture"},
		"json too many":       {"", js, []byte(`{"images":["aaaa","aaaa","aaaa"]}`), 400, "bad-json", "more than 2"},
		"json one empty":      {"", js, []byte(`{"images":["aaaa",""]}`), 400, "empty-body", "picture 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var headers []string
			if tt.contentType == "br" {
				headers = []string{"Content-Encoding", "br"}
			} else if tt.contentType != "" {
				headers = []string{"Content-Type", tt.contentType}
			}
			wantProblem(t, post(s, "/detect?"+tt.query, tt.body, headers...), tt.status, tt.slug, tt.detail)
		})
	}
	if s.budget.Used() != 0 {
		t.Errorf("%d bytes of bodies still held", s.budget.Used())
	}
}

func TestRoutesThatAreNotThere(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	wantProblem(t, call(s, "GET", "/nope", nil), 404, "not-found", "/nope")
	w := call(s, "GET", "/detect", nil)
	wantProblem(t, w, 405, "wrong-method", "use POST")
	if w.Header().Get("Allow") != "POST, OPTIONS" {
		t.Errorf("Allow is %q", w.Header().Get("Allow"))
	}
	w = call(s, "DELETE", "/healthz", nil)
	wantProblem(t, w, 405, "wrong-method", "use GET or HEAD")
	for _, path := range []string{"/healthz", "/readyz", "/healthz/"} {
		if w := call(s, "GET", path, nil); w.Code != 200 || w.Body.String() != `{"status":"ok"}`+"\n" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := call(s, "HEAD", "/healthz", nil); w.Code != 200 {
		t.Errorf("HEAD /healthz: %d", w.Code)
	}
}

func TestDetectAppliesEXIFOrientation(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := withOrientation(jpegOf(t, 80, 40), 6)
	w := post(s, "/detect", photo)
	var got Result
	decodeAnswer(t, w, &got)
	if got.Width != 40 || got.Height != 80 {
		t.Errorf("%d x %d, want 40 x 80", got.Width, got.Height)
	}
	w = post(s, "/detect", photo, "Accept", "image/png")
	if img, _, err := image.Decode(w.Body); err != nil || img.Bounds().Dx() != 40 {
		t.Errorf("drawn picture is not upright: %v", err)
	}
}

// withOrientation puts an EXIF segment behind a JPEG's first marker.
func withOrientation(jpg []byte, orientation byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00")
	exif = append(exif, orientation, 0, 0, 0, 0, 0, 0)
	segment := append([]byte{0xFF, 0xE1, 0, byte(len(exif) + 2)}, exif...)
	return append(append(append([]byte(nil), jpg[:2]...), segment...), jpg[2:]...)
}

// crcFix recomputes the checksum of a PNG's IHDR.
func crcFix(png []byte) {
	sum := crc32.ChecksumIEEE(png[12:29])
	copy(png[29:33], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// damaged breaks a PNG's IHDR without fixing its checksum.
func damaged(png []byte) []byte {
	bad := append([]byte(nil), png...)
	bad[30] ^= 0xFF
	return bad
}
