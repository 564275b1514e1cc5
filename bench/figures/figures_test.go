package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumentsAgree: whatever repeats a figure has the value it was measured as.
func TestDocumentsAgree(t *testing.T) {
	t.Parallel()
	groups, err := readGroups("../..")
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := apply("../..", groups, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w + ": make figures puts it right")
	}
}

// TestWrongFiguresAreFound, and put right.
func TestWrongFiguresAreFound(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		dir + "/places.txt": "# a note\n== doc.md\n| net | {a.AP} | {a.AP50:2} |\n",
		"doc.md":            "before\n| net | 31.0 | 47.12 |\nafter\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	groups := map[string]*group{"a": {Values: map[string]float64{"AP": 32.26, "AP50": 47.123}}}
	for _, write := range []bool{false, true} {
		if wrong, err := apply(root, groups, write); err != nil || len(wrong) != 1 {
			t.Fatalf("%v, %v", wrong, err)
		}
	}
	if wrong, err := apply(root, groups, false); err != nil || len(wrong) != 0 {
		t.Errorf("after writing: %v, %v", wrong, err)
	}
	text, err := os.ReadFile(filepath.Join(root, "doc.md"))
	if err != nil || !strings.Contains(string(text), "before\n| net | 32.3 | 47.12 |\nafter\n") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := apply(root, map[string]*group{}, false); err == nil {
		t.Error("a figure that nobody measured")
	}
}
