package main

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// importSegmenter makes a model of torchvision's LR-ASPP with random weights.
func importSegmenter(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile("../../testdata/torchvision_lraspp_mobilenet_v3_small.json")
	if err != nil {
		t.Fatal(err)
	}
	var v torchvisionModel
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	from, to := filepath.Join(dir, "from.safetensors"), filepath.Join(dir, "seg.safetensors")
	checkpointOf(t, v.Shapes, from, nil)
	r := command(t, "models", "import", from, "--out", to, "--arch", "lraspp_mobilenet_v3_small_stride32", "--classes", "a,b,c,d")
	if r.code != 0 || !strings.Contains(r.out, "riffle segment PHOTO --out DIR --model "+to) {
		t.Fatalf("code %d, %s%s", r.code, r.out, r.err)
	}
	return to
}

// TestSegmentCommand goes from torchvision's checkpoint to the pictures in a
// folder: the class map is torchvision's, pixel for pixel.
func TestSegmentCommand(t *testing.T) {
	dir := t.TempDir()
	model, photo, out := importSegmenter(t, dir), filepath.Join(dir, "p.png"), filepath.Join(dir, "out")
	putPicture(t, photo)
	r := command(t, "segment", photo, "--model", model, "--out", out, "--json")
	var got segmented
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v: %s", err, r.err)
	}
	if got.Width != 410 || got.Height != 300 || got.Model != "seg" || len(got.Classes) != 5 {
		t.Errorf("%+v", got)
	}
	classes, ok := decodePNG(t, got.Map).(*image.Paletted)
	if !ok || got.Map != filepath.Join(out, "p-classes.png") {
		t.Fatalf("class map %s", got.Map)
	}
	want := decodePNG(t, "../../testdata/torchvision_lraspp_mobilenet_v3_small_picture.png").(*image.Gray)
	pixels, differ := map[uint8]int{}, 0
	for i, c := range want.Pix {
		pixels[classes.Pix[i]]++
		if classes.Pix[i] != c {
			differ++
		}
	}
	if differ > 12 {
		t.Errorf("%d pixels have another class than torchvision's", differ)
	}
	for _, c := range got.Classes {
		if c.Pixels != pixels[uint8(c.ID)] || c.Label != []string{"background", "a", "b", "c", "d"}[c.ID] {
			t.Errorf("%+v, the map has %d pixels", c, pixels[uint8(c.ID)])
		}
	}
	if overlay := decodePNG(t, got.Overlay); overlay.Bounds() != image.Rect(0, 0, 410, 300) {
		t.Errorf("overlay of %v", overlay.Bounds())
	}
	if text := command(t, "segment", photo, "--model", model).out; !strings.Contains(text, "p.png: 410x300, 5 classes") || !strings.Contains(text, " %") {
		t.Errorf("without --json: %s", text)
	}
}

func decodePNG(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestModelsOfAnotherKind wants the error to name the command that runs them.
func TestModelsOfAnotherKind(t *testing.T) {
	dir := t.TempDir()
	model, photo := importSegmenter(t, dir), filepath.Join(dir, "p.png")
	putPicture(t, photo)
	command(t, "detect", photo, "--model", model).wantError(t, 1, `"seg" is a segmenter: use riffle segment or POST /segment`)
	command(t, "classify", photo, "--model", model).wantError(t, 1, `"seg" is a segmenter: use riffle segment`)
	command(t, "segment", photo, "--model", "riffle-v2-1.5x").wantError(t, 1, `"riffle-v2-1.5x" is a detector: use riffle detect or POST /detect`)
	command(t, "segment", photo).wantError(t, 2, "missing flags: --model=FILE")
	command(t, "segment", filepath.Join(dir, "gone.png"), "--model", model).wantError(t, 1, "gone.png: no such file")
}
