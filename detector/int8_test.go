package detector

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// TestInt8Model calibrates the shipped weights and runs them: both stages work
// in 8 bits.
func TestInt8Model(t *testing.T) {
	files, err := filepath.Glob("../models/*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatal("no model", err)
	}
	weights, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	photo := image.NewRGBA(image.Rect(0, 0, 200, 150))
	for i := range photo.Pix {
		photo.Pix[i] = uint8(i * i / 977)
	}
	seen := nn.NewCalibrator()
	d, err := New(weights, Options{Workers: 1, Observe: seen.Observe})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Detect(context.Background(), photo, Filter{Threshold: Everything}); err != nil {
		t.Fatal(err)
	}
	cal, err := modelfile.NewCalibration(weights, seen.Ranges(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range []string{"backbone.stage2.0.branch2.0", "rpn.pred.3", "roi.fc1"} {
		if r := cal.Ranges[layer]; !(r[1] > r[0]) {
			t.Errorf("%s spans %v", layer, r)
		}
	}
	if d, err = New(weights, Options{Workers: 1, Precision: nn.Int8, Calibration: cal}); err != nil {
		t.Fatal(err)
	}
	if p := d.Info().Precision; p != nn.Int8 {
		t.Errorf("precision %v", p)
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
}
