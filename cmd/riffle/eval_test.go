package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/riffle/eval"
)

var evalKeys = []string{
	"AP", "AP50", "AP75", "APl", "APm", "APs", "AR1", "AR10", "AR100", "ARl", "ARm", "ARs", "images", "left_out", "notes", "seconds",
}

// selfMade is a data set whose truth is what the model itself finds from a
// score of 0.3 on: COCO annotations in coco.json, photos in images/.
func selfMade(t *testing.T) string {
	t.Helper()
	street, err := os.ReadFile(filepath.Join("..", "..", "docs", "street.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	dir := put(t, map[string][]byte{
		"images/street.jpg": street, "images/shapes.png": pngBytes(t, picture(320, 200)), "images/small.jpg": jpegBytes(t, picture(90, 60)),
	})
	r := command(t, "detect", "--json", filepath.Join(dir, "images"))
	if r.code != 0 {
		t.Fatal(r.err)
	}
	var images, objects []string
	categories := map[int]string{1: "person", 3: "car"}
	for i, p := range parsePhotos(t, r.out) {
		images = append(images, fmt.Sprintf(`{"id":%d,"file_name":%q,"width":%d,"height":%d}`, i+7, filepath.Base(p.File), p.Width, p.Height))
		for _, o := range p.Detections {
			categories[o.CategoryID] = o.Label
			w, h := o.Box[2]-o.Box[0], o.Box[3]-o.Box[1]
			objects = append(objects, fmt.Sprintf(`{"id":%d,"image_id":%d,"category_id":%d,"bbox":[%v,%v,%v,%v],"area":%v,"iscrowd":0}`,
				len(objects)+1, i+7, o.CategoryID, o.Box[0], o.Box[1], w, h, w*h))
		}
	}
	var names []string
	for id, name := range categories {
		names = append(names, fmt.Sprintf(`{"id":%d,"name":%q}`, id, name))
	}
	coco := fmt.Sprintf(`{"images":[%s],"annotations":[%s],"categories":[%s]}`,
		strings.Join(images, ","), strings.Join(objects, ","), strings.Join(names, ","))
	if err := os.WriteFile(filepath.Join(dir, "coco.json"), []byte(coco), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func parseMetrics(t *testing.T, r result) map[string]float64 {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		t.Fatalf("%v in %q; stderr %q", err, r.out, r.err)
	}
	for _, sometimes := range []string{"incomplete", "compared", "best_threshold", "reliability"} {
		delete(all, sometimes)
	}
	if keys := slices.Sorted(maps.Keys(all)); !slices.Equal(keys, evalKeys) {
		t.Errorf("keys %v, want %v", keys, evalKeys)
	}
	m := map[string]float64{}
	for k, v := range all {
		if n, ok := v.(float64); ok {
			m[k] = n
		}
	}
	return m
}

// leftOut is what --json says was left out.
func leftOut(t *testing.T, r result) eval.Omissions {
	t.Helper()
	var got struct {
		LeftOut eval.Omissions `json:"left_out"`
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%v in %q; stderr %q", err, r.out, r.err)
	}
	return got.LeftOut
}

func TestEval(t *testing.T) {
	t.Chdir(selfMade(t))
	run := command(t, "eval", "--images", "images", "--annotations", "coco.json", "--json",
		"--results", "boxes.json", "--plots", "plots", "--html", "report.html", "--tables", "tables")
	if run.code != 0 || run.err != "" {
		t.Fatalf("code %d, stderr %q", run.code, run.err)
	}
	m := parseMetrics(t, run)
	// Every object is found by the very detection it was made of, and those
	// have the best scores: nothing can be missed.
	if m["AP"] < 0.999 || m["AR100"] < 0.999 || m["images"] != 3 || m["seconds"] <= 0 {
		t.Errorf("%v, want AP and AR100 of 1 on 3 images", m)
	}

	var results []struct {
		Image    int        `json:"image_id"`
		Category int        `json:"category_id"`
		Box      [4]float64 `json:"bbox"`
		Score    float64    `json:"score"`
	}
	data, err := os.ReadFile("boxes.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &results); err != nil {
		t.Fatal(err)
	}
	lowest := 1.0
	for _, r := range results {
		lowest = min(lowest, r.Score)
	}
	if lowest >= 0.1 {
		t.Errorf("the lowest score is %v: eval must go down to 0.01", lowest)
	}
	for _, file := range []string{"plots/pr_curve.svg", "plots/confusion.svg", "report.html", "tables/report.json", "tables/report.md"} {
		if st, err := os.Stat(file); err != nil || st.Size() < 1000 {
			t.Errorf("%s: %v", file, err)
		}
	}

	// The results file scored by itself gives the same numbers.
	again := parseMetrics(t, command(t, "eval", "--annotations", "coco.json", "--detections", "boxes.json", "--json"))
	for _, k := range evalKeys {
		if k != "seconds" && math.Abs(again[k]-m[k]) > 1e-12 {
			t.Errorf("%s: %v from the run, %v from its results file", k, m[k], again[k])
		}
	}
	one := parseMetrics(t, command(t, "eval", "--annotations", "coco.json", "--detections", "boxes.json", "--json", "--limit", "1"))
	if one["images"] != 1 {
		t.Errorf("%v images with --limit 1", one["images"])
	}
	limited := parseMetrics(t, command(t, "eval", "--images", "images", "--annotations", "coco.json", "--json", "--limit", "2"))
	if limited["images"] != 2 {
		t.Errorf("%v images with --limit 2", limited["images"])
	}
}

func TestEvalTable(t *testing.T) {
	t.Chdir(selfMade(t))
	r := command(t, "eval", "--images", "images", "--annotations", "coco.json", "--first-stage-only")
	if r.code != 0 || r.err != "" {
		t.Fatalf("code %d, stderr %q", r.code, r.err)
	}
	lines := strings.Split(r.out, "\n")
	if !strings.HasPrefix(lines[0], "first stage: 3 photos, ") || !strings.HasPrefix(lines[1], "both stages: 3 photos, ") {
		t.Errorf("begins with %q, %q", lines[0], lines[1])
	}
	head := strings.Fields(lines[2])
	row := strings.Fields(lines[3])
	if strings.Join(head, " ") != "percent first stage both stages added" || row[0] != "AP" || len(row) != 6 {
		t.Fatalf("table begins with %q, %q", lines[2], lines[3])
	}
	var first, both, added float64
	if _, err := fmt.Sscan(strings.Join(row[3:], " "), &first, &both, &added); err != nil {
		t.Fatal(err)
	}
	if both != 100 || first < 0 || math.Abs(both-first-added) > 0.11 {
		t.Errorf("first %v, both %v, added %v", first, both, added)
	}
}

func TestEvalOnBrokenData(t *testing.T) {
	dir := selfMade(t)
	t.Chdir(dir)
	good, err := os.ReadFile("images/small.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("images/small.jpg", good[:len(good)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(more ...string) result {
		return command(t, append([]string{"eval", "--images", "images", "--annotations", "coco.json", "--json"}, more...)...)
	}
	// A damaged photo and one that is not there: the same rule.
	r := run()
	if r.code != 0 || r.err != "riffle: left out: 1 photos that cannot be read (first: small.jpg: picture cut short: jpeg: data ends too early, 79 % of it is missing)\n" {
		t.Errorf("code %d, stderr %q", r.code, r.err)
	}
	if m := parseMetrics(t, r); m["images"] != 2 {
		t.Errorf("%v images, want the 2 that could be read", m["images"])
	}
	if left := leftOut(t, r); left.Total() != 1 || left[0].What != "photos" {
		t.Errorf("left out %v", left)
	}
	r = run("--strict")
	if r.code != 1 || !strings.Contains(r.err, "riffle: --strict: left out: 1 photos that cannot be read") || parseMetrics(t, r)["images"] != 2 {
		t.Errorf("--strict: code %d, stderr %q, stdout %q", r.code, r.err, r.out)
	}

	if err := os.Remove("images/small.jpg"); err != nil {
		t.Fatal(err)
	}
	r = run()
	if r.code != 0 || r.err != "riffle: left out: 1 photos that are not there (first: small.jpg)\n" || leftOut(t, r).Total() != 1 {
		t.Errorf("code %d, stderr %q", r.code, r.err)
	}
	run("--strict").wantError(t, 1, "1 photos that are not there (first: small.jpg)")

	// A photo of another size than annotated: told, but scored.
	if err := os.WriteFile("images/small.jpg", jpegBytes(t, picture(91, 60)), 0o644); err != nil {
		t.Fatal(err)
	}
	r = run()
	if r.code != 0 || !strings.Contains(r.err, "1 photos have not the size that the annotations say (small.jpg is 91x60, not 90x60)") {
		t.Errorf("code %d, stderr %q", r.code, r.err)
	}

	command(t, "eval", "--images", "gone", "--annotations", "coco.json").wantError(t, 1, "gone")
	command(t, "eval", "--images", "images", "--annotations", "gone.json").wantError(t, 1, "gone.json")
	command(t, "eval", "--annotations", "coco.json").wantError(t, 2, "--images DIR is missing")
	command(t, "eval", "--images", "images", "--split", "half").wantError(t, 2, "--split must be train, val, test or all")
	command(t, "eval", "--annotations", "coco.json", "--detections", "images/street.jpg").wantError(t, 1, "detections images/street.jpg: ")
	command(t, "eval", "--annotations", "coco.json", "--detections", "gone.json").wantError(t, 1, "detections gone.json: no such file")
	command(t, "eval", "--images", "images", "--model", "gone").wantError(t, 1, `no model is called "gone"`)
}

func TestEvalWithoutLabels(t *testing.T) {
	t.Chdir(put(t, map[string][]byte{"photos/a.png": pngBytes(t, picture(100, 80))}))
	r := command(t, "eval", "--images", "photos", "--results", "boxes.json")
	if r.code != 0 || !strings.Contains(r.out, "There are no labels to score against.") {
		t.Errorf("code %d, stdout %q, stderr %q", r.code, r.out, r.err)
	}
	if _, err := os.Stat("boxes.json"); err != nil {
		t.Error(err)
	}
}

// TestEvalScoresResultsOfOthers: what cannot be used is counted, and fails the
// run where nothing can.
func TestEvalScoresResultsOfOthers(t *testing.T) {
	truth := `{"images":[{"id":1,"file_name":"a.jpg"},{"id":2,"file_name":"b.jpg"}],"categories":[{"id":1,"name":"cat"}],
		"annotations":[{"image_id":1,"category_id":1,"bbox":[0,0,50,50]}%s]}`
	det := `{"image_id":1,"category_id":1,"bbox":[0,0,50,50],"score":%s}`
	t.Chdir(put(t, map[string][]byte{
		"truth.json": fmt.Appendf(nil, truth, ""), "partly.json": fmt.Appendf(nil, truth, `,{"image_id":9,"category_id":1,"bbox":[0,0,1,1]}`),
		"good.json": fmt.Appendf(nil, "["+det+"]", "0.5"), "words.json": fmt.Appendf(nil, "["+det+"]", `"0.5"`),
		"mixed.json": fmt.Appendf(nil, "["+det+","+det+"]", "0.5", `"0.5"`), "two.json": fmt.Appendf(nil, "["+det+"]["+det+"]", "0.5", "0.5"),
		"none.json": []byte("[]"), "images/a.jpg": jpegBytes(t, picture(90, 60)),
	}))
	score := func(truth, found string, more ...string) result {
		return command(t, append([]string{"eval", "--annotations", truth, "--detections", found, "--json"}, more...)...)
	}
	for _, c := range []struct {
		truth, found string
		ap           float64
		left         int
	}{{"truth.json", "good.json", 1, 0}, {"truth.json", "mixed.json", 1, 1}, {"partly.json", "good.json", 1, 1}, {"partly.json", "mixed.json", 1, 2}, {"truth.json", "none.json", 0, 0}} {
		r := score(c.truth, c.found)
		if r.code != 0 || math.Abs(parseMetrics(t, r)["AP"]-c.ap) > 1e-9 || leftOut(t, r).Total() != c.left || c.left > 0 != strings.Contains(r.err, "left out: ") {
			t.Errorf("%s, %s: code %d, %q, %q", c.truth, c.found, r.code, r.out, r.err)
		}
		strict := score(c.truth, c.found, "--strict")
		if c.left == 0 && strict.code != 0 || c.left > 0 && (strict.code != 1 || strict.out != "") {
			t.Errorf("%s, %s --strict: code %d, %q, %q", c.truth, c.found, strict.code, strict.out, strict.err)
		}
	}
	score("truth.json", "words.json").wantError(t, 1, "no detection can be used: 1 detections whose score is not a finite number")
	score("truth.json", "two.json").wantError(t, 1, "something follows the JSON value")

	// The photos are not needed for it: one of two is here.
	r := score("truth.json", "good.json", "--images", "images", "--html", "page.html")
	if r.code != 0 || parseMetrics(t, r)["images"] != 2 || !strings.Contains(r.err, "1 photos are not in images, such as b.jpg") {
		t.Errorf("code %d, %q, %q", r.code, r.out, r.err)
	}
}

// TestEvalRefusesForeignResults: a file that this run did not make is neither
// adopted nor overwritten.
func TestEvalRefusesForeignResults(t *testing.T) {
	foreign := `[{"image_id":1,"category_id":1,"bbox":[0,0,50,50],"score":0.5}]`
	t.Chdir(put(t, map[string][]byte{
		"truth.json":  []byte(`{"images":[{"id":1,"file_name":"a.jpg"}],"categories":[{"id":1,"name":"person"}],"annotations":[{"image_id":1,"category_id":1,"bbox":[0,0,50,50]}]}`),
		"others.json": []byte(foreign), "images/a.jpg": jpegBytes(t, picture(90, 60)),
	}))
	command(t, "eval", "--images", "images", "--annotations", "truth.json", "--results", "others.json").wantError(t, 1, "no run of riffle made it")
	if left, _ := os.ReadFile("others.json"); string(left) != foreign {
		t.Errorf("others.json is now %q", left)
	}
}

// TestEvalCompares two results files, as table and as JSON.
func TestEvalCompares(t *testing.T) {
	det := `{"image_id":1,"category_id":1,"bbox":[0,0,50,%d],"score":0.5}`
	t.Chdir(put(t, map[string][]byte{
		"truth.json": []byte(`{"images":[{"id":1,"file_name":"a.jpg"}],"categories":[{"id":1,"name":"cat"},{"id":2,"name":"dog"}],"annotations":[{"image_id":1,"category_id":1,"bbox":[0,0,50,50]}]}`),
		"new.json":   fmt.Appendf(nil, "["+det+"]", 50), "old.json": fmt.Appendf(nil, "["+det+"]", 40), "map.yaml": []byte("cat: animal\ndog: animal\n"),
	}))
	args := []string{"eval", "--annotations", "truth.json", "--detections", "new.json", "--compare", "old.json"}
	r := command(t, args...)
	for _, want := range []string{"old.json  new.json  added", "cat 70.0 -> 100.0 (+30.0, 1 objects)", "Best F1 100.0 at score 0.500"} {
		if r.code != 0 || r.err != "" || !strings.Contains(r.out, want) {
			t.Errorf("code %d, stderr %q, no %q in\n%s", r.code, r.err, want, r.out)
		}
	}
	var got struct {
		AP       float64
		Compared struct {
			File string
			AP   float64
		}
	}
	r = command(t, append(args, "--json", "--html", "page.html", "--tables", "tables", "--class-map", "map.yaml")...)
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.AP < 0.999 || got.Compared.File != "old.json" || math.Abs(got.Compared.AP-0.7) > 1e-9 {
		t.Errorf("%v: %s", err, r.out)
	}
	page, _ := os.ReadFile("page.html")
	for _, want := range []string{"Compared with old.json", "<td>animal</td><td>100.0</td><td>70.0</td>", "<dt>class map</dt> <dd>map.yaml</dd>"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	command(t, append(args, "--class-map", "truth.yaml")...).wantError(t, 1, "truth.yaml")
	command(t, "eval", "--annotations", "truth.json", "--detections", "new.json", "--compare", "gone.json").wantError(t, 1, "--compare gone.json: no such file")
}

// TestEvalIsDocumented: docs/evaluation.md names flags that there are, and all
// that only eval has.
func TestEvalIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "evaluation.md"))
	if err != nil {
		t.Fatal(err)
	}
	help := command(t, "eval", "--help").out
	flags := regexp.MustCompile(`--[a-z][a-z-]+`)
	known := map[string]bool{"--check": true} // of training/vectors/eval.py
	for _, f := range flags.FindAllString(help, -1) {
		known[f] = true
	}
	for _, f := range flags.FindAllString(string(text), -1) {
		if !known[f] {
			t.Errorf("%s is documented and unknown", f)
		}
	}
	for _, f := range []string{"--images", "--annotations", "--detections", "--first-stage-only", "--limit", "--results", "--plots", "--tables", "--html",
		"--threshold", "--json", "--compare", "--class-map", "--split", "--voc-base", "--strict", "--threads", "--workers"} {
		if !known[f] || !strings.Contains(string(text), "`"+f) {
			t.Errorf("%s is not documented", f)
		}
	}
}

func TestEvalBoundsThreads(t *testing.T) {
	var out bytes.Buffer
	say := sayer{stdio{err: &out}}
	for _, c := range []struct{ threads, workers, processors, wantThreads, wantWorkers, lines int }{
		{1, 0, 4, 1, 4, 0}, {2, 0, 4, 2, 2, 0}, {3, 0, 4, 3, 1, 0}, {999, 0, 4, 4, 1, 1}, {999, 999, 2, 2, 2, 2}, {1, 3, 4, 1, 3, 0},
	} {
		out.Reset()
		threads, workers := (&evalCmd{Threads: c.threads, Workers: c.workers}).share(c.processors, say)
		if threads != c.wantThreads || workers != c.wantWorkers || strings.Count(out.String(), "\n") != c.lines {
			t.Errorf("%+v: %d threads, %d workers, said %q", c, threads, workers, out.String())
		}
	}
}

func TestEvalInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGINT there")
	}
	dir := t.TempDir()
	photo := jpegBytes(t, picture(640, 480))
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.jpg", i)), photo, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	results := filepath.Join(t.TempDir(), "boxes.json")
	cmd := process("eval", "--images", dir, "--results", results)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 { // the results file is there when the work begins
		if _, err := os.Stat(results); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(errs.String(), "riffle: interrupted") {
		t.Errorf("code %d, stderr %q", code, errs.String())
	}
	if _, err := os.ReadFile(results); err != nil {
		t.Error(err)
	}
}
