package main

import (
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/riffle/api"
	"example.com/riffle/nn"
)

const (
	tinyClassifier = "../../testdata/tiny_classifier.safetensors"
	tinyPhoto      = "../../testdata/tiny_photo.png"
)

func TestClassify(t *testing.T) {
	code, out, errs := runWith(t, "classify", tinyPhoto, "--model", tinyClassifier, "--top", "2")
	if code != 0 || errs != "" {
		t.Fatal(code, errs)
	}
	lines := strings.Split(out, "\n")
	if !strings.HasPrefix(lines[0], tinyPhoto+": 131x90, ") || !strings.Contains(lines[1], "blue") || !strings.Contains(lines[1], "76.1%") || len(lines) != 4 {
		t.Errorf("output %q", out)
	}
}

func TestClassifyJSON(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.jpg")
	if err := os.WriteFile(text, []byte("no photo"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runWith(t, "classify", tinyPhoto, text, tinyPhoto, "--weights", tinyClassifier, "--json")
	if code != 1 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, text) {
		t.Errorf("code %d, errors %q", code, errs)
	}
	d := json.NewDecoder(strings.NewReader(out))
	n := 0
	for ; d.More(); n++ {
		var r classified
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, c := range r.Classes {
			sum += c.Score
		}
		if r.File != tinyPhoto || r.Model != "tiny" || len(r.Classes) != 5 || r.Classes[0].Label != "blue" || r.Classes[0].ID != 4 || math.Abs(sum-1) > 1e-6 {
			t.Errorf("result %+v", r)
		}
	}
	if n != 2 {
		t.Errorf("%d results", n)
	}
}

func TestClassifyMistakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"classify", tinyPhoto}, 2, "--model"},
		{[]string{"classify", tinyPhoto, "--model", tinyClassifier, "--top", "0"}, 2, "--top must be positive"},
		{[]string{"classify", tinyPhoto, "--model", "riffle-v2-1.5x"}, 1, "is a detector: use riffle detect"},
		{[]string{"detect", tinyPhoto, "--model", tinyClassifier}, 1, "is a classifier: use riffle classify"},
		{[]string{"classify", tinyPhoto, "--model", "nothing.safetensors"}, 1, "does not exist"},
	} {
		code, _, errs := runWith(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: code %d, %q, want %d and %q", c.args, code, errs, c.code, c.want)
		}
	}
}

// TestImportClassifier makes a model of a checkpoint as torchvision writes it
// and asks it.
func TestImportClassifier(t *testing.T) {
	w, err := nn.ReadWeightsFile(tinyClassifier)
	if err != nil {
		t.Fatal(err)
	}
	w.Metadata = nil
	data, err := nn.EncodeWeights(w, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, "out.safetensors")
	if err := os.WriteFile(in, data, 0o644); err != nil {
		t.Fatal(err)
	}
	imported := []string{"models", "import", in, "--arch", "mobilenet_v3_small_x0.1", "--out", out}
	if code, _, errs := runWith(t, imported...); code != 2 || !strings.Contains(errs, "--classes") {
		t.Errorf("five classes without names: %d %q", code, errs)
	}
	imported = append(imported, "--classes", "red,orange,yellow,green,blue")
	if code, _, errs := runWith(t, append(imported, "--resize", "100")...); code != 2 || !strings.Contains(errs, "--resize must be from 224") {
		t.Errorf("resized to 100: %d %q", code, errs)
	}
	code, said, errs := runWith(t, append(imported, "--resize", "232")...)
	if code != 0 || !strings.Contains(said, "riffle classify") {
		t.Fatal(code, said, errs)
	}
	code, said, errs = runWith(t, "classify", tinyPhoto, "--model", out, "--json")
	var r classified
	if err := json.Unmarshal([]byte(said), &r); err != nil || code != 0 || r.Model != "out" || len(r.Classes) != 5 {
		t.Errorf("%d %q %q %v", code, said, errs, err)
	}
}

// TestServeClassifier: a classifier among --model answers /classify; the default
// model answers /detect if nobody names a detector.
func TestServeClassifier(t *testing.T) {
	s := serve(t, "--model", "colours="+tinyClassifier)
	photo, err := os.Open(tinyPhoto)
	if err != nil {
		t.Fatal(err)
	}
	defer photo.Close()
	r, err := http.Post(s.url+"/classify?model=colours", "image/png", photo)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var c api.Classification
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil || r.StatusCode != http.StatusOK || c.Model != "colours" || c.Classes[0].Label != "blue" {
		t.Errorf("%d %+v %v", r.StatusCode, c, err)
	}
	models, err := http.Get(s.url + "/models")
	if err != nil {
		t.Fatal(err)
	}
	defer models.Body.Close()
	var list api.ModelList
	if err := json.NewDecoder(models.Body).Decode(&list); err != nil || len(list.Models) != 2 || list.Models[0].Name != "riffle-v2-1.5x" {
		t.Errorf("%+v %v", list.Models, err)
	}
	r8 := serve(t, "--model", "colours="+tinyClassifier, "--precision", "int8")
	again, err := os.Open(tinyPhoto)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	refused, err := http.Post(r8.url+"/classify?model=colours", "image/png", again)
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Body.Close()
	if refused.StatusCode < 500 {
		t.Errorf("int8 without a calibration: %d", refused.StatusCode)
	}
}

func runWith(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	r := command(t, args...)
	return r.code, r.out, r.err
}
