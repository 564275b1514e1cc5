package eval

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// jpegBytes is a grey JPEG; an orientation other than 0 is noted as EXIF.
func jpegBytes(t testing.TB, width, height, orientation int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	img.SetGray(0, 0, color.Gray{255})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	if orientation == 0 {
		return b.Bytes()
	}
	exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(orientation)) + "\x00\x00\x00\x00\x00\x00"
	return append([]byte("\xff\xd8\xff\xe1\x00"+string(rune(len(exif)+2))+exif), b.Bytes()[2:]...)
}

// tree writes files into a new folder: text as given, "WxH" as a JPEG of that
// size, "WxH/O" with an EXIF orientation.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	sizes := map[string][3]int{"40x20": {40, 20, 0}, "40x20/6": {40, 20, 6}, "16x16": {16, 16, 0}}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if s, ok := sizes[text]; ok {
			data = jpegBytes(t, s[0], s[1], s[2])
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const oneBox = `{"images":[{"id":7,"file_name":"a.jpg","width":40,"height":20}],"categories":[{"id":3,"name":"cat"}],"annotations":[{"id":1,"image_id":7,"category_id":3,"bbox":[1,2,3,4],"area":10,"iscrowd":0}]}`

const vocCat = `<annotation><filename>wrong.jpg</filename><size><width>40</width><height>20</height><depth>3</depth></size>
<object><name>cat</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>20</ymax></bndbox>
 <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>
<object><name>aeroplane</name><difficult>1</difficult><bndbox><ymin>5.5</ymin><xmin>2</xmin><xmax>10</xmax><ymax>9</ymax></bndbox></object>
</annotation>`

func TestOpenTellsTheFormat(t *testing.T) {
	t.Parallel()
	yolo := map[string]string{"images/val/a.jpg": "40x20", "labels/val/a.txt": "0 0.5 0.5 0.5 0.5\n", "data.yaml": "names: [cat]\n"}
	voc := map[string]string{"JPEGImages/a.jpg": "40x20", "JPEGImages/b.jpg": "16x16", "Annotations/a.xml": vocCat,
		"Annotations/b.xml": vocCat, "ImageSets/Main/val.txt": "b  1\n"}
	flatYOLO := map[string]string{"a.jpg": "40x20", "a.txt": "0 0.5 0.5 0.5 0.5\n", "classes.txt": "cat\n"}
	for name, c := range map[string]struct {
		files               map[string]string
		images, annotations string
		format              Format
		photos, objects     int
	}{
		"COCO by file":                 {map[string]string{"p/a.jpg": "40x20", "x.json": oneBox}, "p", "x.json", FormatCOCO, 1, 1},
		"COCO without photos":          {map[string]string{"x.json": oneBox}, "", "x.json", FormatCOCO, 1, 1},
		"COCO in the photos' folder":   {map[string]string{"a.jpg": "40x20", "_annotations.coco.json": oneBox}, ".", "", FormatCOCO, 1, 1},
		"COCO beside images":           {map[string]string{"images/a.jpg": "40x20", "instances_val.json": oneBox}, ".", "", FormatCOCO, 1, 1},
		"YOLO by root":                 {yolo, ".", "", FormatYOLO, 1, 1},
		"YOLO by images folder":        {yolo, "images/val", "", FormatYOLO, 1, 1},
		"YOLO by data.yaml":            {yolo, "images", "data.yaml", FormatYOLO, 1, 1},
		"YOLO by labels folder":        {yolo, "images/val", "labels/val", FormatYOLO, 1, 1},
		"YOLO beside the photos":       {flatYOLO, ".", "", FormatYOLO, 1, 1},
		"YOLO by classes.txt":          {flatYOLO, ".", "classes.txt", FormatYOLO, 1, 1},
		"VOC by root":                  {voc, ".", "", FormatVOC, 2, 4},
		"VOC by JPEGImages":            {voc, "JPEGImages", "", FormatVOC, 2, 4},
		"VOC by Annotations":           {voc, "JPEGImages", "Annotations", FormatVOC, 2, 4},
		"VOC by split":                 {voc, ".", "ImageSets/Main/val.txt", FormatVOC, 1, 2},
		"VOC beside the photos":        {map[string]string{"a.jpg": "40x20", "a.xml": vocCat}, ".", "", FormatVOC, 1, 2},
		"photos":                       {map[string]string{"a.jpg": "40x20", "sub/b.JPG": "16x16", "notes.txt": "hello", ".hidden/c.jpg": "16x16"}, ".", "", FormatFolder, 2, 0},
		"photos with an unrelated txt": {map[string]string{"a.jpg": "40x20", "b.txt": "0 0.5 0.5 0.5 0.5\n"}, ".", "", FormatFolder, 1, 0},
	} {
		dir := tree(t, c.files)
		at := func(p string) string {
			if p == "" {
				return ""
			}
			return filepath.Join(dir, p)
		}
		d, err := Open(at(c.images), at(c.annotations))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d.Format != c.format || len(d.Images) != c.photos || len(d.Objects) != c.objects || d.Labeled != (c.format != FormatFolder) {
			t.Errorf("%s: %s, %d photos, %d objects, labeled %v", name, d.Format, len(d.Images), len(d.Objects), d.Labeled)
		}
		if len(d.LeftOut) > 0 {
			t.Errorf("%s: left out %v", name, d.LeftOut)
		}
		for _, im := range d.Images {
			if c.images == "" {
				continue
			}
			if _, err := os.Stat(im.Path); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"photos/a.jpg": "40x20", "broken/a.jpg": "no photo", "empty/x": "",
		"good.json": oneBox, "list.json": `[{"image_id":7}]`, "cut.json": oneBox[:60], "two.json": oneBox + oneBox,
		"twice.json": strings.Replace(oneBox, `"area"`, `"bbox":[1,2,3,5],"area"`, 1), "keys.json": `{"images":[],` + oneBox[1:],
		"useless.json":  strings.Replace(oneBox, `"bbox"`, `"BBox"`, 1),
		"noimages.json": `{"categories":[],"annotations":[]}`, "nocat.json": strings.Replace(oneBox, `"categories"`, `"klasses"`, 1),
		"other.json": strings.Replace(oneBox, "a.jpg", "z.jpg", 1), "number.json": "5", "object.json": `{"images":{}}`,
		"y/data.yaml": "names: 7", "bad.yaml": "names: [", "q/labels/other.txt": "0 .5 .5 .5 .5", "words.csv": "x", "names.yaml": "names: [cat]", "split.txt": "a",
		"xml/a.xml": "<html></html>", "yolo/images/a.jpg": "40x20", "yolo/labels/a.txt": "", "yolo/data.yaml": "nothing: 1", "file": "x",
	})
	for _, c := range []struct{ images, annotations, want string }{
		{"", "", "neither photos nor annotations"},
		{"nowhere", "", "nowhere"},
		{"file", "", "is not a folder"},
		{"empty", "", "no photo in"},
		{"broken", "", "not a picture (want JPEG, PNG, GIF, WebP, BMP or TIFF)"},
		{"photos", "nowhere.json", "nowhere.json"},
		{"photos", "list.json", "is this a results file?"},
		{"photos", "cut.json", "entry 1: the JSON is cut short"},
		{"photos", "twice.json", `annotations, entry 1: duplicate key "bbox"`},
		{"photos", "keys.json", `duplicate key "images"`},
		{"photos", "two.json", "something follows the JSON value"},
		{"photos", "useless.json", `no usable entry in "annotations": 1 annotations without a bbox (first: entry 1, id 1)`},
		{"photos", "noimages.json", `no usable entry in "images"`},
		{"photos", "nocat.json", `no usable entry in "categories"`},
		{"photos", "number.json", "no JSON object"},
		{"photos", "object.json", `"images" is not a list`},
		{"photos", "other.json", "none of the 1 photos"},
		{"photos", "q/labels", "no file in"},
		{"photos", "empty", "holds neither .xml (VOC) nor .txt (YOLO)"},
		{"photos", "xml", "<html> where VOC labels have <annotation>"},
		{"photos", "words.csv", "is of no known kind"},
		{"photos", "split.txt", "has no Annotations folder"},
		{"photos", "y/data.yaml", `no list or mapping "names"`},
		{"photos", "names.yaml", "no YOLO labels"},
		{"yolo", "y/data.yaml", `no list or mapping "names"`},
		{"yolo", "bad.yaml", "bad.yaml: yaml:"},
		{"yolo", "", `no list or mapping "names"`},
		{"", "q/labels", "need the folder of the photos"},
	} {
		at := func(p string) string {
			if p == "" {
				return ""
			}
			return filepath.Join(dir, p)
		}
		_, err := Open(at(c.images), at(c.annotations))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%q, %q): error %v, want one line with %q", c.images, c.annotations, err, c.want)
		}
	}
}

func TestReadCOCOLeavesOutWhatIsBroken(t *testing.T) {
	t.Parallel()
	text := `{"annotations":[
		{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,5,5]},
		{"id":1,"image_id":1,"category_id":1,"bbox":[0,0,5,6]},
		{"id":2,"image_id":8,"category_id":1,"bbox":[0,0,5,5]},
		{"id":3,"image_id":1,"category_id":8,"bbox":[0,0,5,5]},
		{"id":4,"image_id":1,"category_id":1,"bbox":[0,0,-5,5]},
		{"id":5,"image_id":1,"category_id":1,"bbox":[0,0,5]},
		{"id":6,"image_id":1,"category_id":1,"bbox":"0 0 5 5"},
		{"id":7.5,"image_id":1,"category_id":1,"bbox":[0,0,5,7]},
		{"id":8,"category_id":1,"bbox":[0,0,5,5]},
		{"id":9,"image_id":1,"category_id":1,"bbox":[0,0,5,5],"iscrowd":"yes"},
		{"id":10,"image_id":1,"category_id":1,"bbox":[0,0,1e999,5]},
		17,
		{"image_id":1.0,"category_id":1,"bbox":[1,1,5,5],"iscrowd":true},
		{"id":12,"image_id":2,"category_id":1,"bbox":[1,1,5,5],"area":3,"iscrowd":1}
	],"images":[{"id":2,"file_name":"b"},{"id":1},{"id":1},{"file_name":"x"},{"id":null}],
	"categories":[{"id":1},{"id":1,"name":"x"},{"name":"y"}],"extra":{"deep":[[{}]]}}`
	d, err := ReadCOCO(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Object{
		{ID: 1, Image: 1, Category: 1, Box: Box{0, 0, 5, 5}, Area: 25},
		{ID: 2, Image: 1, Category: 1, Box: Box{0, 0, 5, 6}, Area: 30},
		{ID: 3, Image: 1, Category: 1, Box: Box{0, 0, 5, 7}, Area: 35},
		{ID: 4, Image: 1, Category: 1, Box: Box{1, 1, 5, 5}, Area: 25, Crowd: true},
		{ID: 5, Image: 2, Category: 1, Box: Box{1, 1, 5, 5}, Area: 3, Crowd: true},
	}
	if !reflect.DeepEqual(d.Objects, want) {
		t.Errorf("objects %v, want %v", d.Objects, want)
	}
	if len(d.Images) != 2 || d.Images[0].ID != 1 || d.Images[1].File != "b" || !reflect.DeepEqual(d.Categories, []Category{{ID: 1, Name: "category 1"}}) {
		t.Errorf("images %v, categories %v", d.Images, d.Categories)
	}
	sameLines(t, d.LeftOut.Lines(), []string{
		"1 annotations with a box of a negative side (first: entry 5, id 4)",
		"3 annotations whose bbox is not four finite numbers (first: entry 6, id 5)",
		"1 annotations without an image_id (first: entry 9, id 8)",
		"1 annotations whose iscrowd is neither 0 nor 1 (first: entry 10, id 9)",
		"1 annotations that are not objects (first: entry 12)",
		"2 images without an id (first: entry 4)",
		"1 categories without an id (first: entry 3)",
		"1 images whose id an earlier one has (first: id 1)",
		"1 categories whose id an earlier one has (first: id 1, x)",
		`1 annotations of images that are missing from "images" (first: entry 3, id 2, image 8)`,
		`1 annotations of categories that are missing from "categories" (first: entry 4, id 3, category 8)`,
	})
	sameLines(t, d.Notes, []string{"1 annotations have the id of an earlier one: all are used, riffle numbers them itself"})
}

func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadCOCOWithoutAnnotationsHasNoLabels(t *testing.T) {
	t.Parallel()
	d, err := ReadCOCO(strings.NewReader(`{"images":[{"id":1,"file_name":"a.jpg"}]}`))
	if err != nil || d.Labeled {
		t.Errorf("labeled %v (%v)", d.Labeled, err)
	}
}

func TestReadResultsLeavesOutWhatIsBroken(t *testing.T) {
	t.Parallel()
	d := &Dataset{Images: []Image{{ID: 1}}, Categories: []Category{{ID: 2}}}
	results, err := ReadResults(strings.NewReader(`[
		{"image_id":1,"category_id":2,"bbox":[1,2,3,4],"score":0.5,"segmentation":{"counts":"x"}},
		{"image_id":9,"category_id":2,"bbox":[1,2,3,4],"score":0.5},
		{"image_id":8,"category_id":2,"bbox":[1,2,3,4],"score":0.5},
		{"image_id":1,"category_id":1,"bbox":[1,2,3,4],"score":0.5},
		{"image_id":1,"category_id":2,"bbox":[1,2,3],"score":0.5},
		{"image_id":1,"category_id":2,"bbox":[1,2,3,4]},
		{"image_id":1,"category_id":2,"bbox":[1,2,-3,4],"score":"high"},
		{"image_id":1,"category_id":2,"bbox":[1,2,-3,4],"score":NaN},
		{"image_id":1,"category_id":2,"score":1,"segmentation":{"counts":"x","size":[2,2]}},
		{"image_id":true,"category_id":2,"bbox":[1,2,-3,4],"score":1},
		[], {"image_id":1},
		{"image_id":1,"category_id":2,"bbox":[1,2,-3,4],"score":0.25}]`), d)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Detection{{1, 2, Box{1, 2, 3, 4}, 0.5, 0}, {1, 2, Box{1, 2, -3, 4}, 0.25, 0}}; !reflect.DeepEqual(results.Detections, want) {
		t.Errorf("read %v, want %v", results.Detections, want)
	}
	sameLines(t, results.LeftOut.Lines(), []string{
		"2 detections of images that the data set does not have (first: entry 2, image 9)",
		"1 detections of categories that the data set does not have (first: entry 4, category 1)",
		"1 detections whose bbox is not four finite numbers (first: entry 5)",
		`3 detections whose score is not a finite number (first: entry 6, score missing)`,
		"1 detections without a bbox and with a segmentation that cannot be read (first: entry 9)",
		"1 detections without an image_id (first: entry 10)",
		"1 detections that are not objects (first: entry 11)",
		"1 detections without a category_id (first: entry 12)",
	})
	for text, want := range map[string]string{
		`{"images":[]}`: "no list of detections", ``: "the file is empty", "\xff\xfe[": "UTF-16", "\x1f\x8b": "compressed", `[{"image_id":1}`: "cut short", `[{"score":nan}]`: "detection 1: broken JSON", `[1,]x`: "JSON",
		`[]x`: "something follows the JSON value", `[][]`: "something follows the JSON value", `[{"score":1,"score":2}]`: `detection 1: duplicate key "score"`,
		`[{"image_id":1}]`: "no detection can be used: 1 detections without a category_id (first: entry 1)",
	} {
		if _, err := ReadResults(strings.NewReader(text), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	if results, err := ReadResults(strings.NewReader("\ufeff[ ]\n"), d); err != nil || len(results.Detections) != 0 {
		t.Errorf("nothing found: %v (%v)", results, err)
	}
}

func TestYOLOLabels(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"images/a.jpg": "40x20", "images/b.jpg": "40x20/6", "images/c.jpg": "16x16", "images/d.jpg": "junk",
		"data.yaml": "path: x\nnc: 3\nnames:\n  0: cat\n  2: dog\n",
		"labels/a.txt": "\ufeff0 0.5 0.5 0.5 1\r\n\n2 0.1 0.1 0.3 0.1 0.3 0.5 0.1 0.4\n" +
			"1 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 1\n0 0.5 0.5 0 0.5\n0 0.5 x 0.5 0.5\n0 0.5 0.5 0.5\n0 12 0.5 0.5 0.5\n-1 0.5 0.5 0.5 0.5\n0 nan 0.5 0.5 0.5\n0 .5 .5 .5 .5 .9",
		"labels/b.txt": "2.0 0.5 0.5 1 1",
	})
	d, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Object{
		{ID: 1, Image: 1, Category: 0, Box: Box{10, 0, 20, 20}, Area: 400},
		{ID: 2, Image: 1, Category: 2, Box: Box{4, 2, 8, 8}, Area: 64},
		{ID: 3, Image: 2, Category: 2, Box: Box{0, 0, 20, 40}, Area: 800}, // turned by its EXIF orientation
	}
	if len(d.Objects) != len(want) {
		t.Fatalf("objects %v, want %v", d.Objects, want)
	}
	for i, o := range d.Objects {
		if o.Image != want[i].Image || o.Category != want[i].Category || max(abs(o.Box.X-want[i].Box.X), abs(o.Box.Y-want[i].Box.Y), abs(o.Box.W-want[i].Box.W), abs(o.Box.H-want[i].Box.H), abs(o.Area-want[i].Area)) > 1e-9 {
			t.Errorf("object %d is %v, want %v", i, o, want[i])
		}
	}
	if !reflect.DeepEqual(d.Categories, []Category{{ID: 0, Name: "cat"}, {ID: 2, Name: "dog"}}) || len(d.Images) != 3 {
		t.Errorf("categories %v, %d images", d.Categories, len(d.Images))
	}
	sameLines(t, d.LeftOut.Lines(), []string{
		"1 photos that cannot be read (first: d.jpg: not a picture (want JPEG, PNG, GIF, WebP, BMP or TIFF))",
		"1 labels of a class without a name (first: a.txt, line 4, class 1)",
		"1 labels that repeat an earlier line (first: a.txt, line 5)",
		"1 labels with an empty box (first: a.txt, line 6)",
		`1 labels with something that is not a number (first: a.txt, line 7, "x")`,
		"2 labels with a wrong count of numbers (5 for a box, an odd number from 7 for a polygon) (first: a.txt, line 8, 4 numbers)",
		"2 labels outside the photo (coordinates are shares of it from 0 to 1) (first: a.txt, line 9, 12)",
		"1 labels without a class number (first: a.txt, line 10, -1)",
	})
}

func TestYOLOWithoutNames(t *testing.T) {
	t.Parallel()
	d, err := Open(tree(t, map[string]string{"images/a.jpg": "40x20", "labels/a.txt": "7 .5 .5 .5 .5\n2 .5 .5 .5 .5"}), "")
	if err != nil || !reflect.DeepEqual(d.Categories, []Category{{ID: 2, Name: "class 2"}, {ID: 7, Name: "class 7"}}) || len(d.Notes) != 1 {
		t.Errorf("categories %v, notes %q (%v)", d.Categories, d.Notes, err)
	}
}

func TestVOCLabels(t *testing.T) {
	t.Parallel()
	box := func(name, coordinates string) string {
		return "<object><name>" + name + "</name><bndbox>" + coordinates + "</bndbox></object>"
	}
	dir := tree(t, map[string]string{
		"JPEGImages/a.jpg": "40x20", "JPEGImages/b.jpg": "40x20/6", "JPEGImages/c.jpg": "16x16", "JPEGImages/d.jpg": "16x16",
		"Annotations/a.xml": vocCat,
		"Annotations/b.xml": `<?xml version="1.0" encoding="gb2312"?><annotation>` +
			box("dog", "<xmin>3</xmin><ymin>4</ymin><xmax>2</xmax><ymax>9</ymax>") +
			box("dog", "<xmin>3</xmin><ymin>four</ymin><xmax>5</xmax><ymax>9</ymax>") +
			box("dog", "<xmin>-9</xmin><ymin>1</ymin><xmax>-5</xmax><ymax>9</ymax>") +
			box("", "<xmin>3</xmin><ymin>4</ymin><xmax>5</xmax><ymax>9</ymax>") + `</annotation>`,
		"Annotations/c.xml": "<annotation><object>",
	})
	d, err := Open(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Object{
		{ID: 1, Image: 1, Category: 2, Box: Box{0, 0, 40, 20}, Area: 800},
		{ID: 2, Image: 1, Category: 1, Box: Box{1, 4.5, 9, 4.5}, Area: 40.5, Ignore: true},
	}
	if !reflect.DeepEqual(d.Objects, want) {
		t.Errorf("objects %v, want %v", d.Objects, want)
	}
	if !reflect.DeepEqual(d.Categories, []Category{{ID: 1, Name: "aeroplane"}, {ID: 2, Name: "cat"}}) {
		t.Errorf("categories %v", d.Categories)
	}
	if len(d.Images) != 2 || d.Images[1].Width != 20 || d.Images[1].Height != 40 {
		t.Errorf("images %v, want the second of 20x40, from its own header", d.Images)
	}
	sameLines(t, d.LeftOut.Lines(), []string{
		"1 objects whose bndbox is not four numbers (first: b.xml, object 2)",
		"1 objects without a name or a bndbox (first: b.xml, object 4)",
		"1 label files that cannot be read (first: c.xml: broken XML: XML syntax error on line 1: unexpected EOF)",
		"1 photos without a label file (first: d.jpg)",
		"2 objects with a negative box (first: b.xml, object 1, from 3,4 to 2,9)",
	})
	sameLines(t, d.Notes, []string{"pixel coordinates are taken as counted from 1 (as PASCAL VOC's); --voc-base says otherwise"})
}

func abs(v float64) float64 { return max(v, -v) }

func TestLocateFindsPhotosByTheirLastName(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a.jpg": "40x20", "sub/b.jpg": "16x16"})
	d := &Dataset{Images: []Image{{ID: 1, File: "val2017/a.jpg"}, {ID: 2, File: "sub/b.jpg"}, {ID: 3, File: "../../etc/passwd"}, {ID: 4, File: ""}}}
	missing := d.Locate(dir)
	if len(missing) != 2 || missing[0].ID != 3 || missing[1].ID != 4 || d.Images[0].Path != filepath.Join(dir, "a.jpg") || d.Images[1].Path != filepath.Join(dir, "sub", "b.jpg") {
		t.Errorf("missing %v, images %v", missing, d.Images)
	}
}

func TestOpenLeavesOutMissingPhotos(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"p/a.jpg": "40x20", "x.json": strings.Replace(oneBox, `"images":[`, `"images":[{"id":1,"file_name":"gone.jpg"},`, 1)})
	d, err := Open(filepath.Join(dir, "p"), filepath.Join(dir, "x.json"))
	if err != nil || len(d.Images) != 1 || !slices.Equal(d.LeftOut.Lines(), []string{"1 photos that are not there (first: gone.jpg)"}) {
		t.Errorf("%+v (%v)", d, err)
	}
}

func TestWriteCOCOReadsBack(t *testing.T) {
	t.Parallel()
	d, _ := synthetic(2, 5, 3, 4, 0)
	var b bytes.Buffer
	if err := WriteCOCO(&b, d); err != nil {
		t.Fatal(err)
	}
	back, err := ReadCOCO(&b)
	if err != nil || len(back.LeftOut) > 0 || !reflect.DeepEqual(back.Objects, d.Objects) || !reflect.DeepEqual(back.Images, d.Images) || !reflect.DeepEqual(back.Categories, d.Categories) {
		t.Errorf("wrote %v\nread %v (%v)", d, back, err)
	}
}

func TestMatchClasses(t *testing.T) {
	t.Parallel()
	coco := []Category{{ID: 1, Name: "person"}, {ID: 5, Name: "airplane"}, {ID: 63, Name: "couch"}, {ID: 64, Name: "potted plant"}, {ID: 70, Name: "toilet"}}
	voc := &Dataset{Labeled: true, Categories: []Category{{ID: 1, Name: "aeroplane"}, {ID: 2, Name: "Potted_Plant"}, {ID: 3, Name: "sofa"}, {ID: 4, Name: "zebra"}}}
	ids, without := voc.MatchClasses(coco)
	if !reflect.DeepEqual(ids, map[int]int{5: 1, 63: 3, 64: 2}) || !reflect.DeepEqual(without, []Category{{ID: 4, Name: "zebra"}}) {
		t.Errorf("ids %v without %v", ids, without)
	}
	photos := &Dataset{}
	if ids, without := photos.MatchClasses(coco); len(ids) != 5 || len(without) != 0 || ids[64] != 64 || len(photos.Categories) != 5 {
		t.Errorf("photos without labels: ids %v without %v", ids, without)
	}
}

// TestCategoriesOfOnePlainName: the nearest name gets the detections, among
// equals one that has objects, and a doubt is said.
func TestCategoriesOfOnePlainName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names   []string // of the categories 1, 2 ...
		objects []int    // the category of each
		want    int
		notes   int
	}{
		"the letters":       {[]string{"person", "Person", "per-son"}, []int{1, 2, 3}, 1, 0},
		"the letters, last": {[]string{"PERSON", "per_son", "person"}, []int{1, 1}, 3, 0},
		"case first":        {[]string{"per-son", "Person"}, []int{1, 2}, 2, 0},
		"with objects":      {[]string{"person", "person"}, []int{2}, 2, 0},
		"without objects":   {[]string{"Person", "PERSON"}, nil, 1, 0},
		"both with objects": {[]string{"person", "person"}, []int{2, 1}, 1, 1},
	} {
		d := &Dataset{Labeled: true, Images: []Image{{ID: 1}}}
		for i, n := range c.names {
			d.Categories = append(d.Categories, Category{ID: i + 1, Name: n})
		}
		for _, k := range c.objects {
			d.Objects = append(d.Objects, Object{Image: 1, Category: k})
		}
		ids, _ := d.MatchClasses([]Category{{ID: 77, Name: "person"}})
		if ids[77] != c.want || len(d.Notes) != c.notes {
			t.Errorf("%s: category %d, notes %q; want %d", name, ids[77], d.Notes, c.want)
		}
	}
}

func TestClassMap(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"map.yaml": "pedestrian: person\nvan: car\ncyclist:\ntruck: lorry\n0: person\n\"2\": car\n3: ''\n",
		"bad.yaml": "a: [b]\n", "twice.yaml": "a: b\na: c\n", "empty.yaml": "", "list.yaml": "[a]",
	})
	m, err := ReadClassMap(filepath.Join(dir, "map.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	set := func() *Dataset {
		d := &Dataset{Labeled: true, Images: []Image{{ID: 1}}}
		for i, name := range []string{"pedestrian", "car", "van", "cyclist", "lorry"} {
			d.Categories = append(d.Categories, Category{ID: 10 + i, Name: name})
			d.Objects = append(d.Objects, Object{ID: i + 1, Image: 1, Category: 10 + i, Box: Box{float64(100 * i), 0, 50, 50}, Area: 2500})
		}
		d.MapClasses(m)
		return d
	}
	d := set()
	if want := []Category{{ID: 10, Name: "person"}, {ID: 11, Name: "car"}, {ID: 14, Name: "lorry"}}; !reflect.DeepEqual(d.Categories, want) {
		t.Errorf("categories %v, want %v", d.Categories, want)
	}
	var of []int
	for _, o := range d.Objects {
		of = append(of, o.Category)
	}
	if !slices.Equal(of, []int{10, 11, 11, 14}) || len(d.Notes) != 1 {
		t.Errorf("objects of %v, notes %q", of, d.Notes)
	}
	ids, without := d.MatchClasses([]Category{{ID: 1, Name: "person"}, {ID: 3, Name: "car"}, {ID: 8, Name: "truck"}, {ID: 9, Name: "cyclist"}})
	if !reflect.DeepEqual(ids, map[int]int{1: 10, 3: 11, 8: 14}) || len(without) != 0 {
		t.Errorf("ids %v without %v", ids, without)
	}
	// A results file may use the data set's ids, those of the map, or names.
	results, err := ReadResults(strings.NewReader(`[
		{"image_id":1,"category_id":12,"bbox":[200,0,50,50],"score":1},
		{"image_id":1,"category_id":0,"bbox":[0,0,50,50],"score":1},
		{"image_id":1,"category_id":"truck","bbox":[400,0,50,50],"score":1},
		{"image_id":1,"category_id":2,"bbox":[100,0,50,50],"score":1},
		{"image_id":1,"category_id":13,"bbox":[100,0,50,50],"score":1},
		{"image_id":1,"category_id":3,"bbox":[100,0,50,50],"score":1},
		{"image_id":1,"category_id":99,"bbox":[100,0,50,50],"score":1}]`), set())
	if err != nil {
		t.Fatal(err)
	}
	if score, err := Score(set(), results.Detections); err != nil || score.AP < 0.999 || len(results.Detections) != 4 {
		t.Errorf("AP %v of %v (%v)", score.AP, results.Detections, err)
	}
	sameLines(t, results.LeftOut.Lines(), []string{"1 detections of categories that the data set does not have (first: entry 7, category 99)"})
	sameLines(t, results.Notes, []string{"2 detections are of classes that the class map leaves out", "1 detections name their category by its name"})
	for file, want := range map[string]string{"bad.yaml": "not followed by one name", "twice.yaml": "already defined", "empty.yaml": "no names in it", "list.yaml": "not a mapping of names", "gone.yaml": "no such file"} {
		if _, err := ReadClassMap(filepath.Join(dir, file)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one with %q", file, err, want)
		}
	}
}
