package models

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// No photo that figures are reported on may have been trained on. The lists are
// made by training/ids/make.py and checked against the photos where they are.
func TestReportedPhotosWereNotTrainedOn(t *testing.T) {
	trained, reported := idList(t, "train"), idList(t, "reported")
	if len(trained) < 1000 || len(reported) != 300 {
		t.Fatalf("%d trained and %d reported ids", len(trained), len(reported))
	}
	for id := range reported {
		if trained[id] {
			t.Errorf("photo %d is trained on and reported on", id)
		}
	}
	for set, list := range map[string]map[int]bool{"train": trained, "val": reported} {
		text, err := os.ReadFile(filepath.Join("..", "..", "shared", "data", set, "instances.json"))
		if err != nil {
			t.Logf("%s: the photos are not here, only the lists were compared", set)
			continue
		}
		var file struct {
			Images []struct {
				Name string `json:"file_name"`
			} `json:"images"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		known := 0
		for _, im := range file.Images {
			for _, n := range cocoName.FindAllStringSubmatch(im.Name, -1) {
				known++
				if id, _ := strconv.Atoi(n[1]); !list[id] {
					t.Fatalf("%s has %s, its list lacks it: run training/ids/make.py", set, im.Name)
				}
			}
		}
		if known < len(list) {
			t.Errorf("%s names %d ids, its list has %d: run training/ids/make.py", set, known, len(list))
		}
	}
}

// cocoName is COCO's id in a file's name.
var cocoName = regexp.MustCompile(`(?:^|\D)(\d{12})(?:\D|$)`)

func idList(t *testing.T, name string) map[int]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "training", "ids", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, line := range strings.Fields(string(text)) {
		id, err := strconv.Atoi(line)
		if err != nil || ids[id] {
			t.Fatalf("%s.txt: %q is no number or there twice", name, line)
		}
		ids[id] = true
	}
	return ids
}
