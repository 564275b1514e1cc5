package api

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/draw"
	"image/jpeg"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/photo"
)

// realServer serves the embedded model, one thread a picture.
func realServer(t testing.TB) (*Server, *detector.Detector) {
	t.Helper()
	file, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	d, err := detector.New(file.Data, detector.Options{Workers: 2, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return newTestServer(t, nil, func(c *Config) {
		c.Models = []Model{{Name: file.Name, Workers: 2, Open: opens(d)}}
	}), d
}

func street(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "street.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestTwentyClientsOfTheTrainedModel asks for the same photo in all three forms
// from twenty clients at once; each answer must be the detector's own.
func TestTwentyClientsOfTheTrainedModel(t *testing.T) {
	s, d := realServer(t)
	jpeg := street(t)
	decoded, err := photo.Decode(jpeg, photo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Detect(context.Background(), decoded, detector.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var want []Detection
	for _, o := range r.Detections {
		want = append(want, Detection{Label: o.Label, CategoryID: o.CategoryID, Score: o.Score, Box: [4]float32{o.Box.X1, o.Box.Y1, o.Box.X2, o.Box.Y2}})
	}
	if len(want) == 0 {
		t.Fatal("the street is empty")
	}
	form, formType := formOf(t, formPart{"image", "street.jpg", string(jpeg)})
	forms := []struct {
		body        []byte
		contentType string
	}{
		{form.Bytes(), formType}, {jpeg, "image/jpeg"}, {jsonBody(t, map[string]any{"image": b64(jpeg)}), "application/json"},
	}
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			f := forms[i%len(forms)]
			w := post(s, "/detect", f.body, "Content-Type", f.contentType)
			var got Result
			if w.Code != 200 {
				t.Errorf("client %d: %d %s", i, w.Code, w.Body)
				return
			}
			decodeAnswer(t, w, &got)
			if !reflect.DeepEqual(got.Detections, want) {
				t.Errorf("client %d: got %+v, want %+v", i, got.Detections, want)
			}
		})
	}
	clients.Wait()
}

// BenchmarkFrigate is the request of Frigate's plugin, a JPEG of 320 x 320, on
// the trained model: its client gives up after 100 ms.
func BenchmarkFrigate(b *testing.B) {
	s, _ := realServer(b)
	img, err := jpeg.Decode(bytes.NewReader(street(b)))
	if err != nil {
		b.Fatal(err)
	}
	small := image.NewRGBA(image.Rect(0, 0, 320, 320))
	draw.Draw(small, small.Rect, img, image.Pt(200, 100), draw.Src)
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, small, nil); err != nil {
		b.Fatal(err)
	}
	body, contentType := frigateForm(buf.Bytes())
	for b.Loop() {
		if w := post(s, "/v1/vision/detection", body, "Content-Type", contentType); w.Code != 200 {
			b.Fatalf("%d %s", w.Code, w.Body)
		}
	}
}

// BenchmarkOverhead is a request to /detect with a detector that costs nothing:
// what the service itself adds to a photo of 640 x 480, decoding included.
func BenchmarkOverhead(b *testing.B) {
	s := newTestServer(b, &fake{}, nil)
	photo := jpegOf(b, 640, 480)
	b.ReportAllocs()
	for b.Loop() {
		if w := post(s, "/detect", photo); w.Code != 200 {
			b.Fatalf("%d", w.Code)
		}
	}
}

// What a request asks for is not cut to the model's usual hundred before it is
// filtered.
func TestMoreDetectionsThanAHundred(t *testing.T) {
	s, _ := realServer(t)
	w := post(s, "/detect?threshold=0&max_detections=1000", street(t))
	var got Result
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Detections) <= 100 {
		t.Errorf("%d, %d detections, %v", w.Code, len(got.Detections), err)
	}
}
