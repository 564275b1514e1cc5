package main

import (
	"os"
	"strings"
	"testing"
)

// A report goes over no input and over nothing that is no report.
func TestReportsOverwriteNothingElse(t *testing.T) {
	t.Chdir(selfMade(t))
	truth, err := os.ReadFile("coco.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("tables", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"notes.txt", "tables/report.json"} {
		if err := os.WriteFile(name, truth, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	eval := func(annotations string, more ...string) result {
		return command(t, append([]string{"eval", "--images", "images", "--annotations", annotations}, more...)...)
	}
	for _, r := range []result{
		eval("coco.json", "--html", "coco.json"), eval("coco.json", "--html", "notes.txt"), eval("tables/report.json", "--tables", "tables"),
	} {
		if r.code != 2 || !strings.Contains(r.err, "would overwrite") {
			t.Errorf("code %d, %q", r.code, r.err)
		}
	}
	for _, name := range []string{"coco.json", "notes.txt", "tables/report.json"} {
		if now, err := os.ReadFile(name); err != nil || string(now) != string(truth) {
			t.Errorf("%s was changed, %v", name, err)
		}
	}
	for range 2 { // its own page is written again
		if r := eval("coco.json", "--html", "page.html", "--tables", "tables2"); r.code != 0 {
			t.Errorf("code %d, %q", r.code, r.err)
		}
	}
}

// Labels of several flags add up.
func TestLabelsAddUp(t *testing.T) {
	r := command(t, "detect", "../../docs/street.jpg", "--labels", "person", "-l", "car", "--precision", "float32")
	if r.code != 0 || !strings.Contains(r.out, "person ") || !strings.Contains(r.out, "car ") {
		t.Errorf("%+v", r)
	}
}
