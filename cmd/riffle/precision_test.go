package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/riffle"
	"example.com/riffle/models"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

var street = filepath.Join("..", "..", "docs", "street.jpg")

// wantAlike wants every sure object of one list in the other.
func wantAlike(t *testing.T, got, want []object) {
	t.Helper()
	sure := 0
	for _, w := range want {
		if w.Score < 0.6 {
			continue
		}
		sure++
		found := false
		for _, g := range got {
			found = found || g.Label == w.Label && iou(g.Box, w.Box) > 0.8 && g.Score > w.Score-0.15
		}
		if !found {
			t.Errorf("%s %.2f at %v is missing", w.Label, w.Score, w.Box)
		}
	}
	if sure < 3 {
		t.Errorf("%d sure objects to compare", sure)
	}
}

func TestDetectInt8(t *testing.T) {
	t.Setenv("RIFFLE_SIZE", "352")
	want := parsePhotos(t, command(t, "detect", "--json", "--precision", "float32", street).out)[0].Detections
	r := command(t, "detect", "--json", "--precision", "int8", street)
	if r.code != 0 || r.err != "" {
		t.Fatal(r.code, r.err)
	}
	got := parsePhotos(t, r.out)[0].Detections
	wantAlike(t, got, want)
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		same = got[i].Score == want[i].Score
	}
	if same {
		t.Error("the very same scores: was it int8?")
	}
	t.Setenv("RIFFLE_PRECISION", "int8")
	if by := parsePhotos(t, command(t, "detect", "--json", street).out)[0].Detections; len(by) != len(got) || by[0] != got[0] {
		t.Errorf("RIFFLE_PRECISION gives %v, --precision %v", by, got)
	}
	command(t, "detect", "--precision", "int4", street).wantError(t, 2, `--precision must be one of "auto","float32","bf16","int8"`)
}

func TestDetectBF16(t *testing.T) {
	t.Setenv("RIFFLE_CPU", "generic") // what every processor has
	want := parsePhotos(t, command(t, "detect", "--json", street).out)[0].Detections
	r := command(t, "detect", "--json", "--precision", "bf16", street)
	if r.code != 0 {
		t.Fatal(r.err)
	}
	wantAlike(t, parsePhotos(t, r.out)[0].Detections, want)
	for _, cpu := range nn.ISAs() {
		if cpu == "avx2" || cpu == "neon" {
			t.Setenv("RIFFLE_CPU", cpu)
			command(t, "detect", "--precision", "bf16", street).wantError(t, 1, "bf16 needs the instructions AVX512_BF16")
		}
	}
}

// A calibration belongs to the weights beside it.
func TestEmbeddedCalibrations(t *testing.T) {
	for _, name := range models.List() {
		file, err := models.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if file.Calibration == nil {
			if name == models.Default {
				t.Errorf("%s has no calibration", name)
			}
			continue
		}
		if _, err := riffle.Open(name, riffle.Options{Precision: nn.Int8}); err != nil {
			t.Error(err)
		}
	}
}

func TestCalibrate(t *testing.T) {
	f, err := models.Open("")
	if err != nil {
		t.Fatal(err)
	}
	photo, err := os.ReadFile(street)
	if err != nil {
		t.Fatal(err)
	}
	dir := put(t, map[string][]byte{"mine.safetensors": f.Data, "photos/a.jpg": photo, "photos/b.jpg": photo, "photos/c.jpg": []byte("no photo"), "empty/x.txt": nil})
	t.Chdir(dir)
	detect := func() result {
		return command(t, "detect", "--json", "--model", "mine.safetensors", "--precision", "int8", "photos/a.jpg")
	}
	detect().wantError(t, 1, "model mine.safetensors: int8 needs a calibration; riffle models calibrate makes one")

	r := command(t, "models", "calibrate", "mine.safetensors", "--images", "photos")
	if r.code != 0 || !strings.Contains(r.out, "mine.int8.json: ") || !strings.Contains(r.out, "2 photos") || !strings.Contains(r.err, "c.jpg") {
		t.Fatalf("%+v", r)
	}
	want := parsePhotos(t, command(t, "detect", "--json", "--model", models.Default, "--precision", "float32", "photos/a.jpg").out)[0].Detections
	r = detect()
	if r.code != 0 {
		t.Fatal(r.err)
	}
	wantAlike(t, parsePhotos(t, r.out)[0].Detections, want)

	var c modelfile.Calibration
	text, err := os.ReadFile("mine.int8.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Photos != 2 || len(c.Ranges) < 60 {
		t.Errorf("%d photos, %d layers, %v", c.Photos, len(c.Ranges), err)
	}
	if err := os.WriteFile("mine.int8.json", []byte(strings.Replace(string(text), c.Tensors, "00", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	detect().wantError(t, 1, "made for other weights")
	if r := command(t, "detect", "--json", "--model", "mine.safetensors", "photos/a.jpg"); r.code != 0 || !slices.Equal(parsePhotos(t, r.out)[0].Detections, want) {
		t.Errorf("not float32 where the calibration does not fit: %s", r.err)
	}
	if err := os.WriteFile("mine.int8.json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	detect().wantError(t, 1, "mine.int8.json: calibration: ")

	command(t, "models", "calibrate", "--images", "empty").wantError(t, 1, "no photos in this folder")
	command(t, "models", "calibrate", "--images", "gone").wantError(t, 1, "--images gone: no such file")
	command(t, "models", "calibrate", "--images", "photos", "--photos", "0").wantError(t, 2, "--photos must be positive")
	command(t, "models", "calibrate").wantError(t, 2, "--images")
}

func TestClassifyInt8(t *testing.T) {
	weights, err := os.ReadFile(tinyClassifier)
	if err != nil {
		t.Fatal(err)
	}
	photo, err := os.ReadFile(tinyPhoto)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(put(t, map[string][]byte{"tiny.safetensors": weights, "photos/a.png": photo}))
	classify := []string{"classify", "photos/a.png", "--model", "tiny.safetensors", "--json"}
	int8s := append(slices.Clone(classify), "--precision", "int8")
	command(t, int8s...).wantError(t, 1, "int8 needs a calibration")
	if r := command(t, "models", "calibrate", "tiny.safetensors", "--images", "photos"); r.code != 0 {
		t.Fatal(r.err)
	}
	var want, got classified
	for into, args := range map[*classified][]string{&want: append(slices.Clone(classify), "--precision", "float32"), &got: int8s} {
		r := command(t, args...)
		if err := json.Unmarshal([]byte(r.out), into); err != nil {
			t.Fatal(err, r.err)
		}
	}
	if got.Classes[0].Label != want.Classes[0].Label || math.Abs(got.Classes[0].Score-want.Classes[0].Score) > 0.1 || got.Classes[0].Score == want.Classes[0].Score {
		t.Errorf("int8: %+v, float32: %+v", got.Classes, want.Classes)
	}
}

func TestSpread(t *testing.T) {
	names := strings.Split("abcdefghij", "")
	for n, want := range map[int]string{1: "a", 3: "adg", 5: "acegi", 10: "abcdefghij", 99: "abcdefghij"} {
		if got := strings.Join(spread(names, n), ""); got != want {
			t.Errorf("%d of %v: %s, want %s", n, names, got, want)
		}
	}
}

func TestBenchInt8(t *testing.T) {
	for _, arch := range []string{"shufflenet_v1_x0.5_g3", "shufflenet_v2_x0.5", models.Default} {
		r := command(t, "bench", "--arch", arch, "--precision", "int8", "--runs", "1", "--layers", "--json")
		var b benchResult
		if err := json.Unmarshal([]byte(r.out), &b); err != nil {
			t.Fatalf("%v: %s", err, r.err)
		}
		if b.Precision != "int8" {
			t.Errorf("%s: precision %q", arch, b.Precision)
		}
		int8s := 0
		for _, l := range b.Layers {
			if l.Kind == "pointwise int8" {
				int8s++
			}
		}
		if int8s < 20 {
			t.Errorf("%s: %d layers in int8", arch, int8s)
		}
	}
	if r := command(t, "bench", "--arch", "shufflenet_v2_x0.5", "--size", "64", "--precision", "int8", "--runs", "1"); !strings.Contains(r.out, ", int8, ") {
		t.Errorf("the text does not say int8: %s", r.out)
	}
}
