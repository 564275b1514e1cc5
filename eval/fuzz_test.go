package eval

import (
	"math"
	"strings"
	"testing"
)

func FuzzReadCOCO(f *testing.F) {
	f.Add(oneBox)
	f.Add(`{"annotations":[{"id":0,"image_id":1e0,"category_id":1,"bbox":[0,0,1e300,1e300],"iscrowd":1}],"images":[{"id":1}],"categories":[{"id":1}]}`)
	f.Add(`{"images":null,"categories":[[]],"annotations":[{}]}`)
	f.Add(`[{}]`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ReadCOCO(strings.NewReader(text))
		if err != nil {
			return
		}
		checkDataset(t, d)
		if d.Labeled {
			dets := make([]Detection, 0, len(d.Objects))
			for _, o := range d.Objects {
				dets = append(dets, Detection{Image: o.Image, Category: o.Category, Box: o.Box, Score: 0.5})
			}
			m, err := Score(d, dets)
			if err != nil || math.IsNaN(m.AP) || m.AP > 1+1e-9 {
				t.Errorf("the truth itself scores %v (%v)", m, err)
			}
		}
	})
}

func FuzzReadResults(f *testing.F) {
	f.Add(`[{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":1e-9}]`)
	f.Add(`[{"image_id":1,"category_id":2,"bbox":[],"score":null},5,"x",[[]]]`)
	f.Add(`[`)
	f.Fuzz(func(t *testing.T, text string) {
		d := &Dataset{Labeled: true, Images: []Image{{ID: 1}}, Categories: []Category{{ID: 1}}}
		results, err := ReadResults(strings.NewReader(text), d)
		if err != nil {
			return
		}
		dets := results.Detections
		if _, err := Score(d, dets); err != nil {
			t.Errorf("detections that were read cannot be scored: %v", err)
		}
		var back strings.Builder
		if err := WriteResults(&back, d, dets); err != nil {
			t.Error(err)
		}
	})
}

func FuzzYOLO(f *testing.F) {
	f.Add("0 0.5 0.5 0.5 0.5\n1 .1 .1 .2 .2 .3 .1\n")
	f.Add("0 nan inf -0 1e400\n\xff 1")
	f.Fuzz(func(t *testing.T, text string) {
		d := &Dataset{Images: []Image{{ID: 1, Width: 100, Height: 50}}}
		y := yoloReader{d: d, known: map[int]bool{}, open: true}
		y.parse(d.Images[0], "a.txt", text)
		checkDataset(t, d)
	})
}

func FuzzYAMLNames(f *testing.F) {
	f.Add("names: [a, b]")
	f.Add("names: {0: a, 5: b}")
	f.Add("a: &a [*a]\nnames: *a")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := yamlNames([]byte(text)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of several lines: %v", err)
		}
	})
}

func FuzzVOC(f *testing.F) {
	f.Add(vocCat)
	f.Add("<annotation><object><name>x</name><bndbox/></object></annotation>")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseVOC(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, base := range []VOCBase{VOCBaseAuto, VOCBaseOne, VOCBaseZero} {
			v := vocReader{d: &Dataset{}}
			for i := range file.objects {
				v.take("a.xml", i, &file.objects[i])
			}
			v.d.Images = []Image{{ID: 1, Width: file.width, Height: file.height}}
			v.finish(base)
			checkDataset(t, v.d)
		}
	})
}

// checkDataset holds a data set to what scoring takes for granted.
func checkDataset(t *testing.T, d *Dataset) {
	t.Helper()
	images, categories := idSet(d)
	if len(images) != len(d.Images) || len(categories) != len(d.Categories) {
		t.Error("doubled ids")
	}
	for _, im := range d.Images {
		if im.Width < 0 || im.Height < 0 {
			t.Errorf("image %d is %d x %d", im.ID, im.Width, im.Height)
		}
	}
	for _, o := range d.Objects {
		if !images[o.Image] || !categories[o.Category] {
			t.Errorf("%v has no image or no category", o)
		}
		if !(o.Box.W >= 0 && o.Box.H >= 0) {
			t.Errorf("%v has a negative box", o)
		}
	}
}
