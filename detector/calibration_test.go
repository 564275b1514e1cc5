package detector

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"riffle/nn"
)

func TestReadCalibrationMistakes(t *testing.T) {
	for text, want := range map[string]string{
		``:                                    "calibration: ",
		`{"format": "1"}`:                     "format",
		`{"format": 2, "ranges": {}}`:         "format 2, want 1",
		`{"format": 1}`:                       "ranges: none",
		`{"format": 1, "ranges": {"a": [1]}}`: "ranges: a: from 1 to 0",
		`{"format": 1, "ranges": {"a": [1, 1e39]}}`: "calibration: ",
		`{"format": 1, "ranges": {"a": [0, 1]}} {}`: "something follows",
	} {
		if _, err := ReadCalibration([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadCalibration(f *testing.F) {
	f.Add([]byte(`{"format": 1, "weights_sha256": "00", "photos": 3, "ranges": {"a": [-1, 2.5]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ReadCalibration(data)
		if err != nil {
			return
		}
		again, err := ReadCalibration(c.JSON())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%+v becomes %+v, %v", c, again, err)
		}
	})
}

// TestCalibratedModel makes a calibration for the shipped weights: it has the
// layers of both stages and belongs to them alone.
func TestCalibratedModel(t *testing.T) {
	files, err := filepath.Glob("../models/*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatal("no model", err)
	}
	weights, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCalibrator(weights)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Calibration(); err == nil {
		t.Error("a calibration without photos")
	}
	photo := image.NewRGBA(image.Rect(0, 0, 200, 150))
	for i := range photo.Pix {
		photo.Pix[i] = uint8(i * i / 977)
	}
	if err := c.See(context.Background(), photo); err != nil {
		t.Fatal(err)
	}
	cal, err := c.Calibration()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadCalibration(cal.JSON())
	if err != nil || !reflect.DeepEqual(read, cal) {
		t.Errorf("read back: %+v, %v", read, err)
	}
	for _, layer := range []string{"backbone.stage2.0.branch2.0", "rpn.pred.3", "roi.fc1"} {
		if r := cal.Ranges[layer]; !(r[1] > r[0]) {
			t.Errorf("%s spans %v", layer, r)
		}
	}
	d, err := New(weights, Options{Workers: 1, Precision: nn.Int8, Calibration: cal})
	if err != nil {
		t.Fatal(err)
	}
	if p := d.Info().Precision; p != nn.Int8 {
		t.Errorf("precision %v", p)
	}
	if _, err := d.Detect(context.Background(), photo); err != nil {
		t.Error(err)
	}
	layers, err := d.Profile(context.Background(), photo)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, l := range layers {
		kinds[l.Kind]++
	}
	if kinds["pointwise"] != 0 || kinds["pointwise int8"] < 60 {
		t.Errorf("kinds of layers: %v", kinds)
	}

	if _, err := New(weights, Options{Precision: nn.Int8}); err == nil || !strings.Contains(err.Error(), "needs a calibration") {
		t.Errorf("without a calibration: %v", err)
	}
	cal.Weights = strings.Repeat("0", 64)
	if _, err := New(weights, Options{Precision: nn.Int8, Calibration: cal}); err == nil || !strings.Contains(err.Error(), "other weights") {
		t.Errorf("with another model's calibration: %v", err)
	}
}
