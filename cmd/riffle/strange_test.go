package main

import (
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// copyStreet puts the street photo under a name.
func copyStreet(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile("../../docs/street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		data = change(data)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Skipf("this file system takes no such name: %v", err)
	}
}

// A folder behind a link is looked into; what is no file does not stop anybody; and
// what cannot be read is counted.
func TestFoldersOfAllSorts(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	if err := os.Mkdir(real, 0o755); err != nil {
		t.Fatal(err)
	}
	copyStreet(t, filepath.Join(real, "a.jpg"), nil)
	for _, name := range []string{"b.heic", "c.HEIC"} {
		if err := os.WriteFile(filepath.Join(real, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(real, "pipe.jpg"), 0o644); err != nil {
		t.Skip(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err)
	}
	r := command(t, "detect", link, "--model", "riffle-v2-1.0x-256", "--json")
	if r.code != 0 || strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, `a.jpg"`) {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.err, "left out: 2 of a kind that cannot be read (first: b.heic), 1 that are not regular files (first: pipe.jpg)") {
		t.Errorf("stderr %q", r.err)
	}
}

// Names that are not UTF-8 are kept byte for byte, and neither they nor control
// characters reach the terminal.
func TestStrangeNames(t *testing.T) {
	dir := t.TempDir()
	photo, out := filepath.Join(dir, "caf\xe9\x1b[31m,x.jpg"), filepath.Join(dir, "out\xff")
	copyStreet(t, photo, nil)
	r := command(t, "detect", photo, "--out", out, "--model", "riffle-v2-1.0x-256")
	if r.code != 0 || !strings.Contains(r.out, `caf\xe9\x1b[31m,x.jpg: 768x576`) || strings.Contains(r.out, "\x1b") || strings.Contains(r.out, "caf\xe9") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(out, "caf\xe9\x1b[31m,x.jpg")); err != nil {
		t.Error(err)
	}
	r = command(t, "detect", filepath.Join(dir, "gone\xfe\x07.jpg"))
	if r.code != 1 || !strings.Contains(r.err, `gone\xfe\x07.jpg: no such file`) {
		t.Errorf("%+v", r)
	}
}

// A damaged photo has boxes, a warning on standard error and one in the JSON, which
// also says where the drawing went.
func TestDamagedPhotosWarn(t *testing.T) {
	dir := t.TempDir()
	photo := filepath.Join(dir, "cut.jpg")
	copyStreet(t, photo, func(b []byte) []byte { return b[:len(b)*9/10] })
	r := command(t, "detect", photo, "--json", "--out", filepath.Join(dir, "out"))
	var got photoResult
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	if r.code != 0 || len(got.Detections) < 3 || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "data ends too early, ") {
		t.Errorf("code %d, %+v", r.code, got)
	}
	if got.Drawn != filepath.Join(dir, "out", "cut.jpg") {
		t.Errorf("drawn as %q", got.Drawn)
	}
	if !strings.Contains(r.err, "riffle: warning: "+photo+": picture damaged") {
		t.Errorf("stderr %q", r.err)
	}
}

// Drawn pictures are as wide as is asked for, and keep their shape.
func TestOutWidth(t *testing.T) {
	out := t.TempDir()
	r := command(t, "detect", "../../docs/street.jpg", "--out", out, "--out-width", "384")
	f, err := os.Open(filepath.Join(out, "street.jpg"))
	if err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	defer f.Close()
	if c, _, err := image.DecodeConfig(f); err != nil || c.Width != 384 || c.Height != 288 {
		t.Errorf("%d x %d, %v", c.Width, c.Height, err)
	}
}

// Numbers that make no sense are refused, not bent.
func TestWrongNumbersAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"detect", "x.jpg", "--threads", "1000"}, {"classify", "x.jpg", "--model", "m", "--threads", "-1"},
		{"segment", "x.jpg", "--model", "m", "--threads", "1000"}, {"bench", "--arch", "shufflenet_v2_x0.5", "--size", "0"},
	} {
		if r := command(t, args...); r.code != 2 {
			t.Errorf("%v: code %d, %q", args, r.code, r.err)
		}
	}
}

// The limit on memory holds, and can be moved.
func TestMaxPhotoMemory(t *testing.T) {
	copyTo := filepath.Join(t.TempDir(), "a.jpg")
	copyStreet(t, copyTo, nil)
	r := command(t, "detect", copyTo, "--max-photo-memory", "64KiB")
	if r.code != 1 || !strings.Contains(r.err, "picture too large") {
		t.Errorf("%+v", r)
	}
}
