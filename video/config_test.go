package video

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"example.com/riffle/video/scene"
)

// section is the value of "cameras" in a file.
func section(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	root := doc.Content[0]
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == "cameras" {
			return root.Content[i+1]
		}
	}
	t.Fatal("no cameras")
	return nil
}

var base = Camera{Threshold: 0.4, Labels: []string{"person"}}

func TestTheExampleConfiguration(t *testing.T) {
	text, err := os.ReadFile("../deploy/cameras.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cams, err := Cameras(section(t, string(text)), base, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(cams) != 2 || cams[0].Name != "porch" || cams[1].Name != "yard" {
		t.Fatalf("cameras %+v", cams)
	}
	porch := cams[0]
	if porch.After != time.Second || porch.Threshold != 0.4 || len(porch.Zones) != 1 || porch.Zones[0].Name != "door" ||
		porch.Zones[0].After != 2*time.Second || porch.Zones[0].Points[1] != (scene.Point{X: 0.95, Y: 0.35}) ||
		porch.Lines[0].In != scene.Down || porch.Lines[0].To != (scene.Point{X: 0.5, Y: 0.6}) {
		t.Errorf("porch %+v", porch)
	}
	if yard := cams[1]; yard.Motion.Share != 0.002 || yard.Out != "yard.mkv" || !slices.Equal(yard.Labels, base.Labels) {
		t.Errorf("yard %+v", yard)
	}
	for i := range cams {
		if err := cams[i].check(); err != nil {
			t.Error(err)
		}
	}
}

func TestZonesKeepTheirOrder(t *testing.T) {
	cams, err := Cameras(section(t, `
cameras:
  c:
    zones:
      z: {points: &p [[0, 0], [1, 0], [1, 1]]}
      a: {points: *p}
      m: {points: *p, anchor: center, labels: [dog]}
`), base, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, z := range cams[0].Zones {
		names = append(names, z.Name)
	}
	if !slices.Equal(names, []string{"z", "a", "m"}) || cams[0].Zones[2].Anchor != scene.Center {
		t.Errorf("zones %+v", cams[0].Zones)
	}
}

func TestWhatTheFileAsksFor(t *testing.T) {
	var asked []Asked
	_, err := Cameras(section(t, "cameras: {a: {every-frame: true, motion: false}, b: {source: '0'}}"), base, func(_ *Camera, a Asked) { asked = append(asked, a) })
	if err != nil {
		t.Fatal(err)
	}
	if !*asked[0].EveryFrame || *asked[0].Motion || asked[1].EveryFrame != nil || asked[1].Motion != nil {
		t.Errorf("asked %+v", asked)
	}
}

func TestMistakesInTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"cameras:\n  a:\n    sorce: '0'\n":                                            `3: unknown key "sorce", did you mean "source"?`,
		"cameras:\n  a:\n    zones:\n      z: {pointz: []}\n":                         `4: unknown key "pointz", did you mean "points"?`,
		"cameras:\n  a:\n    source: '0'\n    source: '1'\n":                          `4: duplicate key "source"`,
		"cameras:\n  a: {source: '0'}\n  a: {source: '1'}\n":                          `3: duplicate camera "a"`,
		"cameras:\n  a b: {source: '0'}\n":                                            `2: camera "a b": names are letters, digits, - and _`,
		"cameras:\n  a:\n    source:\n":                                               `3: source: has no value`,
		"cameras:\n  a:\n    threshold: high\n":                                       `3: threshold: want a number, not "high"`,
		"cameras:\n  a:\n    after: 5\n    zones: {z: {points: 3}}\n":                 `3: after: want a time with its unit, such as 2s or 500ms, not "5"`,
		"cameras:\n  a:\n    zones:\n      z: {points: [[0, 0], [1, 0], [1]]}\n":      `4: a point is two numbers`,
		"cameras:\n  a:\n    zones:\n      z: {points: [[0, 0], [1, 0], [100, 9]]}\n": `2: camera a: zone z: point [100, 9]: parts of width and height are from 0 to 1`,
		"cameras:\n  a:\n    lines: {l: {from: [0, 0], to: [1, 0], in: north}}\n":     `2: camera a: line l: in is "north"`,
		"cameras:\n  a:\n    every-frame: 3\n":                                        `3: every-frame: want true or false, not "3"`,
		"cameras:\n  a:\n    labels: person\n":                                        `3: labels: want a list such as [person, car], not "person"`,
		"cameras:\n  a:\n    source: [a, b]\n":                                        `3: source: want text`,
		"cameras:\n  a:\n    zones: [a]\n":                                            `3: zones: want names, each with what it has`,
		"cameras:\n  a:\n    zones: {z: {points: 3}}\n":                               `3: points: want a list of points such as [[0, 0], [1, 0], [1, 1]], not "3"`,
		"cameras:\n  a:\n    lines: {l: {from: 1, to: [1, 0]}}\n":                     `3: a point is two numbers`,
		"cameras: [a]\n":  `1: cameras: want names`,
		"cameras: {}\n":   `1: cameras: want names`,
		"cameras: {a: 3}": `1: want "name: value" lines`,
	} {
		for _, word := range []string{"unmarshal", "!!", "float64", "yaml:"} {
			if _, err := Cameras(section(t, text), base, nil); err != nil && strings.Contains(err.Error(), word) {
				t.Errorf("%s%v speaks of %s", text, err, word)
			}
		}
		if got, err := Cameras(section(t, text), base, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s%v, %v\nwant %s", text, got, err, want)
		}
	}
}
