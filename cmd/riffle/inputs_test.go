package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFindInputs(t *testing.T) {
	dir := put(t, map[string][]byte{
		"b.jpg": nil, "a.PNG": nil, "notes.txt": nil, ".hidden.jpg": nil, "[odd].jpg": nil,
		"sub/c.webp": nil, "sub/.git/d.jpg": nil, "empty/readme": nil,
	})
	t.Chdir(dir)
	for _, c := range []struct {
		args      []string
		recursive bool
		want      []string // a path, or "path! error"
	}{
		{[]string{"-"}, false, []string{"-"}},
		{[]string{"b.jpg", "notes.txt", "b.jpg"}, false, []string{"b.jpg", "notes.txt", "b.jpg"}},
		{[]string{"."}, false, []string{"[odd].jpg", "a.PNG", "b.jpg"}},
		{[]string{"."}, true, []string{"[odd].jpg", "a.PNG", "b.jpg", "sub/c.webp"}},
		{[]string{"[odd].jpg"}, false, []string{"[odd].jpg"}},
		{[]string{"*.jpg"}, false, []string{".hidden.jpg", "[odd].jpg", "b.jpg"}},
		{[]string{"sub*"}, false, []string{"sub*! no file matches this pattern"}},
		{[]string{"*.bmp", "b.jpg"}, false, []string{"*.bmp! no file matches this pattern", "b.jpg"}},
		{[]string{"[x"}, false, []string{"[x! malformed pattern"}},
		{[]string{"gone.jpg"}, false, []string{"gone.jpg! no such file or directory"}},
		{[]string{"empty"}, false, []string{"empty! no photos in this folder (.jpg .jpeg .jpe .jfif .png .gif .webp .bmp .tif .tiff)"}},
	} {
		var got []string
		for _, in := range findInputs(c.args, c.recursive) {
			s := filepath.ToSlash(in.path)
			if in.err != nil {
				s += "! " + in.err.Error()
			}
			got = append(got, s)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("findInputs(%q, %v) = %q, want %q", c.args, c.recursive, got, c.want)
		}
	}
}

func TestOutDirNames(t *testing.T) {
	dir := put(t, map[string][]byte{"in/a.jpg": nil, "in/old-drawing.jpg": nil, "other/a.png": nil})
	t.Chdir(dir)
	inputs := []input{{path: "in/a.jpg"}, {path: "other/a.png"}, {path: "-"}}
	o, err := newOutDir(filepath.Join("new", "out"), inputs)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ photo, ending, want string }{
		{"in/a.jpg", ".jpg", "a.jpg"},
		{"other/a.webp", ".jpg", "a-2.jpg"},
		{"other/A.jpg", ".jpg", "A-3.jpg"},
		{"other/a.png", ".png", "a.png"},
		{"-", ".jpg", "stdin.jpg"},
		{"noending", ".jpg", "noending.jpg"},
	} {
		if got := o.path(c.photo, c.ending); got != filepath.Join("new", "out", c.want) {
			t.Errorf("path(%q, %q) = %q, want %q", c.photo, c.ending, got, c.want)
		}
	}

	// Drawn into the photos' own folder, no photo of the run is overwritten.
	same, err := newOutDir("in", inputs)
	if err != nil {
		t.Fatal(err)
	}
	if got := same.path("in/a.jpg", ".jpg"); got != filepath.Join("in", "a-2.jpg") {
		t.Errorf("beside the photo: %q", got)
	}
	if got := same.path("x/old-drawing.jpg", ".jpg"); got != filepath.Join("in", "old-drawing.jpg") {
		t.Errorf("over a file that is no photo of this run: %q", got)
	}

	if _, err := newOutDir("in/a.jpg", nil); err == nil || err.Error() != "--out in/a.jpg: not a directory" {
		t.Errorf("a file as folder: %v", err)
	}
}

func TestWriteFileIsWholeOrNotThere(t *testing.T) {
	dir := put(t, map[string][]byte{"old": []byte("old content")})
	old := filepath.Join(dir, "old")
	if err := writeFile(old, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(old); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	if err := writeFile(filepath.Join(dir, "gone", "x"), nil); err == nil {
		t.Error("a file in a folder that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(dir, "folder"), nil); err == nil {
		t.Error("a file over a folder")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
