package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"example.com/riffle"
)

// --first-stage-only shows what the library's option does, which is not what both
// stages show.
func TestFirstStageOnly(t *testing.T) {
	d, err := riffle.Open("", riffle.Options{Threads: 1, FirstStageOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.DetectFile(context.Background(), street, riffle.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	both := parsePhotos(t, command(t, "detect", "--json", street).out)[0].Detections
	got := parsePhotos(t, command(t, "detect", "--json", "--first-stage-only", street).out)[0].Detections
	if len(got) == 0 || len(got) != len(want.Detections) {
		t.Fatalf("%d detections, want %d", len(got), len(want.Detections))
	}
	for i, o := range got {
		if o.Score != want.Detections[i].Score || o.Label != want.Detections[i].Label {
			t.Errorf("detection %d: %v, want %v", i, o, want.Detections[i])
		}
	}
	if got[0] == both[0] {
		t.Error("the same as with both stages")
	}
	data, err := os.ReadFile(street)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--first-stage-only")
	status, answer := post(t, s.url+"/detect", "image/jpeg", bytes.NewReader(data))
	var served photoResult
	if err := json.Unmarshal(answer, &served); err != nil {
		t.Fatal(status, err)
	}
	if list := served.Detections; len(list) != len(got) || list[0].Score != got[0].Score {
		t.Errorf("serve: %v, want %v", list, got)
	}
}
