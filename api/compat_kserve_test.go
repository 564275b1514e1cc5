package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestKServeHealthAndMetadata(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.Version = "1.2" })
	for path, want := range map[string]string{
		"/v2":                              `{"name":"riffle","version":"1.2","extensions":["binary_tensor_data","model_configuration","model_repository","statistics"]}`,
		"/v2/health/live":                  `{"live":true}`,
		"/v2/health/ready":                 `{"ready":true}`,
		"/v2/models/fake/ready":            `{"name":"fake","ready":true}`,
		"/v2/models/fake/versions/1/ready": `{"name":"fake","ready":true}`,
	} {
		if w := call(s, "GET", path, nil); w.Code != 200 || w.Body.String() != want+"\n" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	w := call(s, "GET", "/v2/models/fake", nil)
	var got KServeModel
	decodeAnswer(t, w, &got)
	if w.Code != 200 || got.Name != "fake" || len(got.Inputs) != 1 || len(got.Outputs) != len(kserveOutputs) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for i, o := range got.Outputs {
		if o.Name != kserveOutputs[i] {
			t.Errorf("output %d is %q, want %q", i, o.Name, kserveOutputs[i])
		}
	}
	for _, path := range []string{"/v2/models/none", "/v2/models/none/ready", "/v2/models/fake/versions/2", "/v2/nothing"} {
		if w := call(s, "GET", path, nil); w.Code != 404 || !strings.HasPrefix(w.Body.String(), `{"error":"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// tensors reads an answer's outputs, JSON or binary, into plain values.
func tensors(t *testing.T, header string, body []byte) map[string][]any {
	t.Helper()
	text, rest := body, []byte(nil)
	if header != "" {
		n, err := strconv.Atoi(header)
		if err != nil {
			t.Fatal(err)
		}
		text, rest = body[:n], body[n:]
	}
	var answer struct {
		Outputs []struct {
			Name, Datatype string
			Shape          []int
			Data           []any
			Parameters     map[string]int
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out := map[string][]any{}
	for _, o := range answer.Outputs {
		if size, ok := o.Parameters["binary_data_size"]; ok {
			o.Data = []any{}
			for raw := rest[:size]; len(raw) > 0; {
				switch o.Datatype {
				case "FP32":
					var v float32
					_, _ = binary.Decode(raw, binary.LittleEndian, &v)
					o.Data, raw = append(o.Data, float64(v)), raw[4:]
				case "INT64":
					o.Data, raw = append(o.Data, float64(binary.LittleEndian.Uint64(raw))), raw[8:]
				case "BYTES":
					n := binary.LittleEndian.Uint32(raw)
					o.Data, raw = append(o.Data, string(raw[4:4+n])), raw[4+n:]
				}
			}
			rest = rest[size:]
		}
		count := 1
		for _, d := range o.Shape {
			count *= d
		}
		if count != len(o.Data) {
			t.Errorf("%s: shape %v, %d elements", o.Name, o.Shape, len(o.Data))
		}
		out[o.Name] = o.Data
	}
	if len(rest) != 0 {
		t.Errorf("%d bytes after the last output", len(rest))
	}
	return out
}

func kserveBody(t *testing.T, inBinary bool, extra map[string]any, photos ...[]byte) (body []byte, header string) {
	t.Helper()
	input := map[string]any{"name": "image", "datatype": "BYTES", "shape": []int{len(photos)}}
	var tail []byte
	if inBinary {
		for _, p := range photos {
			tail = append(binary.LittleEndian.AppendUint32(tail, uint32(len(p))), p...)
		}
		input["parameters"] = map[string]any{"binary_data_size": len(tail)}
	} else {
		var data []string
		for _, p := range photos {
			data = append(data, b64(p))
		}
		input["data"] = data
	}
	req := map[string]any{"id": "7", "inputs": []any{input}}
	for k, v := range extra {
		req[k] = v
	}
	text := jsonBody(t, req)
	if inBinary {
		header = strconv.Itoa(len(text))
	}
	return append(text, tail...), header
}

func TestKServeInfer(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	a, b := jpegOf(t, 80, 40), pngOf(t, 40, 80)
	want := map[string][]any{
		"labels": {"person", "car", "person", "car"}, "category_ids": {1.0, 3.0, 1.0, 3.0},
		"counts": {2.0, 2.0}, "sizes": {80.0, 40.0, 40.0, 80.0},
		"boxes": {0.0, 0.0, 20.0, 40.0, 20.0, 0.0, 40.0, 20.0, 0.0, 0.0, 10.0, 80.0, 10.0, 0.0, 20.0, 40.0},
	}
	for _, binaryIn := range []bool{false, true} {
		for _, binaryOut := range []bool{false, true} {
			name := fmt.Sprint("binary in ", binaryIn, ", out ", binaryOut)
			body, header := kserveBody(t, binaryIn, map[string]any{
				"parameters": map[string]any{"threshold": 0.5, "binary_data_output": binaryOut},
			}, a, b)
			headers := []string{"Content-Type", "application/octet-stream"}
			if header != "" {
				headers = append(headers, kserveHeader, header)
			}
			w := post(s, "/v2/models/fake/infer", body, headers...)
			if w.Code != 200 || !strings.Contains(w.Body.String(), `"id":"7","model_name":"fake","model_version":"1"`) {
				t.Fatalf("%s: %d %q", name, w.Code, w.Body)
			}
			if (w.Header().Get(kserveHeader) != "") != binaryOut {
				t.Errorf("%s: header %q", name, w.Header().Get(kserveHeader))
			}
			got := tensors(t, w.Header().Get(kserveHeader), bytes.TrimSuffix(w.Body.Bytes(), []byte("\n")))
			for k, v := range want {
				if !reflect.DeepEqual(got[k], v) {
					t.Errorf("%s: %s is %v, want %v", name, k, got[k], v)
				}
			}
			if len(got["scores"]) != 4 {
				t.Errorf("%s: scores %v", name, got["scores"])
			}
		}
	}
	// Chosen outputs, one of them binary, and nothing found.
	body, _ := kserveBody(t, false, map[string]any{
		"parameters": map[string]any{"threshold": 1},
		"outputs":    []any{map[string]any{"name": "counts"}, map[string]any{"name": "boxes", "parameters": map[string]any{"binary_data": true}}},
	}, a)
	w := post(s, "/v2/models/fake/versions/1/infer", body)
	got := tensors(t, w.Header().Get(kserveHeader), w.Body.Bytes())
	if len(got) != 2 || !reflect.DeepEqual(got["counts"], []any{0.0}) || len(got["boxes"]) != 0 {
		t.Errorf("%d %v", w.Code, got)
	}
}

func TestKServeErrors(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := jpegOf(t, 80, 40)
	good, goodHeader := kserveBody(t, true, nil, photo)
	text, _ := kserveBody(t, false, nil, photo, []byte("text"))
	output, _ := kserveBody(t, false, map[string]any{"outputs": []any{map[string]any{"name": "boxs"}}}, photo)
	threshold, _ := kserveBody(t, false, map[string]any{"parameters": map[string]any{"threshold": 3}}, photo)
	in := func(s string) []byte { return []byte(`{"inputs":[` + s + `]}`) }
	for name, tt := range map[string]struct {
		path, header string
		body         []byte
		status       int
		want         string
	}{
		"unknown model":  {"none", "", good, 404, "no model"},
		"header too big": {"fake", "99999999", good, 400, "does not fit"},
		"header text":    {"fake", "x", good, 400, "does not fit"},
		"header short":   {"fake", "10", good, 400, "JSON ends too early"},
		"cut":            {"fake", goodHeader, good[:len(good)-1], 400, "bytes follow"},
		"not a picture":  {"fake", "", text, 415, "picture 2: not a picture"},
		"no input":       {"fake", "", []byte(`{}`), 400, "0 inputs"},
		"wrong input":    {"fake", "", in(`{"name":"x"}`), 400, `no input "x"`},
		"wrong type":     {"fake", "", in(`{"name":"image","datatype":"FP32"}`), 400, "want BYTES"},
		"no data":        {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[1]}`), 400, "neither data"},
		"large shape":    {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[9999999999]}`), 400, "want 1 to 32"},
		"large product":  {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[30,30]}`), 400, "at most 32"},
		"negative shape": {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[-1]}`), 400, "want 1 to 32"},
		"wrong count":    {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[2],"data":["aGk="]}`), 400, "announces 2 pictures, but there are 1"},
		"empty picture":  {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[1],"data":[""]}`), 400, "no bytes"},
		"bad base64":     {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[1],"data":["%"]}`), 400, "base64"},
		"bad length":     {"fake", "", in(`{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":5}}`), 400, "bytes follow"},
		"bad output":     {"fake", "", output, 400, `did you mean "boxes"?`},
		"bad threshold":  {"fake", "", threshold, 400, "from 0 to 1"},
	} {
		var headers []string
		if tt.header != "" {
			headers = []string{kserveHeader, tt.header}
		}
		w := post(s, "/v2/models/"+tt.path+"/infer", tt.body, headers...)
		var got KServeError
		decodeAnswer(t, w, &got)
		if w.Code != tt.status || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	// Lengths within the binary data that lie.
	for _, tail := range []string{"\x01", "\xff\xff\xff\xff\x00"} {
		text := fmt.Sprintf(`{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":%d}}]}`, len(tail))
		w := post(s, "/v2/models/fake/infer", []byte(text+tail), kserveHeader, strconv.Itoa(len(text)))
		if w.Code != 400 || !strings.Contains(w.Body.String(), "binary data ends within") {
			t.Errorf("%q: %d %s", tail, w.Code, w.Body)
		}
	}
}
