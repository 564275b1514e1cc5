package eval

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/iotest"
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

// FuzzJSON: what encoding/json takes is taken and nothing else, but for the
// numbers that Python adds and a byte order mark.
func FuzzJSON(f *testing.F) {
	f.Add(`{"a":[1,-2.5e+3,"x\u00e4\n",true,null,{}]}`)
	f.Add(`[1,]`)
	f.Add(`[01]`)
	f.Add("\"\x00\"")
	f.Add(`[-Infinity,NaN]`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "NaN") || strings.Contains(text, "Infinity") || strings.HasPrefix(text, "\xef\xbb\xbf") || strings.Count(text, "[")+strings.Count(text, "{") > maxDepth {
			t.Skip()
		}
		j := newJSONReader(iotest.OneByteReader(strings.NewReader(text)))
		err := j.skip()
		if err == nil {
			err = j.finish()
		}
		if valid := json.Valid([]byte(text)); valid != (err == nil) {
			t.Errorf("%q: valid %v, error %v", text, valid, err)
		}
	})
}

func FuzzMask(f *testing.F) {
	f.Add(`{"size":[480,640],"counts":"c]Q1e2[<000"}`)
	f.Add(`{"size":[2,2],"counts":[1,2,1]}`)
	f.Add(`[[1,2,3,4,5,6]]`)
	f.Fuzz(func(t *testing.T, text string) {
		if j := newJSONReader(strings.NewReader(text)); j.skip() != nil || j.finish() != nil {
			t.Skip() // only text that has been read as JSON gets there
		}
		m, ok := readMask([]byte(strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))))
		if ok && !(m.box.W >= 0 && m.box.H >= 0 && m.area >= 0 && (m.area == 0 || m.area <= m.box.W*m.box.H)) {
			t.Errorf("%v", m)
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
