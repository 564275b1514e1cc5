package models

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDefaultIsEmbedded(t *testing.T) {
	if !slices.Contains(List(), Default) {
		t.Fatalf("default model %q is not among the embedded: %v", Default, List())
	}
	byDefault, err := Open("")
	if err != nil {
		t.Fatal(err)
	}
	byName, err := Open(Default)
	if err != nil {
		t.Fatal(err)
	}
	if byDefault.Name != Default || !byDefault.Embedded || len(byDefault.Data) == 0 || len(byDefault.Data) != len(byName.Data) {
		t.Errorf("Open(\"\") = %q, embedded %v, %d bytes; Open(%q) has %d bytes",
			byDefault.Name, byDefault.Embedded, len(byDefault.Data), Default, len(byName.Data))
	}
}

func TestOpenReadsFiles(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"mine.safetensors", "mine"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte("weights"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, name := range []string{filepath.Join(dir, "mine.safetensors"), "mine.safetensors", "./mine", "mine"} {
		f, err := Open(name)
		if err != nil {
			t.Errorf("Open(%q): %v", name, err)
			continue
		}
		if f.Name != "mine" || f.Embedded || string(f.Data) != "weights" {
			t.Errorf("Open(%q) = %q, embedded %v, data %q", name, f.Name, f.Embedded, f.Data)
		}
	}
}

func TestEmbeddedNameWinsOverAFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, Default), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if f, err := Open(Default); err != nil || !f.Embedded {
		t.Errorf("Open(%q) = embedded %v, %v", Default, f.Embedded, err)
	}
	if f, err := Open("./" + Default); err != nil || f.Embedded {
		t.Errorf("Open(./%q) = embedded %v, %v", Default, f.Embedded, err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"rifle-v2-1.5":                      `no model is called "rifle-v2-1.5", did you mean "` + Default + `"?`,
		"yolo":                              `no model is called "yolo" (known: `,
		"gone.safetensors":                  "model file gone.safetensors does not exist",
		filepath.Join(dir, "gone"):          "does not exist",
		dir:                                 "is a folder",
		"../" + Default + ".safetensors.no": "does not exist",
	} {
		_, err := Open(name)
		if _, early := Find(name); early == nil || err == nil || early.Error() != err.Error() {
			t.Errorf("Find(%q): error %v, Open's is %v", name, early, err)
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%q): error %v, want %q in one line", name, err, want)
		}
	}
}
