package eval

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const yoloCat = "0 0.5 0.5 0.5 0.5\n"

// names lists the photos of a data set.
func names(d *Dataset) string {
	var out []string
	for _, im := range d.Images {
		out = append(out, im.File)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestSplits: a data set's parts are not scored together, whatever says where
// they are.
func TestSplits(t *testing.T) {
	t.Parallel()
	parts := func(format string) map[string]string {
		files := map[string]string{}
		for _, s := range []string{"train", "val", "test"} {
			files[fmt.Sprintf(format, "images", s)+"/"+s+".jpg"] = "40x20"
			files[fmt.Sprintf(format, "labels", s)+"/"+s+".txt"] = yoloCat
		}
		return files
	}
	with := func(files map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	roboflow := func() map[string]string {
		files := parts("%[2]s/%[1]s")
		for name, text := range files {
			if rest, ok := strings.CutPrefix(name, "val/"); ok {
				delete(files, name)
				files["valid/"+rest] = text
			}
		}
		return with(files, "data.yaml", "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 1\nnames: ['cat']\nroboflow:\n  url: x\n")
	}
	ultralytics := func(yaml string) map[string]string {
		return with(parts("%s/%s"), "data.yaml", yaml+"\nnames:\n  0: cat\n")
	}
	coco := func(name string) string { return strings.Replace(oneBox, "a.jpg", name, 1) }
	for name, c := range map[string]struct {
		files       map[string]string
		images      string
		annotations string
		split       string
		want, used  string
	}{
		"data.yaml":                        {ultralytics("train: images/train\nval: images/val\ntest: images/test"), "", "data.yaml", "", "val.jpg", "val"},
		"data.yaml with a path":            {ultralytics("path: .\ntrain: images/train\nval: images/val"), "", "data.yaml", "", "val.jpg", "val"},
		"a path of another machine":        {ultralytics("path: /content/datasets/x\nval: images/val"), "", "data.yaml", "", "val.jpg", "val"},
		"data.yaml, train":                 {ultralytics("train: images/train\nval: images/val"), "", "data.yaml", "train", "train.jpg", "train"},
		"data.yaml, all":                   {ultralytics("train: images/train\nval: images/val"), "", "data.yaml", "all", "train/train.jpg val/val.jpg", "all"},
		"data.yaml without val":            {ultralytics("train: images/train\nval:\ntest: images/test"), "", "data.yaml", "", "test.jpg", "test"},
		"lists of folders":                 {ultralytics("val: [images/val, images/test]"), "", "data.yaml", "", "test/test.jpg val/val.jpg", "val"},
		"a list of photos":                 {with(ultralytics("val: val.txt"), "val.txt", "./images/val/val.jpg\n"), "", "data.yaml", "", "val.jpg", "val"},
		"found in the folder":              {ultralytics("train: images/train\nval: images/val"), ".", "", "", "val.jpg", "val"},
		"photos of one split by hand":      {ultralytics("train: images/train\nval: images/val"), "images/train", "data.yaml", "", "train.jpg", ""},
		"photos of one split, no yaml":     {ultralytics("train: images/train\nval: images/val"), "images/train", "", "", "train.jpg", ""},
		"yaml and the folder of both":      {ultralytics("train: images/train\nval: images/val"), "images", "data.yaml", "", "val.jpg", "val"},
		"backslashes":                      {ultralytics(`val: images\val`), "", "data.yaml", "", "val.jpg", "val"},
		"folders without a yaml":           {parts("%s/%s"), ".", "", "", "val.jpg", "val"},
		"folders without a yaml, test":     {parts("%s/%s"), ".", "", "test", "test.jpg", "test"},
		"folders without a yaml, all":      {parts("%s/%s"), ".", "", "all", "test/test.jpg train/train.jpg val/val.jpg", "all"},
		"Roboflow":                         {roboflow(), ".", "", "", "val.jpg", "val"},
		"Roboflow by yaml":                 {roboflow(), "", "data.yaml", "test", "test.jpg", "test"},
		"Roboflow, one part":               {roboflow(), "train", "", "", "train.jpg", ""},
		"Roboflow without a yaml":          {with(parts("%[2]s/%[1]s"), "notes.txt", "x"), ".", "", "", "val.jpg", "val"},
		"Roboflow without a yaml, all":     {parts("%[2]s/%[1]s"), ".", "", "all", "test/images/test.jpg train/images/train.jpg val/images/val.jpg", "all"},
		"COCO of Roboflow":                 {map[string]string{"train/t.jpg": "40x20", "train/_annotations.coco.json": coco("t.jpg"), "valid/v.jpg": "40x20", "valid/_annotations.coco.json": coco("v.jpg")}, ".", "", "", "v.jpg", "val"},
		"VOC of Roboflow":                  {map[string]string{"train/t.jpg": "40x20", "train/t.xml": vocCat, "valid/v.jpg": "40x20", "valid/v.xml": vocCat}, ".", "", "train", "t.jpg", "train"},
		"a list by hand":                   {with(parts("%s/%s"), "mine.txt", "images/train/train.jpg\n# not this\nimages\\test\\test.jpg\n"), "", "mine.txt", "", "test/test.jpg train/train.jpg", ""},
		"a list with the photos' folder":   {with(parts("%s/%s"), "lists/mine.txt", "train/train.jpg\n"), "images", "lists/mine.txt", "", "train.jpg", ""},
		"a list of another machine":        {with(parts("%s/%s"), "mine.txt", "/home/x/data/images/val/val.jpg\n"), "", "mine.txt", "", "val.jpg", ""},
		"a list of stems":                  {with(parts("%s/%s"), "mine.txt", "val\n"), "images/val", "mine.txt", "", "val.jpg", ""},
		"a list of photos with VOC labels": {map[string]string{"JPEGImages/a.jpg": "40x20", "JPEGImages/b.jpg": "40x20", "Annotations/a.xml": vocCat, "Annotations/b.xml": vocCat, "list.txt": "JPEGImages/b.jpg\n"}, ".", "list.txt", "", "b.jpg", ""},
	} {
		dir := tree(t, c.files)
		s := Source{Split: c.split}
		if c.images != "" {
			s.Images = filepath.Join(dir, c.images)
		}
		if c.annotations != "" {
			s.Annotations = filepath.Join(dir, c.annotations)
		}
		d, err := s.Open()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := names(d); got != c.want || d.Split != c.used || len(d.LeftOut) > 0 || len(d.Objects) < len(d.Images) {
			t.Errorf("%s: %q of split %q with %d objects, left out %v; want %q of %q", name, got, d.Split, len(d.Objects), d.LeftOut, c.want, c.used)
		}
		if d.Format != FormatCOCO && d.Format != FormatVOC && (len(d.Categories) != 1 || d.Categories[0].Name == "") {
			t.Errorf("%s: categories %v", name, d.Categories)
		}
	}
	dir := tree(t, ultralytics("train: images/train\nval: gone"))
	for _, c := range []struct {
		s    Source
		want string
	}{
		{Source{Annotations: filepath.Join(dir, "data.yaml")}, "the val photos, gone, are not there"},
		{Source{Annotations: filepath.Join(dir, "data.yaml"), Split: "test"}, "has only val, train"},
		{Source{Images: filepath.Join(dir, "images", "val"), Split: "test"}, "the data set has no such parts"},
		{Source{Images: dir, Split: "half"}, "not one of train, val, test and all"},
	} {
		if _, err := c.s.Open(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.s, err, c.want)
		}
	}
	// Without the split's folder, photos given by hand are all used.
	d, err := Open(filepath.Join(dir, "images", "test"), filepath.Join(dir, "data.yaml"))
	if err != nil || names(d) != "test.jpg" || len(d.Notes) != 1 {
		t.Errorf("%v (%v)", d, err)
	}
}

// TestLabelsWithoutPhotoAreCounted, of both formats of files, and photos that a
// list or a split names and that are not there.
func TestLabelsWithoutPhotoAreCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files               map[string]string
		images, annotations string
		want                []string
	}{
		"YOLO": {map[string]string{"images/a.jpg": "40x20", "labels/a.txt": yoloCat, "labels/b.txt": yoloCat, "labels/sub/c.txt": yoloCat, "labels/classes.txt": "cat\n"}, ".", "",
			[]string{"2 label files without a photo (first: b.txt)"}},
		"YOLO beside the photos": {map[string]string{"a.jpg": "40x20", "a.txt": yoloCat, "b.txt": yoloCat, "README.txt": "x"}, ".", "",
			[]string{"1 label files without a photo (first: b.txt)"}},
		"a photo that cannot be read has a label": {map[string]string{"images/a.jpg": "40x20", "images/b.jpg": "junk", "labels/a.txt": yoloCat, "labels/b.txt": yoloCat}, ".", "",
			[]string{"1 photos that cannot be read (first: b.jpg: not a picture (want JPEG, PNG, GIF, WebP, BMP or TIFF))"}},
		"VOC": {map[string]string{"JPEGImages/a.jpg": "40x20", "Annotations/a.xml": vocCat, "Annotations/b.xml": vocCat}, ".", "",
			[]string{"1 label files without a photo (first: b.xml)"}},
		"VOC split": {map[string]string{"JPEGImages/a.jpg": "40x20", "Annotations/a.xml": vocCat, "Annotations/b.xml": vocCat, "s.txt": "a\nb\n"}, ".", "s.txt",
			[]string{"1 photos that are not there (first: b)"}},
		"YOLO list": {map[string]string{"images/a.jpg": "40x20", "labels/a.txt": yoloCat, "s.txt": "images/a.jpg\nimages/b.jpg\nimages/a.jpg\n"}, "", "s.txt",
			[]string{"1 photos that are not there (first: images/b.jpg)", "1 photos that the list names twice (first: images/a.jpg)"}},
	} {
		dir := tree(t, c.files)
		s := Source{}
		if c.images != "" {
			s.Images = filepath.Join(dir, c.images)
		}
		if c.annotations != "" {
			s.Annotations = filepath.Join(dir, c.annotations)
		}
		d, err := s.Open()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := d.LeftOut.Lines(); !slices.Equal(got, c.want) {
			t.Errorf("%s: left out %q, want %q", name, got, c.want)
		}
	}
	dir := tree(t, map[string]string{"images/a.jpg": "40x20", "labels/a.txt": "5 5 5 5 5\n"})
	if _, err := Open(dir, ""); err == nil || !strings.Contains(err.Error(), "no label can be used: 1 labels outside the photo") {
		t.Errorf("nothing usable: %v", err)
	}
}

// TestPredictionsByFileStem: Ultralytics' predictions.json names photos by their
// stem, as a number where it is one.
func TestPredictionsByFileStem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		photos []string
		ids    []string // of the photos in predictions.json
	}{
		"words":             {[]string{"b", "a", "c"}, []string{`"b"`, `"a"`, `"c"`}},
		"numbers":           {[]string{"000000000139", "000000000285", "7"}, []string{"139", "285", "7"}},
		"numbers from 1":    {[]string{"1", "2", "10"}, []string{"1", "2", "10"}},
		"numbers and words": {[]string{"2", "a", "1", "b"}, []string{"2", `"a"`, "1", `"b"`}},
		"0 is a number":     {[]string{"0", "1"}, []string{`"0"`, "1"}},
	} {
		yolo, voc := map[string]string{}, map[string]string{}
		for _, p := range c.photos {
			yolo["images/"+p+".jpg"], yolo["labels/"+p+".txt"] = "40x20", yoloCat
			voc["JPEGImages/"+p+".jpg"], voc["Annotations/"+p+".xml"] = "40x20", vocCat
		}
		for _, files := range []map[string]string{yolo, voc} {
			d, err := Open(tree(t, files), "")
			if err != nil {
				t.Fatal(err)
			}
			var rows []string
			for _, id := range c.ids {
				rows = append(rows, fmt.Sprintf(`{"image_id":%s,"category_id":%d,"bbox":[1,1,2,2],"score":1}`, id, d.Categories[0].ID))
			}
			results, err := ReadResults(strings.NewReader("["+strings.Join(rows, ",")+"]"), d)
			if err != nil || len(results.LeftOut) > 0 {
				t.Errorf("%s, %s: %v (%v)", name, d.Format, results, err)
				continue
			}
			file := map[int]string{}
			for _, im := range d.Images {
				file[im.ID] = im.File
			}
			for i, det := range results.Detections {
				if file[det.Image] != c.photos[i]+".jpg" {
					t.Errorf("%s, %s: %s is taken for %s, want %s.jpg", name, d.Format, c.ids[i], file[det.Image], c.photos[i])
				}
			}
			// riffle's own results name the photos so that they are found again.
			var own strings.Builder
			if err := WriteResults(&own, d, results.Detections); err != nil {
				t.Fatal(err)
			}
			if back, err := ReadResults(strings.NewReader(own.String()), d); err != nil || !slices.Equal(back.Detections, results.Detections) {
				t.Errorf("%s, %s: read again %v (%v)", name, d.Format, back, err)
			}
		}
	}
}

// TestVOCBase: what coordinates count from is told by the files, or by hand.
func TestVOCBase(t *testing.T) {
	t.Parallel()
	xml := func(database, x0, y0, x1, y1 string) string {
		return "<annotation><source><database>" + database + "</database></source><size><width>40</width><height>20</height></size>" +
			"<object><name>cat</name><bndbox><xmin>" + x0 + "</xmin><ymin>" + y0 + "</ymin><xmax>" + x1 + "</xmax><ymax>" + y1 + "</ymax></bndbox></object></annotation>"
	}
	for name, c := range map[string]struct {
		first, second string
		base          VOCBase
		want          Box // of the first photo's object
		notes         int
	}{
		"PASCAL VOC":                  {xml("The VOC2007 Database", "5", "6", "10", "12"), "", VOCBaseAuto, Box{4, 5, 6, 7}, 0},
		"PASCAL VOC with fractions":   {xml("The VOC2012 Database", "5.5", "6.25", "10.5", "12.5"), "", VOCBaseAuto, Box{4.5, 5.25, 6, 7.25}, 0},
		"whole numbers of nobody":     {xml("Unknown", "5", "6", "10", "12"), "", VOCBaseAuto, Box{4, 5, 6, 7}, 1},
		"CVAT, decimals":              {xml("Unknown", "5.0", "6.0", "10.0", "12.5"), "", VOCBaseAuto, Box{5, 6, 5, 6.5}, 1},
		"a box at the edge":           {xml("Unknown", "0", "6", "10", "12"), "", VOCBaseAuto, Box{0, 6, 10, 6}, 1},
		"another photo's at the edge": {xml("Unknown", "5", "6", "10", "12"), xml("Unknown", "3", "0", "9", "20"), VOCBaseAuto, Box{5, 6, 5, 6}, 1},
		"by hand 0":                   {xml("The VOC2007 Database", "5", "6", "10", "12"), "", VOCBaseZero, Box{5, 6, 5, 6}, 0},
		"by hand 1":                   {xml("Unknown", "0", "6", "10", "12"), "", VOCBaseOne, Box{0, 5, 10, 7}, 0},
	} {
		files := map[string]string{"JPEGImages/a.jpg": "40x20", "Annotations/a.xml": c.first}
		if c.second != "" {
			files["JPEGImages/b.jpg"], files["Annotations/b.xml"] = "40x20", c.second
		}
		d, err := Source{Images: tree(t, files), VOCBase: c.base}.Open()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := d.Objects[0].Box
		if math.Abs(got.X-c.want.X)+math.Abs(got.Y-c.want.Y)+math.Abs(got.W-c.want.W)+math.Abs(got.H-c.want.H) > 1e-9 || len(d.Notes) != c.notes {
			t.Errorf("%s: %v, notes %q, want %v", name, got, d.Notes, c.want)
		}
	}
}

// TestBackslashesInFileNames: annotations made on Windows find their photos.
func TestBackslashesInFileNames(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"p/val/a.jpg": "40x20", "q/a.jpg": "40x20", "x.json": strings.Replace(oneBox, "a.jpg", `val\\a.jpg`, 1)})
	for folder, want := range map[string]string{"p": "p/val/a.jpg", "q": "q/a.jpg"} {
		d, err := Open(filepath.Join(dir, folder), filepath.Join(dir, "x.json"))
		if err != nil || d.Images[0].Path != filepath.Join(dir, filepath.FromSlash(want)) {
			t.Errorf("%v (%v)", d, err)
		}
	}
}
