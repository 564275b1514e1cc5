package main

import (
	"encoding/json"
	"strings"
	"testing"

	"example.com/riffle/backbone"
	"example.com/riffle/models"
)

func TestModels(t *testing.T) {
	r := command(t, "models", "--json")
	if r.code != 0 || r.err != "" {
		t.Fatalf("code %d, %s", r.code, r.err)
	}
	var list modelList
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Models) != len(models.List()) || len(list.Architectures) != len(backbone.Names()) {
		t.Errorf("%d models and %d architectures, want %d and %d",
			len(list.Models), len(list.Architectures), len(models.List()), len(backbone.Names()))
	}
	text := command(t, "models").out
	defaults := 0
	for _, m := range list.Models {
		if m.Default {
			defaults++
		}
		if len(m.Classes) == 0 || m.Params < 1e5 || m.MACs < 1e7 || m.Bytes < 1e5 || m.Licence == "" || m.Input[0] < 32 {
			t.Errorf("%+v says too little", m)
		}
		limit := map[string]int64{models.Default: 1.2e9, "riffle-v2-1.0x-256": 0.35e9}[m.Name]
		if limit > 0 && m.MACs >= limit {
			t.Errorf("%s takes %d multiply-adds, its limit is %d", m.Name, m.MACs, limit)
		}
		if !strings.Contains(text, m.Name) || !strings.Contains(text, m.Licence) {
			t.Errorf("the table lacks %s or its licence", m.Name)
		}
	}
	if defaults != 1 {
		t.Errorf("%d default models", defaults)
	}
	for _, a := range list.Architectures {
		if !strings.Contains(text, a.Name) || a.Paper == "" {
			t.Errorf("the table lacks %s, or its paper", a.Name)
		}
	}
}

// What models calls a model's cost is what bench measures against.
func TestModelsAndBenchAgree(t *testing.T) {
	var list modelList
	if err := json.Unmarshal([]byte(command(t, "models", "--json").out), &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Models {
		r := command(t, "bench", "--arch", m.Name, "--runs", "1", "--json")
		var b benchResult
		if err := json.Unmarshal([]byte(r.out), &b); err != nil {
			t.Fatalf("%v: %s", err, r.err)
		}
		if b.MACs != m.MACs || b.Params != m.Params || b.Size != m.Input[0] || b.Arch != m.Name {
			t.Errorf("bench: %+v, models: %+v", b, m)
		}
		r = command(t, "bench", "--arch", m.Name, "--size", "64", "--runs", "1", "--json")
		if err := json.Unmarshal([]byte(r.out), &b); err != nil || b.Size != 64 || b.MACs >= m.MACs {
			t.Errorf("--size 64: %+v, %v", b, err)
		}
		command(t, "bench", "--arch", m.Name, "--size", "100").wantError(t, 1, "not a multiple of 32")
		layers := command(t, "bench", "--arch", m.Name, "--runs", "1", "--layers").out
		if !strings.Contains(layers, "RoIAlign") || !strings.Contains(layers, "roi.fc1") {
			t.Errorf("layers are missing:\n%s", layers)
		}
	}
}
