package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// album is a data set of n photos; detect finds i%3 objects in photo i and
// fails on photo 4.
func album(n int) *Dataset {
	d := &Dataset{Format: FormatFolder, Categories: []Category{{ID: 3, Name: "cat"}}}
	for i := 1; i <= n; i++ {
		d.Images = append(d.Images, Image{ID: i * 10, File: fmt.Sprint(i), Path: fmt.Sprint(i)})
	}
	return d
}

type fakeDetector struct {
	mu   sync.Mutex
	runs []string
}

func (f *fakeDetector) detect(_ context.Context, path string) ([]Detection, error) {
	f.mu.Lock()
	f.runs = append(f.runs, path)
	f.mu.Unlock()
	if path == "4" {
		return nil, errors.New("cut short")
	}
	n := 0
	if _, err := fmt.Sscan(path, &n); err != nil {
		return nil, err
	}
	out := make([]Detection, n%3)
	for k := range out {
		out[k] = Detection{Category: 3, Box: Box{float64(n) + 0.12345678, 1, 2, float64(k)}, Score: 1 / float64(n+3)}
	}
	return out, nil
}

func (f *fakeDetector) ran() []string {
	slices.Sort(f.runs)
	return slices.Compact(slices.Clone(f.runs))
}

func TestRunnerKeepsOrderAndSkipsWhatFails(t *testing.T) {
	t.Parallel()
	d := album(40)
	var f fakeDetector
	run, err := (&Runner{Detect: f.detect, Workers: 4}).Run(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Images) != 39 || len(run.Timings) != 39 || len(run.Skipped) != 1 || run.Skipped[0].Image.ID != 40 || run.Skipped[0].Err.Error() != "cut short" || run.Resumed != 0 {
		t.Errorf("%d images, %d timings, skipped %v", len(run.Images), len(run.Timings), run.Skipped)
	}
	if !slices.IsSortedFunc(run.Detections, func(a, b Detection) int { return a.Image - b.Image }) || len(run.Detections) != 39 {
		t.Errorf("%d detections: %v", len(run.Detections), run.Detections)
	}
	if got, want := run.Detections[0], (Detection{10, 3, Box{1.123, 1, 2, 0}, 0.25, 0}); got != want {
		t.Errorf("the first detection is %v, want %v", got, want)
	}
	if !slices.IsSortedFunc(run.Timings, func(a, b Timing) int { return a.Image.ID - b.Image.ID }) {
		t.Error("timings are not in the order of the photos")
	}
}

func TestRunnerResumes(t *testing.T) {
	t.Parallel()
	d := album(12)
	file := filepath.Join(t.TempDir(), "out.json")
	runner := func(f *fakeDetector, limit int) *Runner {
		return &Runner{Detect: f.detect, Workers: 2, Limit: limit, Results: file, Made: "model a"}
	}
	var first, second, third fakeDetector
	if _, err := runner(&first, 6).Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	run, err := runner(&second, 0).Run(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	// 3 and 6 hold nothing and must not be run again; 4 failed and must.
	if want := []string{"10", "11", "12", "4", "7", "8", "9"}; !reflect.DeepEqual(second.ran(), want) {
		t.Errorf("the second run ran %v, want %v", second.ran(), want)
	}
	if run.Resumed != 5 || len(run.Images) != 11 || len(run.Timings) != 6 {
		t.Errorf("resumed %d of %d, timings %d", run.Resumed, len(run.Images), len(run.Timings))
	}
	whole, _ := (&Runner{Detect: (&fakeDetector{}).detect}).Run(t.Context(), d)
	if !reflect.DeepEqual(run.Detections, whole.Detections) {
		t.Errorf("resumed to %v, in one go %v", run.Detections, whole.Detections)
	}
	before, _ := os.ReadFile(file)
	// A limit must not cut down what the file already holds.
	if run, err = runner(&third, 2).Run(t.Context(), d); err != nil || len(run.Images) != 2 || len(third.runs) != 0 {
		t.Errorf("%d images, ran %v (%v)", len(run.Images), third.runs, err)
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Errorf("a run with a limit changed the file to\n%s", after)
	}
}

// TestRunnerRefusesForeignResults: what this very run did not write is neither
// taken for its own nor overwritten.
func TestRunnerRefusesForeignResults(t *testing.T) {
	t.Parallel()
	d := album(6)
	file := filepath.Join(t.TempDir(), "out.json")
	r := &Runner{Detect: (&fakeDetector{}).detect, Results: file, Made: "model a"}
	if _, err := r.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	again := func(d *Dataset) (*Run, []string, error) {
		var f fakeDetector
		r.Detect = f.detect
		run, err := r.Run(t.Context(), d)
		return run, f.ran(), err
	}
	results, _ := os.ReadFile(file)
	side, _ := os.ReadFile(file + ".state")
	write := func(results, side string) {
		for name, text := range map[string]string{file: results, file + ".state": side} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if text == "" {
				_ = os.Remove(name)
			}
		}
	}
	if run, ran, err := again(d); !reflect.DeepEqual(ran, []string{"4"}) || err != nil || len(run.Images) != 5 || run.Resumed != 5 {
		t.Errorf("its own results: ran %v (%v)", ran, err)
	}
	renamed := album(6)
	renamed.Images[1].File = "another.jpg"
	for name, c := range map[string]struct {
		d                   *Dataset
		results, side, want string
	}{
		"no sidecar":        {d, string(results), "", "there is no out.json.state beside it"},
		"changed":           {d, string(results) + " \n", string(side), "it was changed since out.json.state was written"},
		"another model":     {d, string(results), strings.Replace(string(side), "model a", "model b", 1), `made by "model b" and this run is "model a"`},
		"broken sidecar":    {d, string(results), "{", "out.json.state is damaged"},
		"another sidecar":   {d, string(results), `{"format":1,"sha256":"x"}`, "format 1"},
		"another data set":  {d, `[{"image_id":77,"category_id":3,"bbox":[1,2,3,4],"score":1}]`, string(side), "it was changed"},
		"other photos":      {renamed, string(results), string(side), "image 20 was 2 and is another.jpg"},
		"fewer photos":      {album(4), string(results), string(side), "it is of another data set"},
		"cut-short results": {d, string(results)[:20], string(side), "it was changed"},
	} {
		write(c.results, c.side)
		if _, ran, err := again(c.d); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(ran) != 0 {
			t.Errorf("%s: ran %v, error %v, want one with %q", name, ran, err, c.want)
		}
		if left, _ := os.ReadFile(file); string(left) != c.results {
			t.Errorf("%s: the results file was changed", name)
		}
	}
}

// TestRunnerKilledBetweenTwoFiles: the sidecar is replaced first, and fits the
// old results file too.
func TestRunnerKilledBetweenTwoFiles(t *testing.T) {
	t.Parallel()
	d := album(9)
	file := filepath.Join(t.TempDir(), "out.json")
	r := &Runner{Detect: (&fakeDetector{}).detect, Results: file, Made: "model a", Limit: 3}
	if _, err := r.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(file)
	s, err := r.openState(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, im := range d.Images[4:8] {
		if err := s.take(im, []Detection{{Category: 3, Box: Box{1, 1, 1, 1}, Score: 0.5}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, old, 0o644); err != nil {
		t.Fatal(err)
	}
	var f fakeDetector
	r.Detect, r.Limit = f.detect, 0
	run, err := r.Run(t.Context(), d)
	if want := []string{"4", "5", "6", "7", "8", "9"}; err != nil || !reflect.DeepEqual(f.ran(), want) || run.Resumed != 3 {
		t.Errorf("ran %v, resumed %d (%v), want %v", f.ran(), run.Resumed, err, want)
	}
}

func TestRunnerSavesWhenCancelled(t *testing.T) {
	t.Parallel()
	d := album(200)
	file := filepath.Join(t.TempDir(), "out.json")
	ctx, cancel := context.WithCancel(t.Context())
	var f fakeDetector
	calls := 0
	run, err := (&Runner{Results: file, Detect: func(ctx context.Context, path string) ([]Detection, error) {
		if calls++; calls == 30 {
			cancel()
			return nil, ctx.Err()
		}
		return f.detect(ctx, path)
	}}).Run(ctx, d)
	if !errors.Is(err, context.Canceled) || run == nil || len(run.Images) != 28 || len(run.Skipped) != 1 {
		t.Fatalf("%+v (%v), want 28 images and one skipped", run, err)
	}
	text, _ := os.ReadFile(file)
	results, err := ReadResults(bytes.NewReader(text), d)
	if err != nil || len(results.LeftOut) > 0 || !reflect.DeepEqual(results.Detections, run.Detections) {
		t.Errorf("the file holds %v, want %v (%v)", results, run.Detections, err)
	}
}

func TestRunnerSavesNowAndThen(t *testing.T) {
	t.Parallel()
	d := album(8)
	file := filepath.Join(t.TempDir(), "out.json")
	var f fakeDetector
	seen := 0
	_, err := (&Runner{Results: file, SaveEvery: time.Nanosecond, Detect: func(ctx context.Context, path string) ([]Detection, error) {
		for wait := 0; path == "8" && seen == 0 && wait < 500; wait++ { // saving goes on beside detecting
			time.Sleep(10 * time.Millisecond)
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			results, err := ReadResults(bytes.NewReader(text), d)
			if err != nil {
				return nil, err
			}
			seen = len(results.Detections)
		}
		return f.detect(ctx, path)
	}}).Run(t.Context(), d)
	if err != nil || seen == 0 {
		t.Errorf("%d detections were saved before the end (%v)", seen, err)
	}
	left, _ := filepath.Glob(file + ".*.tmp")
	if len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestRunnerRefuses(t *testing.T) {
	t.Parallel()
	d := album(2)
	bad := func(det Detection) func(context.Context, string) ([]Detection, error) {
		return func(context.Context, string) ([]Detection, error) { return []Detection{det}, nil }
	}
	for name, c := range map[string]struct {
		r    Runner
		want string
	}{
		"NaN":              {Runner{Detect: bad(Detection{Category: 3, Score: math.NaN()})}, "all 2 photos failed, the first, 1, with: the detector returned a number that is not finite"},
		"unknown category": {Runner{Detect: bad(Detection{Category: 9})}, "category 9"},
		"no folder":        {Runner{Detect: bad(Detection{Category: 3}), Results: filepath.Join(t.TempDir(), "no", "out.json")}, "results: open "},
	} {
		if _, err := c.r.Run(t.Context(), d); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	now := time.Unix(1000, 0)
	b := &bar{w: &out, now: func() time.Time { return now }, total: 30, start: now}
	for range 15 {
		now = now.Add(50 * time.Millisecond)
		b.step()
	}
	lines := strings.Split(out.String(), "\r")
	if last := strings.TrimRight(lines[len(lines)-1], " "); last != "###############............... 15/30, 20.0 photos/s, 1s left" {
		t.Errorf("drew %q", last)
	}
	if len(lines) != 1+8 { // the first step, then every second one
		t.Errorf("drew %d lines for 15 steps of 50 ms", len(lines)-1)
	}
	for _, l := range lines[1:] {
		if len(l) != 78 {
			t.Errorf("a line of %d characters: %q", len(l), l)
		}
	}
	b.finish()
	if !strings.HasSuffix(out.String(), strings.Repeat(" ", 78)+"\r") {
		t.Error("the line is not wiped")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	quiet := newBar(file, 1, time.Now)
	quiet.step()
	quiet.finish()
	if st, _ := file.Stat(); st.Size() != 0 {
		t.Error("a bar was written to a file")
	}
}
