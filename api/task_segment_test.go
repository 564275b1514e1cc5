package api

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/segmenter"
)

// fakeSegmenter says that the upper half is sky.
type fakeSegmenter struct{}

func (fakeSegmenter) Info() segmenter.Info {
	return segmenter.Info{Name: "halves", Resize: 520, Classes: []modelfile.Class{{ID: 0, Name: "ground"}, {ID: 1, Name: "sky"}}}
}

func (fakeSegmenter) Segment(_ context.Context, photo image.Image) (segmenter.Result, error) {
	size := photo.Bounds().Size()
	m := image.NewPaletted(image.Rectangle{Max: size}, segmenter.Palette(2))
	for i := range size.X * (size.Y / 2) {
		m.Pix[i] = 1
	}
	half := size.X * size.Y / 2
	shares := []segmenter.Share{{Label: "sky", ID: 1, Pixels: half, Share: 0.5}, {Label: "ground", ID: 0, Pixels: half, Share: 0.5}}
	return segmenter.Result{Map: m, Shares: shares, Timing: segmenter.Timing{Network: time.Millisecond}}, nil
}

func withSegmenter(c *Config) {
	c.Models = append(c.Models, Model{Name: "halves", Open: OpenSegmenter(func() (Segmenter, error) { return fakeSegmenter{}, nil }), Workers: 2})
}

func segmentation(t *testing.T, r *httptest.ResponseRecorder) Segmentation {
	t.Helper()
	var s Segmentation
	if r.Code != 200 {
		t.Fatalf("status %d: %s", r.Code, r.Body)
	}
	if err := json.Unmarshal(r.Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSegment(t *testing.T) {
	s := newTestServer(t, &fake{}, withSegmenter)
	photo := jpegOf(t, 80, 40)
	form, formType := formOf(t, formPart{"image", "a.jpg", string(photo)}, formPart{"map", "", "true"})
	for name, c := range map[string]struct {
		r        *httptest.ResponseRecorder
		classMap bool
	}{
		"body":  {post(s, "/segment", photo), false},
		"query": {post(s, "/segment?map=1&model=halves", photo), true},
		"form":  {post(s, "/segment", form.Bytes(), "Content-Type", formType), true},
		"JSON":  {post(s, "/segment", jsonBody(t, map[string]any{"image": b64(photo), "map": true}), "Content-Type", "application/json"), true},
	} {
		got := segmentation(t, c.r)
		if got.Model != "halves" || got.Width != 80 || got.Height != 40 || len(got.Classes) != 2 || got.Classes[0] != (ClassShare{"sky", 1, 1600, 0.5}) {
			t.Errorf("%s: %+v", name, got)
		}
		if _, ok := got.TimingMS["network"]; !ok || got.TimingMS["total"] <= 0 {
			t.Errorf("%s: timing %v", name, got.TimingMS)
		}
		if c.classMap != (got.Map != nil) {
			t.Fatalf("%s: a map of %d bytes", name, len(got.Map))
		}
		if c.classMap {
			checkHalves(t, got.Map)
		}
	}
}

// checkHalves wants the class map of fakeSegmenter as a PNG with a palette.
func checkHalves(t *testing.T, data []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := img.(*image.Paletted)
	if !ok || m.Bounds() != image.Rect(0, 0, 80, 40) || m.ColorIndexAt(79, 19) != 1 || m.ColorIndexAt(0, 20) != 0 {
		t.Errorf("class map %T of %v", img, img.Bounds())
	}
	if m.Palette[1] != (color.RGBA{128, 0, 0, 255}) {
		t.Errorf("colour of class 1: %v", m.Palette[1])
	}
}

func TestSegmentPictures(t *testing.T) {
	s := newTestServer(t, &fake{}, withSegmenter)
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 80, 40))); err != nil {
		t.Fatal(err)
	}
	classes := post(s, "/segment", b.Bytes(), "Accept", "image/png")
	if classes.Code != 200 || classes.Header().Get("Content-Type") != "image/png" {
		t.Fatal(classes.Code, classes.Body)
	}
	checkHalves(t, classes.Body.Bytes())
	for accept, path := range map[string]string{"image/jpeg": "/segment", "image/png": "/segment?show=overlay"} {
		r := post(s, path, b.Bytes(), "Accept", accept)
		if r.Code != 200 || r.Header().Get("Content-Type") != accept {
			t.Fatal(r.Code, r.Body)
		}
		decode := jpeg.Decode
		if accept == "image/png" {
			decode = png.Decode
		}
		img, err := decode(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		sky, _, _, _ := img.At(40, 5).RGBA()
		ground, _, _, _ := img.At(40, 35).RGBA()
		if sky>>8 < 60 || ground>>8 > 10 {
			t.Errorf("%s: red of the sky %d, of the ground %d", accept, sky>>8, ground>>8)
		}
	}
}

func TestSegmentMistakes(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { withClassifier(c); withSegmenter(c) })
	photo := jpegOf(t, 8, 8)
	two, twoType := formOf(t, formPart{"image", "a", string(photo)}, formPart{"image", "b", string(photo)})
	for _, c := range []struct {
		r      *httptest.ResponseRecorder
		status int
		want   string
	}{
		{post(s, "/segment?show=boxes", photo), 400, "show must be classes or overlay"},
		{post(s, "/segment?map=perhaps", photo), 400, "map must be true or false"},
		{post(s, "/segment?top=3", photo), 400, `unknown parameter \"top\"`},
		{post(s, "/segment", jsonBody(t, map[string]any{"image": b64(photo), "show": "x"}), "Content-Type", "application/json"), 400, "show must be"},
		{post(s, "/segment", two.Bytes(), "Content-Type", twoType), 400, "more than 1 pictures"},
		{post(s, "/segment?show=classes", photo, "Accept", "image/jpeg"), 406, "the class map is answered as image/png"},
		{post(s, "/segment", photo, "Accept", "text/plain"), 406, "/segment answers application/json"},
		{post(s, "/segment?model=halvs", photo), 404, `did you mean \"halves\"`},
		{post(s, "/segment?model=fake", photo), 404, `model \"fake\" is a detector: use /detect`},
		{post(s, "/classify?model=halves", photo), 404, `model \"halves\" is a segmenter: use /segment`},
		{post(s, "/detect?model=halves", photo), 404, `use /segment`},
		{post(newTestServer(t, &fake{}, nil), "/segment", photo), 404, "offers no segmenter"},
		{post(s, "/segment", []byte("text")), 415, "not a picture"},
	} {
		if c.r.Code != c.status || !strings.Contains(c.r.Body.String(), c.want) {
			t.Errorf("%d %s, want %d and %q", c.r.Code, c.r.Body, c.status, c.want)
		}
	}
}

// TestRealSegmenter goes through package segmenter.
func TestRealSegmenter(t *testing.T) {
	h := segmenter.Torchvision("mobilenet_v3_small_minimal")
	h.Name, h.Resize, h.OutputStride = "random", 64, 32
	g, err := segmenter.Graph(&h)
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string]nn.Tensor{}
	for _, p := range g.Params() {
		tensors[p.Name] = parity.Tensor(p.Name, p.Shape)
	}
	data, err := modelfile.Write(tensors, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(t, &fake{}, func(c *Config) {
		c.Models = append(c.Models, Model{Name: "random", Open: OpenSegmenter(func() (Segmenter, error) { return segmenter.New(data, segmenter.Options{}) })})
	})
	got := segmentation(t, post(s, "/segment", jpegOf(t, 80, 40)))
	pixels := 0
	for _, c := range got.Classes {
		pixels += c.Pixels
	}
	if pixels != 80*40 {
		t.Errorf("%+v", got)
	}
	var list ModelList
	if err := json.Unmarshal(call(s, "GET", "/models", nil).Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != 2 || list.Models[1].Task != "segment" || len(list.Models[1].Classes) != 21 {
		t.Errorf("models %+v", list.Models)
	}
}
