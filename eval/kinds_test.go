package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// plainTruth and plainFound are a small set as most programs write it. The
// tests below write it as others do; the numbers have to stay.
const plainTruth = `{"images":[
{"id":1,"file_name":"a/one.jpg","width":640,"height":480},{"id":2,"file_name":"a/two.jpg","width":640,"height":480},{"id":3,"file_name":"a/three.jpg","width":640,"height":480}],
"categories":[{"id":1,"name":"cat"},{"id":5,"name":"dog"}],"annotations":[
{"id":1,"image_id":1,"category_id":1,"bbox":[68,145,36,85],"area":3060,"iscrowd":0},
{"id":2,"image_id":1,"category_id":5,"bbox":[14,99,130,20],"area":2600,"iscrowd":0},
{"id":3,"image_id":2,"category_id":1,"bbox":[230,120,117,73],"area":8541,"iscrowd":0},
{"id":4,"image_id":2,"category_id":5,"bbox":[136,184,78,146],"area":11388,"iscrowd":0},
{"id":5,"image_id":3,"category_id":1,"bbox":[40,40,20,20],"area":400,"iscrowd":0}]}`

const plainFound = `[
{"image_id":1,"category_id":1,"bbox":[69,146,36,85],"score":0.118},
{"image_id":1,"category_id":5,"bbox":[17,101,130,20],"score":0.696},
{"image_id":2,"category_id":1,"bbox":[233,122,117,73],"score":0.094},
{"image_id":2,"category_id":5,"bbox":[139,186,78,146],"score":0.5},
{"image_id":3,"category_id":1,"bbox":[43,41,20,20],"score":0.3},
{"image_id":3,"category_id":5,"bbox":[300,41,20,20],"score":0.6}]`

func scoreTexts(t *testing.T, truth, found string) (Metrics, *Dataset, *Results) {
	t.Helper()
	d, err := ReadCOCO(strings.NewReader(truth))
	if err != nil {
		t.Fatal(err)
	}
	results, err := ReadResults(strings.NewReader(found), d)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Score(d, results.Detections)
	if err != nil {
		t.Fatal(err)
	}
	return m, d, results
}

// TestLooselyTypedEntries: ids are labels, unused fields may hold anything, keys
// are case-sensitive, and none of it changes a number.
func TestLooselyTypedEntries(t *testing.T) {
	t.Parallel()
	want, _, _ := scoreTexts(t, plainTruth, plainFound)
	if want.AP < 0.3 || want.AP > 0.9 {
		t.Fatalf("the plain set scores %v: it would not notice a loss", want.AP)
	}
	replace := func(pairs ...string) func(string) string { return strings.NewReplacer(pairs...).Replace }
	ids := func(a, b, c string) func(string) string {
		return replace(`{"id":1,"file`, `{"id":`+a+`,"file`, `{"id":2,"file`, `{"id":`+b+`,"file`, `{"id":3,"file`, `{"id":`+c+`,"file`,
			`"image_id":1`, `"image_id":`+a, `"image_id":2`, `"image_id":`+b, `"image_id":3`, `"image_id":`+c)
	}
	same := func(s string) string { return s }
	for name, c := range map[string]struct {
		truth, found func(string) string
		notes        int
	}{
		"strings":                      {ids(`"img_1"`, `"img_2"`, `"img_3"`), ids(`"img_1"`, `"img_2"`, `"img_3"`), 0},
		"strings with escapes":         {ids(`"\u0069mg 1"`, `"b\"\\"`, `"ä"`), ids(`"img 1"`, `"b\u0022\\"`, `"\u00e4"`), 0},
		"above 2^53":                   {ids("9007199254740993", "9007199254740994", "9007199254740995"), ids("9007199254740993", "9007199254740994", "9007199254740995"), 0},
		"above 2^64":                   {ids("36893488147419103233", "36893488147419103234", "36893488147419103235"), ids("36893488147419103233", "36893488147419103234", "36893488147419103235"), 0},
		"fractions":                    {ids("1.25", "1.5", "1.75"), ids("1.25", "1.50", "175e-2"), 0},
		"numbers as floats":            {ids("1.0", "2e0", "30e-1"), same, 0},
		"negative":                     {ids("-1", "-2", "0"), ids("-1", "-2", "-0"), 0},
		"strings and numbers mixed":    {ids("1", `"1"`, `"x"`), ids("1", `"1"`, `"x"`), 0},
		"strings for numbers":          {same, ids(`"1"`, `"2"`, `"3"`), 1},
		"numbers for strings":          {ids(`"1"`, `"2"`, `"3"`), same, 1},
		"file names":                   {same, ids(`"a/one.jpg"`, `"two.jpg"`, `"three"`), 1},
		"backslashes in file names":    {replace("a/", `a\\`), ids(`"a/one"`, `"a/two.jpg"`, `"three"`), 1},
		"category names":               {same, replace(`"category_id":1`, `"category_id":"cat"`, `"category_id":5`, `"category_id":"dog"`), 1},
		"category ids as strings":      {replace(`{"id":5,"name"`, `{"id":"five","name"`, `"category_id":5`, `"category_id":"five"`), replace(`"category_id":5`, `"category_id":"five"`), 0},
		"names that are no strings":    {replace(`"name":"cat"`, `"name":null`, `"name":"dog"`, `"name":7`, `"file_name":"a/one.jpg"`, `"file_name":{"x":1}`), same, 0},
		"sizes that are no numbers":    {replace(`"width":640`, `"width":"640"`, `"height":480`, `"height":null`), same, 0},
		"NaN in unused fields":         {replace(`"file_name"`, `"x":NaN,"y":[-Infinity,{"z":Infinity}],"file_name"`), replace(`"bbox"`, `"extra":NaN,"more":[{"a":[NaN]}],"bbox"`), 0},
		"other keys in capitals":       {replace(`"bbox"`, `"BBox":[0,0,1,1],"Image_ID":9,"bbox"`), replace(`"score"`, `"Score":"x","BBOX":[1,2,3,4],"score"`), 0},
		"keys with escapes":            {replace(`"bbox"`, `"bb\u006fx"`), replace(`"score"`, `"sc\u006fre"`), 0},
		"all annotations of id 0":      {replace(`{"id":1,"image`, `{"id":0,"image`, `{"id":2,"image`, `{"id":0,"image`, `{"id":3,"image`, `{"id":0,"image`, `{"id":4,"image`, `{"id":0,"image`, `{"id":5,"image`, `{"id":0,"image`), same, 1},
		"annotations without ids":      {replace(`{"id":1,"image`, `{"image`, `{"id":2,"image`, `{"id":null,"image`, `{"id":3,"image`, `{"id":true,"image`), same, 0},
		"annotations of odd ids":       {replace(`{"id":1,"image`, `{"id":"a","image`, `{"id":2,"image`, `{"id":1.5,"image`), same, 0},
		"crowds as words":              {replace(`"iscrowd":0`, `"iscrowd":"0"`), same, 0},
		"areas as words":               {replace(`"area":3060`, `"area":"3060"`, `"area":400`, `"area":NaN`), same, 1},
		"absent areas":                 {replace(`"area":3060,`, ``, `"area":400,`, `"area":null,`), same, 0},
		"a byte order mark":            {func(s string) string { return "\ufeff" + s }, func(s string) string { return "\ufeff" + s + "\r\n" }, 0},
		"polygons for boxes":           {replace(`"bbox":[68,145,36,85]`, `"segmentation":[[68,145,104,150,70,230]]`, `"bbox":[40,40,20,20]`, `"bbox":[],"segmentation":[[40,40,50,45,45,50],[60,60,50,50,41,41]]`), same, 1},
		"masks for boxes":              {replace(`"bbox":[40,40,20,20],"area":400`, `"segmentation":{"size":[480,640],"counts":[19240`+strings.Repeat(",20,460", 19)+`,20,278820]},"area":400`), same, 1},
		"anything in other lists":      {replace(`{"images"`, `{"info":[NaN,{"images":[]}],"licenses":null,"images"`), same, 0},
		"nothing but the crowd absent": {replace(`,"iscrowd":0`, ``), same, 0},
	} {
		truth, found := c.truth(plainTruth), c.found(plainFound)
		if truth == plainTruth && found == plainFound {
			t.Errorf("%s: nothing was replaced", name)
		}
		got, d, results := scoreTexts(t, truth, found)
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if len(d.LeftOut)+len(results.LeftOut) > 0 {
			t.Errorf("%s: left out %v %v", name, d.LeftOut, results.LeftOut)
		}
		if n := len(d.Notes) + len(results.Notes); n != c.notes {
			t.Errorf("%s: notes %q %q, want %d", name, d.Notes, results.Notes, c.notes)
		}
		var written strings.Builder
		if err := WriteResults(&written, d, results.Detections); err != nil {
			t.Fatal(err)
		}
		var truthWritten strings.Builder
		if err := WriteCOCO(&truthWritten, d); err != nil {
			t.Fatal(err)
		}
		if again, _, _ := scoreTexts(t, truthWritten.String(), written.String()); math.Abs(again.AP-want.AP) > 1e-12 {
			t.Errorf("%s: written and read again AP %v, want %v", name, again.AP, want.AP)
		}
	}
}

// TestIDsThatMeanSeveral: nobody guesses.
func TestIDsThatMeanSeveral(t *testing.T) {
	t.Parallel()
	d := &Dataset{Labeled: true, Categories: []Category{{ID: 1, Name: "cat"}, {ID: 2, Name: "cat"}},
		Images: []Image{{ID: 1, File: "train/x.jpg"}, {ID: 2, File: "val/x.jpg"}, {ID: 3, File: "2.jpg"}}}
	results, err := ReadResults(strings.NewReader(`[
		{"image_id":"x","category_id":1,"bbox":[1,1,2,2],"score":1},
		{"image_id":"2","category_id":1,"bbox":[1,1,2,2],"score":1},
		{"image_id":"val/x","category_id":"cat","bbox":[1,1,2,2],"score":1},
		{"image_id":"val/x","category_id":1,"bbox":[1,1,2,2],"score":1},
		{"image_id":2,"category_id":"2","bbox":[1,1,2,2],"score":1}]`), d)
	if err != nil {
		t.Fatal(err)
	}
	sameLines(t, results.LeftOut.Lines(), []string{
		`2 detections whose image_id means several images (first: entry 1, image "x")`,
		`1 detections whose category_id means several categories (first: entry 3, category "cat")`,
	})
	if len(results.Detections) != 2 || results.Detections[0].Image != 2 || results.Detections[1].Category != 2 {
		t.Errorf("read %v", results.Detections)
	}
}

// TestMasksEqualPycocotools: a detection without a box has that of its mask,
// and the mask's area decides its size class.
func TestMasksEqualPycocotools(t *testing.T) {
	t.Parallel()
	var v struct {
		recorded
		Rows []struct {
			Row  json.RawMessage
			Box  [4]float64
			Area float64
		}
	}
	readVectors(t, "masks.json", &v)
	annotations, _ := v.files()
	var rows []string
	for _, r := range v.Rows {
		rows = append(rows, string(r.Row))
	}
	d, err := ReadCOCO(strings.NewReader(annotations))
	if err != nil {
		t.Fatal(err)
	}
	results, err := ReadResults(strings.NewReader("["+strings.Join(rows, ",")+"]"), d)
	if err != nil {
		t.Fatal(err)
	}
	plain, differs := 0, 0
	for i, det := range results.Detections {
		if got := [4]float64{det.Box.X, det.Box.Y, det.Box.W, det.Box.H}; got != v.Rows[i].Box || det.Area != v.Rows[i].Area {
			t.Errorf("mask %d has box %v and area %v, pycocotools has %v and %v", i, got, det.Area, v.Rows[i].Box, v.Rows[i].Area)
		}
		if strings.Contains(rows[i], `"counts": [`) || strings.Contains(rows[i], `"counts":[`) {
			plain++
		}
		if det.Area != det.Box.Area() {
			differs++
		}
	}
	if plain < 5 || differs < 10 || len(results.Detections) != len(v.Rows) {
		t.Errorf("%d of %d masks, %d uncompressed, %d of another area than their box", len(results.Detections), len(v.Rows), plain, differs)
	}
	compare(t, "masks", evaluated(t, d, results.Detections), v.Stats, v.Classes)
}

func TestMasksThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `null`, `7`, `"x"`, `[]`, `[[]]`, `[[1,2,3,4]]`, `[[1,2,3,4,5]]`, `[[1,2,3,4,5,"6"]]`, `[[1,2,3,4,5,NaN]]`, `{}`,
		`{"size":[2,2]}`, `{"counts":[4]}`, `{"size":[2,2],"counts":[1,2]}`, `{"size":[2,2],"counts":[1,9]}`, `{"size":[2,-2],"counts":[1]}`,
		`{"size":[2,2.5],"counts":[5]}`, `{"size":[2,2],"counts":[-1,5]}`, `{"size":[2,2],"counts":"PPPPPPPPPPPPPPPP"}`, `{"size":[2,2],"counts":"~"}`,
		`{"size":[1e9,1e9],"counts":[4]}`, `[[-1e308,0,1e308,0,0,1e308]]`, `{"size":[2,2],"size":[2,2],"counts":[4]}`, `{"size":[2,2],"counts":"O"}`,
	} {
		if m, ok := readMask([]byte(text)); ok {
			t.Errorf("%s is read as %v", text, m)
		}
	}
}

// TestJSONAsPythonReadsIt holds the reader to the syntax that Python's json
// module takes.
func TestJSONAsPythonReadsIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `[]`, `""`, `"\ud83d\ude00\n\/"`, `0`, `-0`, `1.5e-3`, `1E+5`, `-12`, `NaN`, `Infinity`, `-Infinity`, `null`, `true`, `false`,
		` { "a" : [ 1 , { } , [ ] ] , "b" : "}" } `, "[\n\t1,\r\n2]", "\ufeff[]",
	} {
		j := newJSONReader(strings.NewReader(text))
		if err := j.skip(); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if err := j.finish(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		``: "cut short", `{`: "cut short", `{"a"`: "cut short", `{"a":`: "cut short", `{"a":1`: "cut short", `{"a":1,`: "cut short", `[1`: "cut short",
		`"abc`: "cut short", `"\`: "cut short", `"\u12`: "cut short", `-`: "cut short", `1.`: "cut short", `1e`: "cut short", `tru`: "cut short",
		`nan`: "no value", `{a:1}`: "belongs", `{"a" 1}`: "belongs", `{"a":1 "b":2}`: "belongs", `[1 2]`: "belongs", `[1,]`: "no value", `{"a":1,}`: "belongs",
		`01`: "something follows", `+1`: "no value", `.5`: "no value", `1.x`: "digits", `1ex`: "digits", `-x`: "minus", `'a'`: "no value", `"\x"`: "escape",
		"\"a\nb\"": "control", `"\u00zz"`: "escape", `[] []`: "something follows", `{}{}`: "something follows", `nullx`: "no value",
		strings.Repeat("[", 5000): "too deeply",
	} {
		j := newJSONReader(strings.NewReader(text))
		err := j.skip()
		if err == nil {
			err = j.finish()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: error %v, want one with %q", text, err, want)
		}
	}
}

// TestOmissionsKeepExamples: a line a kind, with the first ten.
func TestOmissionsKeepExamples(t *testing.T) {
	t.Parallel()
	var a, b Omissions
	for i := range 15 {
		a.Add("photos", "that are not there", "%d\nx", i)
		b.Add([]string{"photos", "labels"}[i%2], "that are not there", "%d", 100+i)
	}
	a.Append(b)
	if a.Total() != 30 || len(a) != 2 || a[0].Count != 23 || len(a[0].Examples) != 10 || a[0].Examples[1] != "1 x" || a[1].Count != 7 {
		t.Errorf("%+v", a)
	}
	if got, want := a.Lines()[1], "7 labels that are not there (first: 101)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !slices.Equal(a[1].Examples, strings.Fields("101 103 105 107 109 111 113")) {
		t.Error(fmt.Sprint(a[1].Examples))
	}
}
