package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asRiffle makes the test binary behave as riffle itself, for what only a
// process of its own can show: signals, pipes, exit codes.
const asRiffle = "RIFFLE_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asRiffle) != "" {
		main()
		return
	}
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "RIFFLE_") && name != "RIFFLE_CPU" {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// process is riffle as a process of its own.
func process(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asRiffle+"=1")
	return cmd
}

type result struct {
	out, err string
	code     int
}

// riffle runs the command line in this process.
func command(t *testing.T, args ...string) result {
	t.Helper()
	return riffleReading(t, nil, args...)
}

func riffleReading(t *testing.T, stdin []byte, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(args, stdio{in: bytes.NewReader(stdin), out: &out, err: &errs})
	return result{out.String(), errs.String(), code}
}

// wantError holds a failed run against the contract: one line on standard
// error with the text, nothing on standard output.
func (r result) wantError(t *testing.T, code int, text string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d (stderr %q)", r.code, code, r.err)
	}
	if !strings.Contains(r.err, text) || !strings.HasPrefix(r.err, "riffle: ") {
		t.Errorf("stderr %q, want \"riffle: ...%s...\"", r.err, text)
	}
	if strings.Count(r.err, "\n") != 1 {
		t.Errorf("stderr is not one line: %q", r.err)
	}
	if r.out != "" {
		t.Errorf("stdout %q, want nothing", r.out)
	}
}

// picture paints shapes that look a bit like things on a street: enough for a
// detector to answer something at a low threshold.
func picture(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := uint8(120 + 60*math.Sin(float64(x)/17)*math.Cos(float64(y)/23))
			m.SetRGBA(x, y, color.RGBA{v, uint8(200 * y / h), 255 - v, 255})
		}
	}
	body := image.Rect(w*2/5, h*2/5, w*3/5, h*9/10)
	draw.Draw(m, body, image.NewUniform(color.RGBA{150, 30, 40, 255}), image.Point{}, draw.Src)
	head := image.Rect(w*45/100, h/4, w*55/100, h*2/5)
	draw.Draw(m, head, image.NewUniform(color.RGBA{230, 180, 150, 255}), image.Point{}, draw.Src)
	return m
}

func jpegBytes(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngBytes(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// put writes files into a fresh folder and returns it.
func put(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
