package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestDoodsDetectorsAsHomeAssistantReadsThem(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	w := call(s, "GET", "/doods/detectors", nil)
	// As a client sees it: by key, not by our types.
	var got struct {
		Detectors []map[string]any `json:"detectors"`
	}
	decodeAnswer(t, w, &got)
	if w.Code != 200 || len(got.Detectors) != 2 || got.Detectors[0]["name"] != "default" || got.Detectors[1]["name"] != "fake" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, d := range got.Detectors {
		if d["width"] != 352.0 || d["height"] != 352.0 || len(d["labels"].([]any)) != 5 || d["type"] != "riffle" || d["model"] != "fake" {
			t.Errorf("%v", d)
		}
	}
}

// homeAssistant is the body that Home Assistant's integration sends by pydoods.
func homeAssistant(t *testing.T, photo []byte, detect map[string]any) []byte {
	t.Helper()
	return jsonBody(t, map[string]any{
		"data": base64.StdEncoding.EncodeToString(photo), "detector_name": "default", "detect": detect, "id": "",
	})
}

func TestDoodsDetectAsHomeAssistantAsks(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := jpegOf(t, 80, 40)
	w := post(s, "/doods/detect", homeAssistant(t, photo, map[string]any{"*": 50}), "Content-Type", "application/json")
	var got struct {
		Detections []map[string]any `json:"detections"`
		Error      *string          `json:"error"`
	}
	decodeAnswer(t, w, &got)
	if w.Code != 200 || len(got.Detections) != 2 || got.Error != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	car := got.Detections[1]
	for key, want := range map[string]float64{"top": 0, "left": 0.25, "bottom": 0.5, "right": 0.5, "confidence": 60} {
		if v, ok := car[key].(float64); !ok || math.Abs(v-want) > 1e-4 {
			t.Errorf("%s is %v, want %v", key, car[key], want)
		}
	}
	if car["label"] != "car" {
		t.Errorf("label %v", car["label"])
	}

	for _, tt := range []struct {
		detect map[string]any
		want   string
	}{
		{map[string]any{}, "person car dog"},       // the service's own threshold
		{map[string]any{"*": 0}, "person car dog"}, // as Home Assistant asks if none is configured
		{map[string]any{"*": 1}, "person car dog dining table"},
		{map[string]any{"*": "50"}, "person car"},
		{map[string]any{"*": "5,5", "person": "95"}, "car dog dining table"},
		{map[string]any{"person": 95, "*": 5}, "car dog dining table"},
		{map[string]any{"dog": 40, "unicorn": 1}, "dog"},
		{map[string]any{"dining_table": 5}, "dining table"},
	} {
		w := post(s, "/doods/detect", homeAssistant(t, photo, tt.detect))
		var got DoodsResponse
		decodeAnswer(t, w, &got)
		var labels []string
		for _, d := range got.Detections {
			labels = append(labels, d.Label)
		}
		if w.Code != 200 || strings.Join(labels, " ") != tt.want {
			t.Errorf("%v: %d %s", tt.detect, w.Code, w.Body)
		}
	}
}

func TestDoodsRegions(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	body := jsonBody(t, map[string]any{
		"id": "front", "data": b64(jpegOf(t, 80, 40)), "detect": map[string]any{"person": 50},
		"regions": []map[string]any{
			{"id": "a", "top": 0, "left": 0, "bottom": 1, "right": 0.4, "detect": map[string]any{"car": 50}, "covers": true}, // sticks out
			{"id": "b", "top": 0, "left": 0, "bottom": 1, "right": 0.4, "detect": map[string]any{"car": 50}},                 // touches
			{"id": "c", "top": 0.4, "left": 0.4, "bottom": 1, "right": 0.8, "detect": map[string]any{"*": 30}, "covers": true},
		},
	})
	w := post(s, "/doods/detect", body)
	var got DoodsResponse
	decodeAnswer(t, w, &got)
	var have []string
	for _, d := range got.Detections {
		have = append(have, d.Label+":"+d.RegionID)
	}
	if w.Code != 200 || got.ID != "front" || strings.Join(have, " ") != "person: car:b dog:c" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDoodsDrawsOnRequest(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	for ask, format := range map[string]string{"jpeg": "jpeg", ".jpg": "jpeg", "PNG": "png", "image/png": "png", "true": "jpeg"} {
		w := post(s, "/doods/detect", jsonBody(t, map[string]any{"data": b64(jpegOf(t, 80, 40)), "image": ask}))
		var got DoodsResponse
		decodeAnswer(t, w, &got)
		data, err := base64.StdEncoding.DecodeString(got.Image)
		if err != nil {
			t.Fatal(err)
		}
		if _, have, err := image.Decode(bytes.NewReader(data)); err != nil || have != format {
			t.Errorf("%s: got %q, %v", ask, have, err)
		}
	}
}

func TestDoodsImage(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	for ask, format := range map[string]string{"": "jpeg", "png": "png"} {
		w := post(s, "/doods/image", jsonBody(t, map[string]any{"data": b64(jpegOf(t, 80, 40)), "image": ask}))
		img, have, err := image.Decode(w.Body)
		if err != nil || have != format || w.Header().Get("Content-Type") != "image/"+format || img.Bounds().Dx() != 80 {
			t.Errorf("%q: %d %q %v", ask, w.Code, w.Header().Get("Content-Type"), err)
		}
	}
	if w := post(s, "/doods/image", []byte(`{"data":"aGk="}`)); w.Code != 415 || !strings.Contains(w.Body.String(), `"error":"not a picture`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if held := s.budget.Used(); held != 0 {
		t.Errorf("%d bytes still held", held)
	}
}

func TestDoodsErrors(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	photo := b64(jpegOf(t, 80, 40))
	for _, tt := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"data":"` + photo + `","detector_name":"fak"}`, 404, `did you mean "fake"?`},
		{`{"data":"rtsp://127.0.0.1/cam"}`, 415, "no files or connections"},
		{`{"data":"aGVsbG8="}`, 415, "not a picture"},
		{`{}`, 400, "data is empty"},
		{``, 400, "no JSON"},
		{`{"data":7}`, 400, "base64"},
		{`{"data":"` + photo + `","preprocess":["grayscale"]}`, 400, "preprocess"},
		{`{"data":"` + photo + `","detect":{"*":"x"}}`, 400, "must be a number"},
	} {
		w := post(s, "/doods/detect", []byte(tt.body))
		var got DoodsResponse
		decodeAnswer(t, w, &got)
		if w.Code != tt.status || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%.40s: %d %s", tt.body, w.Code, w.Body)
		}
	}
	if w := call(s, "GET", "/doods/stream", nil); w.Code != 426 || w.Header().Get("Upgrade") != "websocket" {
		t.Errorf("a stream without WebSocket: %d", w.Code)
	}
}

func dial(t *testing.T, url string, opts *websocket.DialOptions) (*websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(url, "http:", "ws:", 1), opts) //nolint:bodyclose // the library closes it
	if err == nil {
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return conn, err
}

func sendSocket(t *testing.T, c *websocket.Conn, kind websocket.MessageType, data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := c.Write(ctx, kind, data); err != nil {
		t.Fatal(err)
	}
}

func receiveSocket(t *testing.T, c *websocket.Conn) (DoodsResponse, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var got DoodsResponse
	_, data, err := c.Read(ctx)
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	return got, err
}

func TestDoodsStream(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	url, _ := running(t, s)
	c, err := dial(t, url+"/doods/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	photo := jpegOf(t, 80, 40)
	expect := func(want string) {
		t.Helper()
		got, err := receiveSocket(t, c)
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for _, d := range got.Detections {
			labels = append(labels, d.Label)
		}
		if have := fmt.Sprint(got.ID, got.Error, labels); have != want {
			t.Errorf("got %q, want %q", have, want)
		}
	}
	sendSocket(t, c, websocket.MessageText, jsonBody(t, map[string]any{"id": "cam", "detect": map[string]any{"*": 50}, "data": b64(photo)}))
	expect("cam[person car]")
	sendSocket(t, c, websocket.MessageBinary, photo) // the bare picture, rules as before
	expect("cam[person car]")
	sendSocket(t, c, websocket.MessageText, jsonBody(t, map[string]any{"id": "2", "data": b64(photo)}))
	expect("2[person car]")
	sendSocket(t, c, websocket.MessageText, []byte("no JSON"))
	got, err := receiveSocket(t, c)
	if err != nil || got.Error == "" {
		t.Errorf("got %+v, %v", got, err)
	}
	sendSocket(t, c, websocket.MessageBinary, []byte("no picture"))
	if got, err = receiveSocket(t, c); err != nil || !strings.Contains(got.Error, "not a picture") {
		t.Errorf("got %+v, %v", got, err)
	}
	// Throttled: of two pictures only the first is answered.
	sendSocket(t, c, websocket.MessageText, jsonBody(t, map[string]any{"id": "3", "throttle": 3600, "data": b64(photo), "detect": map[string]any{"dog": 1}}))
	sendSocket(t, c, websocket.MessageText, []byte("no JSON"))
	if got, err = receiveSocket(t, c); err != nil || got.Error == "" {
		t.Errorf("a picture sooner than the throttle allows was answered: %+v, %v", got, err)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 })
}

func TestDoodsDetectOverWebSocket(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	url, stop := running(t, s)
	c, err := dial(t, url+"/doods/detect", nil)
	if err != nil {
		t.Fatal(err)
	}
	var want, have []string
	for i := range 10 {
		id := fmt.Sprint("r", i)
		want = append(want, id)
		sendSocket(t, c, websocket.MessageText, jsonBody(t, map[string]any{"id": id, "data": b64(jpegOf(t, 80, 40)), "detect": map[string]any{"*": 50}}))
	}
	for range 10 {
		got, err := receiveSocket(t, c)
		if err != nil || len(got.Detections) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		have = append(have, got.ID)
	}
	sort.Strings(have)
	if strings.Join(have, " ") != strings.Join(want, " ") {
		t.Errorf("answers %v", have)
	}
	// A stopping server says goodbye.
	done := make(chan error, 1)
	go func() { done <- stop() }()
	if _, err := receiveSocket(t, c); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("got %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s.streams.begin(); !s.streams.over {
		t.Error("streams begin after the end")
	}
}

func TestWebSocketKeepsForeignPagesOut(t *testing.T) {
	url, _ := running(t, newTestServer(t, &fake{}, nil))
	evil := &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}
	if _, err := dial(t, url+"/doods/stream", evil); err == nil {
		t.Error("a page of another origin opened a WebSocket")
	}
	url, _ = running(t, newTestServer(t, &fake{}, func(c *Config) { c.AllowedOrigins = []string{"https://evil.example"} }))
	if _, err := dial(t, url+"/doods/stream", evil); err != nil {
		t.Errorf("an allowed page: %v", err)
	}
	url, _ = running(t, newTestServer(t, &fake{}, func(c *Config) { c.APIKeys = []string{"k"} }))
	if _, err := dial(t, url+"/doods/stream", nil); err == nil {
		t.Error("a WebSocket without a key")
	}
	if _, err := dial(t, url+"/doods/stream", &websocket.DialOptions{HTTPHeader: http.Header{"Doods-Auth-Key": {"k"}}}); err != nil {
		t.Errorf("a WebSocket with its key: %v", err)
	}
}

func TestWebSocketMessageTooLarge(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.MaxBody = 100 << 10 })
	url, _ := running(t, s)
	c, err := dial(t, url+"/doods/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = c.Write(ctx, websocket.MessageBinary, make([]byte, 1<<20))
	if got, err := receiveSocket(t, c); err == nil && !strings.Contains(got.Error, "body of more than") {
		t.Errorf("a large message was answered with %+v", got)
	}
	if _, err := receiveSocket(t, c); err == nil {
		t.Error("the connection is still open")
	}
	eventually(t, "nothing held", func() bool { return s.budget.Used() == 0 })
}
