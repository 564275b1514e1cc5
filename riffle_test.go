package riffle_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/jpeg"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/photo"
)

// Each way in gives an error that a program can tell apart, and keeps its text.
func TestErrorsAreSentinels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.jpg")
	short := filepath.Join(dir, "short.safetensors")
	for path, data := range map[string][]byte{text: []byte("no picture at all"), short: withoutTensor(t)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := riffle.Open("riffle-v2-1.0x-256", riffle.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	detect := func(path string) error { _, err := d.DetectFile(ctx, path, riffle.Filter{}); return err }
	open := func(model string) error { _, err := riffle.Open(model, riffle.Options{}); return err }
	_, wrongKind := riffle.OpenClassifier("", riffle.Options{})
	_, noCheckpoint := riffle.Import(filepath.Join(dir, "gone.pth"), riffle.ImportOptions{})
	for what, c := range map[string]struct {
		err, want error
		text      string
	}{
		"not a picture":   {detect(text), riffle.ErrNotPicture, "not a picture"},
		"no photo":        {detect(filepath.Join(dir, "gone.jpg")), fs.ErrNotExist, "gone.jpg"},
		"unknown model":   {open("riffle-v2-1.5"), riffle.ErrUnknownModel, "did you mean"},
		"no model's file": {open(filepath.Join(dir, "gone.safetensors")), fs.ErrNotExist, "gone.safetensors does not exist"},
		"wrong kind":      {wrongKind, riffle.ErrWrongKind, "is a detector: use riffle detect"},
		"wrong tensor":    {open(short), riffle.ErrWrongTensor, "is missing"},
		"no checkpoint":   {noCheckpoint, fs.ErrNotExist, "gone.pth"},
	} {
		if !errors.Is(c.err, c.want) || c.err == nil || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("%s: %v is not %v with %q", what, c.err, c.want, c.text)
		}
	}
}

// withoutTensor is the small model's file without one of its tensors.
func withoutTensor(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("models/riffle-v2-1.0x-256.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	// Another name of the same length leaves all offsets as they are.
	spoiled := bytes.Replace(data, []byte(`"backbone.conv1.0.weight"`), []byte(`"backbone.conv9.0.weight"`), 1)
	if bytes.Equal(spoiled, data) {
		t.Fatal("the model has no such tensor")
	}
	return spoiled
}

// A file, which is decoded at half its size, and the picture in it show the same.
func TestDetectFile(t *testing.T) {
	t.Parallel()
	d, err := riffle.Open("riffle-v2-1.0x-256", riffle.Options{Precision: riffle.Float32, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	fromFile, err := d.DetectFile(ctx, "docs/street.jpg", riffle.Filter{Threshold: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("docs/street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	fromImage, err := d.Detect(ctx, img, riffle.Filter{Threshold: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if len(fromFile.Detections) < 3 || len(fromFile.Detections) != len(fromImage.Detections) || fromFile.Width != 768 {
		t.Errorf("the file gives %v, its picture %v", fromFile.Detections, fromImage.Detections)
	}
}

// With tiles a file is decoded as large as the tiles need it: both ways in find
// the same.
func TestDetectFileWithTiles(t *testing.T) {
	t.Parallel()
	d, err := riffle.Open("riffle-v2-1.0x-256", riffle.Options{Threads: 1, Precision: riffle.Float32})
	if err != nil {
		t.Fatal(err)
	}
	full, err := photo.Open("docs/street.jpg", photo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := riffle.Filter{Threshold: 0.5, Tiles: detector.Grid(2, 2)}
	want, err := d.Detect(context.Background(), full, f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.DetectFile(context.Background(), "docs/street.jpg", f)
	if err != nil || len(want.Detections) < 5 || !slices.Equal(got.Detections, want.Detections) {
		t.Errorf("%v, %v\nwant %v", got.Detections, err, want.Detections)
	}
}

// Int8 of an embedded model needs nothing but the option.
func TestInt8OfEmbeddedModels(t *testing.T) {
	t.Parallel()
	d, err := riffle.Open("", riffle.Options{Precision: riffle.Int8, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d.Info().Precision != riffle.Int8 {
		t.Errorf("precision %v", d.Info().Precision)
	}
}

// Calibrate counts what it looked at and tells what it could not read.
func TestCalibrate(t *testing.T) {
	t.Parallel()
	var skipped []string
	c, err := riffle.Calibrate(context.Background(), "riffle-v2-1.0x-256", slices.Values([]string{"docs/street.jpg", "README.md"}), photo.Limits{},
		func(path string, _ error) { skipped = append(skipped, path) })
	if err != nil {
		t.Fatal(err)
	}
	if c.Photos != 1 || len(c.Ranges) < 20 || !slices.Equal(skipped, []string{"README.md"}) {
		t.Errorf("%d photos, %d layers, skipped %v", c.Photos, len(c.Ranges), skipped)
	}
	if _, err := modelfile.ReadCalibration(c.JSON()); err != nil {
		t.Error(err)
	}
}

// The program in the README runs as a stranger would run it: in a module of its
// own that knows this one by a replace directive.
func TestTheReadmesProgramOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	if runtime.GOOS == "windows" {
		t.Skip("paths of the replace directive")
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(readme)
	if program == nil {
		t.Fatal("README.md has no Go program")
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	gomod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	module := regexp.MustCompile(`(?m)^module (\S+)$`).FindSubmatch(gomod)[1]
	requires := regexp.MustCompile(`(?ms)^require \(.*?^\)$`).FindAll(gomod, -1)
	outside := "module stranger.example/try\n\ngo 1.26.0\n\nrequire " + string(module) + " v0.0.0\n\nreplace " + string(module) + " => " + here + "\n\n" +
		string(bytes.Join(requires, []byte("\n\n"))) + "\n"
	gosum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"main.go": program[1], "go.mod": []byte(outside), "go.sum": gosum} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "run", "-mod=mod", ".", filepath.Join(here, "docs", "street.jpg"))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^person 0\.\d\d at `).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// The first section of the changelog is that of this version.
func TestVersionIsTheChangelogs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if first := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(text); first == nil || string(first[1]) != riffle.Version {
		t.Errorf("CHANGELOG.md begins with %q, the version is %s", first, riffle.Version)
	}
}
