package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/riffle/models"
	"example.com/riffle/photo"
)

// low is a threshold at which anything shows something.
const low = "0.0002"

func parsePhotos(t *testing.T, out string) []photoResult {
	t.Helper()
	var list []photoResult
	for line := range strings.Lines(out) {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		var r photoResult
		if err := dec.Decode(&r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, r)
	}
	return list
}

func TestDetectJSON(t *testing.T) {
	dir := put(t, map[string][]byte{"street.jpg": jpegBytes(t, picture(320, 200))})
	file := filepath.Join(dir, "street.jpg")
	r := command(t, "detect", "--json", "--threshold", low, file)
	if r.code != 0 || r.err != "" || strings.Count(r.out, "\n") != 1 {
		t.Fatalf("code %d, stderr %q, %d lines", r.code, r.err, strings.Count(r.out, "\n"))
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(r.out), &raw); err != nil {
		t.Fatal(err)
	}
	want := []string{"detections", "file", "height", "model", "timing_ms", "width"}
	if keys := slices.Sorted(maps.Keys(raw)); !slices.Equal(keys, want) {
		t.Errorf("keys %v, want %v", keys, want)
	}
	first, ok := raw["detections"].([]any)[0].(map[string]any)
	want = []string{"box", "category_id", "label", "score"}
	if keys := slices.Sorted(maps.Keys(first)); !ok || !slices.Equal(keys, want) {
		t.Errorf("keys of a detection %v, want %v", keys, want)
	}
	got := parsePhotos(t, r.out)[0]
	if got.File != file || got.Width != 320 || got.Height != 200 || got.Model != models.Default {
		t.Errorf("file %q, %dx%d, model %q", got.File, got.Width, got.Height, got.Model)
	}
	previous := float32(1)
	for _, o := range got.Detections {
		b := o.Box
		if !(o.Score <= previous && o.Score >= 0.0002) {
			t.Errorf("score %v after %v", o.Score, previous)
		}
		if !(0 <= b[0] && b[0] <= b[2] && b[2] <= 320 && 0 <= b[1] && b[1] <= b[3] && b[3] <= 200) {
			t.Errorf("box %v is not within the photo", b)
		}
		if o.Label == "" || o.CategoryID < 1 || o.CategoryID > 90 {
			t.Errorf("label %q, category %d", o.Label, o.CategoryID)
		}
		previous = o.Score
	}
	for _, stage := range []string{"decode", "network", "total"} {
		if !(got.Timing[stage] > 0 && got.Timing[stage] <= got.Timing["total"]) {
			t.Errorf("timing %q is %v of %v ms", stage, got.Timing[stage], got.Timing["total"])
		}
	}
}

func TestDetectNothingIsAnEmptyList(t *testing.T) {
	dir := put(t, map[string][]byte{"a.jpg": jpegBytes(t, picture(64, 64))})
	r := command(t, "detect", "--json", "-t", "1", dir)
	if r.code != 0 || !strings.Contains(r.out, `"detections":[]`) {
		t.Errorf("code %d, %s", r.code, r.out)
	}
	r = command(t, "detect", "-t", "1", dir)
	if r.code != 0 || !strings.Contains(r.out, "a.jpg: 64x64, nothing found, ") {
		t.Errorf("code %d, %s", r.code, r.out)
	}
}

func TestDetectText(t *testing.T) {
	dir := put(t, map[string][]byte{"a.png": pngBytes(t, picture(320, 200))})
	js := parsePhotos(t, command(t, "detect", dir, "-t", low, "--max-detections", "4", "--json").out)[0]
	r := command(t, "detect", dir, "-t", low, "--max-detections", "4")
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if len(js.Detections) != 4 || len(lines) != 5 {
		t.Fatalf("%d detections, %d lines, want 4 and 5:\n%s", len(js.Detections), len(lines), r.out)
	}
	if !strings.Contains(lines[0], "a.png: 320x200, 4 objects, ") {
		t.Errorf("first line %q", lines[0])
	}
	for i, o := range js.Detections {
		if !strings.HasPrefix(lines[i+1], "  "+o.Label+" ") || len(lines[i+1]) != len(lines[1]) {
			t.Errorf("line %q of %q is not aligned with %q", lines[i+1], o.Label, lines[1])
		}
	}
}

// The README's photo, which anybody can look at.
func TestDetectTheStreet(t *testing.T) {
	r := command(t, "detect", "--json", filepath.Join("..", "..", "docs", "street.jpg"))
	if r.code != 0 {
		t.Fatal(r.err)
	}
	people := 0
	for _, o := range parsePhotos(t, r.out)[0].Detections {
		if o.Label == "person" {
			people++
		}
	}
	if people < 3 {
		t.Errorf("%d people on a street with a dozen", people)
	}
}

func TestDetectGoesOnAfterBrokenPhotos(t *testing.T) {
	good := jpegBytes(t, picture(200, 100))
	// Announces 30,000 x 30,000 pixels and stops there.
	header := []byte("IHDR\x00\x00\x75\x30\x00\x00\x75\x30\x08\x02\x00\x00\x00")
	huge := slices.Concat([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header,
		binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(header)))
	dir := put(t, map[string][]byte{
		"1.jpg": good, "2.jpg": good[:len(good)/2], "3.jpg": []byte("no photo at all"), "4.jpg": nil, "5.jpg": good, "6.png": huge,
	})
	t.Chdir(dir)
	r := command(t, "detect", "--json", ".", "gone.jpg", "-t", low)
	if r.code != 1 {
		t.Errorf("exit code %d, want 1", r.code)
	}
	var seen []string
	for _, p := range parsePhotos(t, r.out) {
		seen = append(seen, p.File)
	}
	if !slices.Equal(seen, []string{"1.jpg", "5.jpg"}) {
		t.Errorf("looked at %v, want 1.jpg and 5.jpg", seen)
	}
	lines := strings.Split(strings.TrimSuffix(r.err, "\n"), "\n")
	want := []string{
		"riffle: 2.jpg: picture cut short", "riffle: 3.jpg: not a picture", "riffle: 4.jpg: not a picture",
		"riffle: 6.png: picture too large", "riffle: gone.jpg: no such file",
	}
	if len(lines) != len(want) {
		t.Fatalf("stderr has %d lines, want %d:\n%s", len(lines), len(want), r.err)
	}
	for i := range want {
		if !strings.HasPrefix(lines[i], want[i]) {
			t.Errorf("stderr line %q, want %q...", lines[i], want[i])
		}
	}
}

func TestDetectStandardInput(t *testing.T) {
	data := pngBytes(t, picture(160, 120))
	r := riffleReading(t, data, "detect", "-", "--json", "-t", low)
	if r.code != 0 {
		t.Fatal(r.err)
	}
	piped := parsePhotos(t, r.out)[0]
	if piped.File != "-" || piped.Width != 160 || piped.Height != 120 {
		t.Errorf("file %q, %dx%d", piped.File, piped.Width, piped.Height)
	}
	dir := put(t, map[string][]byte{"a.png": data})
	read := parsePhotos(t, command(t, "detect", dir, "--json", "-t", low).out)[0]
	if !slices.Equal(piped.Detections, read.Detections) {
		t.Error("standard input and file give different boxes")
	}
	riffleReading(t, []byte("text"), "detect", "-").wantError(t, 1, "-: not a picture")
}

// turned is picture stored lying on its side, with the EXIF tag that says so.
func turned(t *testing.T, upright *image.RGBA) []byte {
	t.Helper()
	size := upright.Bounds().Size()
	stored := image.NewRGBA(image.Rect(0, 0, size.Y, size.X))
	for y := range size.Y {
		for x := range size.X {
			stored.Set(y, size.X-1-x, upright.At(x, y)) // orientation 6: turn clockwise to look at it
		}
	}
	data := jpegBytes(t, stored)
	exif := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00")
	app1 := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return slices.Concat(data[:2], app1, data[2:])
}

func TestDetectTurnsByEXIF(t *testing.T) {
	street, err := os.ReadFile(filepath.Join("..", "..", "docs", "street.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := photo.Decode(street, photo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	upright := photo.Upright(p)
	dir := put(t, map[string][]byte{"turned.jpg": turned(t, upright), "upright.jpg": jpegBytes(t, upright)})
	r := command(t, "detect", "--json", "--out", filepath.Join(dir, "out"), dir, "-t", "0.5")
	got := parsePhotos(t, r.out)
	if len(got) != 2 {
		t.Fatal(r.err)
	}
	size := upright.Bounds().Size()
	for _, p := range got {
		if p.Width != size.X || p.Height != size.Y {
			t.Errorf("%s is %dx%d, want %v", p.File, p.Width, p.Height, size)
		}
		if d := decodeFile(t, filepath.Join(dir, "out", filepath.Base(p.File))).Bounds().Size(); d != size {
			t.Errorf("drawn %s is %v, want %v", p.File, d, size)
		}
	}
	// JPEG blocks lie differently in the turned file, hence no equality.
	if len(got[0].Detections) == 0 || len(got[1].Detections) == 0 {
		t.Fatal("nothing found on the street")
	}
	a, b := got[0].Detections[0], got[1].Detections[0]
	if a.Label != b.Label || iou(a.Box, b.Box) < 0.8 {
		t.Errorf("turned: %v, upright: %v", a, b)
	}
}

func iou(a, b [4]float32) float32 {
	area := func(b [4]float32) float32 { return max(0, b[2]-b[0]) * max(0, b[3]-b[1]) }
	both := area([4]float32{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])})
	return both / (area(a) + area(b) - both)
}

func decodeFile(t *testing.T, path string) image.Image {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return m
}

func TestDetectDraws(t *testing.T) {
	a, b := picture(300, 200), picture(200, 300)
	dir := put(t, map[string][]byte{
		"one/street.png": pngBytes(t, a), "two/street.png": pngBytes(t, b), "two/night.jpg": jpegBytes(t, b),
	})
	t.Chdir(dir)
	before, err := os.ReadFile("one/street.png")
	if err != nil {
		t.Fatal(err)
	}
	r := command(t, "detect", "one", "two", "--out", "out/deep", "-t", low)
	if r.code != 0 || r.err != "" {
		t.Fatalf("code %d, %s", r.code, r.err)
	}
	wantFiles(t, "out/deep", "night.jpg", "street-2.png", "street.png")
	drawn := decodeFile(t, "out/deep/street.png")
	if drawn.Bounds() != a.Bounds() {
		t.Fatalf("drawn picture is %v, the photo %v", drawn.Bounds(), a.Bounds())
	}
	changed := 0
	for y := range 200 {
		for x := range 300 {
			r1, g1, b1, _ := drawn.At(x, y).RGBA()
			r2, g2, b2, _ := a.At(x, y).RGBA()
			if r1 != r2 || g1 != g2 || b1 != b2 {
				changed++
			}
		}
	}
	if changed < 100 {
		t.Errorf("only %d pixels of the PNG differ from the photo", changed)
	}

	// Into the photos' own folder: they stay as they were, and a second run
	// replaces its own drawings.
	for range 2 {
		if r := command(t, "detect", "one/street.png", "--out", "one"); r.code != 0 {
			t.Fatal(r.err)
		}
	}
	wantFiles(t, "one", "street-2.png", "street.png")
	if after, err := os.ReadFile("one/street.png"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the photo was overwritten (%v)", err)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func TestDetectOutThatIsAFile(t *testing.T) {
	dir := put(t, map[string][]byte{"a.png": pngBytes(t, picture(32, 32)), "file": nil})
	t.Chdir(dir)
	command(t, "detect", "a.png", "--out", "file").wantError(t, 1, "--out file: not a directory")
}

func TestDetectLabels(t *testing.T) {
	street := filepath.Join("..", "..", "docs", "street.jpg")
	all := parsePhotos(t, command(t, "detect", street, "--json", "-t", "0.1").out)[0].Detections
	some := parsePhotos(t, command(t, "detect", street, "--json", "-t", "0.1", "--labels", "Car, traffic_light:0.05 ,person:0.5").out)[0].Detections
	var want []object
	for _, o := range all {
		if o.Label == "car" || o.Label == "traffic light" || o.Label == "person" && o.Score >= 0.5 {
			want = append(want, o)
		}
	}
	// Traffic lights from 0.05 to 0.1 are only in the second list.
	some = slices.DeleteFunc(some, func(o object) bool { return o.Label == "traffic light" && o.Score < 0.1 })
	if !slices.Equal(some, want) || len(want) == 0 {
		t.Errorf("got %v\nwant %v", some, want)
	}
	command(t, "detect", street, "--labels", "persn").wantError(t, 2, `--labels: unknown label "persn", did you mean "person"?`)
	command(t, "detect", street, "--labels", "person:2").wantError(t, 2, `--labels: threshold of "person" must be from 0 to 1, not "2"`)
}

func TestDetectModelErrors(t *testing.T) {
	dir := put(t, map[string][]byte{"a.png": pngBytes(t, picture(32, 32)), "broken.safetensors": []byte("no weights"), "cut.safetensors": cutModel(t)})
	t.Chdir(dir)
	command(t, "detect", "a.png", "--model", "riffle-v2-1.5").wantError(t, 1, `did you mean "riffle-v2-1.5x"?`)
	command(t, "detect", "a.png", "--model", "gone.safetensors").wantError(t, 1, "model file gone.safetensors does not exist")
	command(t, "detect", "a.png", "--model", "broken.safetensors").wantError(t, 1, "model broken.safetensors: weights: ")
	command(t, "detect", "a.png", "--model", "cut.safetensors").wantError(t, 1, "cut short")
}

func cutModel(t *testing.T) []byte {
	t.Helper()
	f, err := models.Open("")
	if err != nil {
		t.Fatal(err)
	}
	return f.Data[:len(f.Data)-1]
}

func TestDetectReadsAModelFile(t *testing.T) {
	f, err := models.Open("")
	if err != nil {
		t.Fatal(err)
	}
	dir := put(t, map[string][]byte{"a.png": pngBytes(t, picture(100, 100)), "copy.safetensors": f.Data})
	t.Chdir(dir)
	own := parsePhotos(t, command(t, "detect", "a.png", "--json", "-t", low, "--model", models.Default, "--precision", "float32").out)
	other := parsePhotos(t, command(t, "detect", "a.png", "--json", "-t", low, "--model", "copy.safetensors", "--precision", "float32").out)
	if len(own) != 1 || len(other) != 1 || !slices.Equal(own[0].Detections, other[0].Detections) {
		t.Errorf("embedded: %v\nfile: %v", own, other)
	}
	t.Setenv("RIFFLE_MODEL", "gone")
	command(t, "detect", "a.png").wantError(t, 1, `no model is called "gone"`)
}

func TestPipeClosedEarly(t *testing.T) {
	dir := put(t, map[string][]byte{"a.png": pngBytes(t, picture(64, 64))})
	args := []string{"detect", "--json", "-t", low}
	for range 3 {
		args = append(args, filepath.Join(dir, "a.png"))
	}
	cmd := process(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	err = cmd.Wait()
	if err == nil || errs.Len() > 0 {
		t.Errorf("like other programs riffle should end at once and without a word: %v, stderr %q", err, errs.String())
	}
}
