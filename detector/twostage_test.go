package detector

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"sync"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// tinyFile is a small two-stage model of random weights, made together with
// the vectors "two_stage".
func tinyFile(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../testdata/tiny_detector.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func tinyDetector(t testing.TB, o Options) *Detector {
	t.Helper()
	d, err := New(tinyFile(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// unevenDetector is tinyFile's network with another inner width in every unit,
// as training/netadapt.py makes them, and its own weights and vectors.
func unevenDetector(t testing.TB) *Detector {
	t.Helper()
	data, err := os.ReadFile("testdata/uneven_model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTwoStageMatchesPyTorch follows one picture through every step.
func TestTwoStageMatchesPyTorch(t *testing.T) {
	t.Run("tiny", func(t *testing.T) { testTwoStage(t, tinyDetector(t, Options{}), "two_stage") })
	t.Run("uneven widths", func(t *testing.T) { testTwoStage(t, unevenDetector(t), "uneven") })
}

func testTwoStage(t *testing.T, d *Detector, name string) {
	v := parity.Vectors(t, "testdata/"+name+".safetensors")
	first := take(t, d)
	copied, err := first.clone()
	if err != nil {
		t.Fatal(err)
	}
	w := copied.(*twoStage)
	if err := w.fill(parity.Image(parity.Stored(t, v, "image"))); err != nil {
		t.Fatal(err)
	}
	w.plan.Run()

	// Every so manieth point: class logits and bin logits.
	want := parity.Stored(t, v, "dense")
	const step = 19
	var got []float32
	for point := 0; point < w.dense.points; point += step {
		l, cell := w.dense.at(point)
		for _, plane := range l.planes {
			got = append(got, plane[cell])
		}
	}
	parity.Near(t, "dense logits", got, want.Data, 2e-4)

	w.dense.propose(&w.proposer, &d.header.RoI)
	var boxes []Box
	var objectness []float32
	for _, p := range w.proposer.chosen {
		boxes, objectness = append(boxes, p.box), append(objectness, p.objectness)
	}
	nearBoxes(t, "proposals", boxes, boxesOf(t, parity.Stored(t, v, "proposals")), 0.01)
	parity.Near(t, "objectness", objectness, parity.Stored(t, v, "objectness").Data, 1e-4)

	if err := w.head.run(&w.dense, w.proposer.chosen); err != nil {
		t.Fatal(err)
	}
	parity.Near(t, "pooled features", byRegion(w.head.regions, len(boxes)), parity.Stored(t, v, "pooled").Data, 2e-4)
	parity.Near(t, "deltas", byRegion(w.head.deltas, len(boxes)), parity.Stored(t, v, "deltas").Data, 2e-4)

	var pairs candidates
	w.detections(&pairs, scoreFloor, nil)
	found := pairs.best(nil, new(Suppressor), d.header.NMS, DefaultMaxDetections)
	checkFound(t, found, boxesOf(t, parity.Stored(t, v, "whole.boxes")), parity.Stored(t, v, "whole.scores").Data, intsOf(parity.Stored(t, v, "whole.classes")))
}

// byRegion reorders planes of columns to one region after the other.
func byRegion(planes [][]float32, regions int) []float32 {
	var out []float32
	for i := range regions {
		for _, p := range planes {
			out = append(out, p[i])
		}
	}
	return out
}

// TestDetectMatchesPyTorch checks both kinds of run from a picture to boxes in
// its own pixels.
func TestDetectMatchesPyTorch(t *testing.T) {
	v := parity.Vectors(t, "testdata/two_stage.safetensors")
	img := parity.Image(parity.Stored(t, v, "image"))
	for name, first := range map[string]bool{"whole": false, "first": true} {
		t.Run(name, func(t *testing.T) {
			d := tinyDetector(t, Options{FirstStageOnly: first})
			r, err := d.Detect(context.Background(), img, Filter{Threshold: Everything})
			if err != nil {
				t.Fatal(err)
			}
			if r.Width != img.Rect.Dx() || r.Height != img.Rect.Dy() {
				t.Errorf("photo of %d x %d, want %v", r.Width, r.Height, img.Rect.Max)
			}
			in := d.Info()
			var got []classBox
			for _, x := range r.Detections {
				got = append(got, classBox{
					Box:   x.Box.Scale(float32(in.Width)/float32(r.Width), float32(in.Height)/float32(r.Height)),
					Score: x.Score,
					Class: classNumber(t, in.Classes, x),
				})
			}
			checkFound(t, got, boxesOf(t, parity.Stored(t, v, name+".boxes")), parity.Stored(t, v, name+".scores").Data, intsOf(parity.Stored(t, v, name+".classes")))
		})
	}
}

// classNumber finds a detection's class and checks that name and id belong together.
func classNumber(t *testing.T, classes []Class, d Detection) int {
	t.Helper()
	for i, c := range classes {
		if c.Name == d.Label && c.ID == d.CategoryID {
			return i
		}
	}
	t.Fatalf("no class is called %q with id %d", d.Label, d.CategoryID)
	return 0
}

func TestDetectFilter(t *testing.T) {
	img := parity.Image(parity.Stored(t, parity.Vectors(t, "testdata/two_stage.safetensors"), "image"))
	d := tinyDetector(t, Options{})
	ctx := context.Background()
	all, err := d.Detect(ctx, img, Filter{Threshold: Everything, MaxDetections: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Detections) <= DefaultMaxDetections {
		t.Fatalf("only %d detections to choose from", len(all.Detections))
	}
	keep := func(wanted func(i int, x Detection) bool) []Detection {
		var out []Detection
		for i, x := range all.Detections {
			if wanted(i, x) {
				out = append(out, x)
			}
		}
		return out
	}
	cases := map[string]struct {
		filter Filter
		want   []Detection
	}{
		"nothing asked": {Filter{}, keep(func(_ int, x Detection) bool { return x.Score > DefaultThreshold })},
		"everything":    {Filter{Threshold: Everything}, all.Detections[:DefaultMaxDetections]},
		"threshold":     {Filter{Threshold: 0.5}, keep(func(_ int, x Detection) bool { return x.Score > 0.5 })},
		"limit":         {Filter{Threshold: Everything, MaxDetections: 3}, all.Detections[:3]},
		"labels": {Filter{Threshold: Everything, Labels: []string{"cow", "cat"}, MaxDetections: 1000}, keep(func(_ int, x Detection) bool {
			return x.Label == "cow" || x.Label == "cat"
		})},
	}
	for name, c := range cases {
		r, err := d.Detect(ctx, img, c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.want) == 0 || fmt.Sprint(r.Detections) != fmt.Sprint(c.want) {
			t.Errorf("%s: %d detections, want %d", name, len(r.Detections), len(c.want))
		}
	}
	for name, q := range map[string]Filter{
		"threshold":      {Threshold: 1.5},
		"max detections": {MaxDetections: -1},
		`"shep"`:         {Labels: []string{"shep"}},
	} {
		if _, err := d.Detect(ctx, img, q); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v does not name %s", err, name)
		}
	}
}

// TestDetectFromManyGoroutines wants the same answers from all of them, with
// more callers than workers.
func TestDetectFromManyGoroutines(t *testing.T) {
	v := parity.Vectors(t, "testdata/two_stage.safetensors")
	img := parity.Image(parity.Stored(t, v, "image"))
	for _, o := range []Options{{Workers: 3}, {Workers: 2, Threads: 2}} {
		d := tinyDetector(t, o)
		pictures := []image.Image{img, &photo.Photo{Stored: img, Orientation: 6}}
		want := []string{detectText(t, d, pictures[0]), detectText(t, d, pictures[1])}
		if want[0] == want[1] {
			t.Fatal("turning the photo changes nothing")
		}
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				for k := range 3 {
					if which := (i + k) % 2; detectText(t, d, pictures[which]) != want[which] {
						t.Errorf("goroutine %d: other detections than alone", i)
					}
				}
			})
		}
		group.Wait()
	}
}

// detectText is all of a picture's detections as text.
func detectText(t *testing.T, d *Detector, img image.Image) string {
	t.Helper()
	r, err := d.Detect(context.Background(), img, Filter{Threshold: Everything})
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(r.Detections)
}

func TestDetectEndsWithItsContext(t *testing.T) {
	img := parity.Image(parity.Stored(t, parity.Vectors(t, "testdata/two_stage.safetensors"), "image"))
	d := tinyDetector(t, Options{Workers: 1})
	ctx, cancel := context.WithCancel(context.Background())
	busy, err := d.acquire(ctx, image.Pt(4, 3))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := d.Detect(ctx, img, Filter{Threshold: Everything})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	d.release(busy)
	if _, err := d.Detect(context.Background(), img, Filter{Threshold: Everything}); err != nil {
		t.Errorf("after a worker is free: %v", err)
	}
}

func TestModelErrorsNameTheFault(t *testing.T) {
	w, err := nn.ReadWeights(tinyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	good := w.Metadata[modelfile.Key]
	for _, c := range []struct{ old, new, want string }{
		{`"format":1`, `"format":2`, "format"},
		{`"kind":"two_stage"`, `"kind":"yolo"`, "kind"},
		{`shufflenet_v2_x0.5`, `shufflenet_v2_x0.6`, "arch"},
		{`"input":[352,384]`, `"input":[352]`, "input"},
		{`"input":[352,384]`, `"input":[352,100000]`, "input"},
		{`"input":[352,384]`, `"input":"big"`, "input"},
		{`"neck_channels":16`, `"neck_channels":15`, "neck_channels"},
		{`"neck_channels":16`, `"neck_channels":32`, "neck.reduce.0"},
		{`"hidden":24`, `"hidden":0`, "roi.hidden"},
		{`"hidden":24`, `"hidden":24,"finest":4096`, "roi.finest"},
		{`"hidden":24`, `"hidden":48`, "roi.fc1"},
		{`"size":5`, `"size":-5`, "roi.size"},
		{`"proposals":30`, `"proposals":1000000000`, "roi.proposals"},
		{
			`"channels":8,"size":5,"sampling":2,"hidden":24,"proposals":30`,
			`"channels":1024,"size":32,"sampling":2,"hidden":24,"proposals":5000`, "channels x size",
		},
		{`"second_stage_weight":0.4`, `"second_stage_weight":4`, "roi.second_stage_weight"},
		{`"nms":0.6,"ap"`, `"nms":-1,"ap"`, "nms"},
		{`"name":"dog"`, `"name":"cat"`, "cat"},
		{`"id":18`, `"id":17`, "id 17"},
		{`{"id":17,"name":"cat"},`, ``, "rpn.pred.0"},
		{`"std":[`, `"std":[0,`, "std"},
		{`"neck_channels"`, `"branch_widths":[24,24],"neck_channels"`, "branch_widths: 2 widths, the network has 16 units"},
		{`"neck_channels"`, `"branch_widths":[24,24,24,24,48,48,48,48,48,48,48,48,96,96,96,-1],"neck_channels"`, "branch_widths: width 15 is -1"},
		{`"neck_channels"`, `"branch_widths":[23,24,24,24,48,48,48,48,48,48,48,48,96,96,96,96],"neck_channels"`, "backbone.stage2.0.branch2.0"},
		{`shufflenet_v2_x0.5","kind"`, `shufflenet_v1_x0.5_g3","branch_widths":[1],"kind"`, "branch_widths: shufflenet_v1_x0.5_g3 has none"},
		{`"kind":"two_stage"`, `"kind":"ssdlite","branch_widths":[1]`, "branch_widths: a ssdlite has none"},
	} {
		changed := strings.Replace(good, c.old, c.new, 1)
		if changed == good {
			t.Fatalf("the header has no %s", c.old)
		}
		w.Metadata[modelfile.Key] = changed
		if _, err := compile(w, Options{}, nn.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v does not name %s", c.new, c.old, err, c.want)
		}
	}
	delete(w.Metadata, modelfile.Key)
	if _, err := compile(w, Options{}, nn.Options{}); err == nil || !strings.Contains(err.Error(), modelfile.Key) {
		t.Errorf("without a header: error %v", err)
	}
	w.Metadata[modelfile.Key] = good
	delete(w.Tensors, "roi.prior_scale")
	if _, err := compile(w, Options{}, nn.Options{}); err == nil || !strings.Contains(err.Error(), "roi.prior_scale") {
		t.Errorf("without a tensor: error %v", err)
	}
	if _, err := New([]byte("not a model"), Options{}); err == nil {
		t.Error("no error for a file of text")
	}
}

func TestDetectorInfo(t *testing.T) {
	whole, first := tinyDetector(t, Options{}).Info(), tinyDetector(t, Options{FirstStageOnly: true}).Info()
	if whole.Name != "tiny" || whole.Arch != "shufflenet_v2_x0.5" || whole.Kind != KindTwoStage || whole.Width != 384 || whole.Height != 352 {
		t.Errorf("info %+v", whole)
	}
	if len(whole.Classes) != 5 || whole.Classes[0] != (Class{ID: 17, Name: "cat"}) {
		t.Errorf("classes %v", whole.Classes)
	}
	w, err := nn.ReadWeights(tinyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	var params int64
	for _, x := range w.Tensors {
		params += int64(len(x.Data))
	}
	if whole.Params != params {
		t.Errorf("%d parameters, the file has %d", whole.Params, params)
	}
	// Of the second stage: the shared 1x1 convolution on every level, and 30
	// regions through the fully connected layers.
	cells := int64(44*48 + 22*24 + 11*12 + 6*6)
	if got, want := whole.MACs-first.MACs, cells*16*8+30*int64(200*24+(24+4+5)*24+24*5+24*4); got != want {
		t.Errorf("the second stage takes %d multiply-adds, want %d", got, want)
	}
}

// FuzzReadHeader wants an error or a header that a graph can be built from.
func FuzzReadHeader(f *testing.F) {
	w, err := nn.ReadWeights(tinyFile(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(w.Metadata[modelfile.Key])
	f.Add(`{"format":1,"kind":"two_stage","input":[352,352],"mean":[0,0,0],"std":[1,1,1]}`)
	faster, err := nn.ReadWeights(fasterFile(f, nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(faster.Metadata[modelfile.Key])
	f.Add(`{"format":1,"kind":"ssdlite","arch":"shufflenet_v2_x0.5","input":[320,320],"mean":[0,0,0],"std":[1,1,1],"classes":[{"id":1,"name":"cat"}],"ssd":{"outputs":2,"min_scale":0.2,"max_scale":0.95,"ratios":[2,3],"top_k":300,"min_score":0.001}}`)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ReadHeader(&nn.Weights{Metadata: map[string]string{modelfile.Key: text}})
		if err != nil {
			return
		}
		switch h.Kind {
		case KindFasterRCNN:
			if _, err := newFasterRCNNGraphs(&h); err != nil && !strings.Contains(err.Error(), "arch") && !strings.Contains(err.Error(), "levels") {
				t.Errorf("Faster R-CNN: %v", err)
			}
			return
		case KindSSDLite:
			if _, err := ssdGraph(&h); err != nil && !strings.Contains(err.Error(), "arch") && !strings.Contains(err.Error(), "reduced_tail") {
				t.Errorf("SSDLite: %v", err)
			}
			return
		}
		if _, err := firstGraph(&h, true); err != nil && !strings.Contains(err.Error(), "arch") {
			t.Errorf("first stage: %v", err)
		}
		if _, err := secondGraph(&h); err != nil {
			t.Errorf("second stage: %v", err)
		}
	})
}

func TestWorkerDoesNotAllocate(t *testing.T) {
	d := tinyDetector(t, Options{})
	w := take(t, d)
	if err := w.choose(d.kind, Filter{Threshold: Everything}); err != nil {
		t.Fatal(err)
	}
	if err := w.fill(parity.Image(parity.Stored(t, parity.Vectors(t, "testdata/two_stage.safetensors"), "image"))); err != nil {
		t.Fatal(err)
	}
	var timing Timing
	run := func() {
		if _, err := w.look(&timing); err != nil {
			t.Fatal(err)
		}
	}
	run()
	if n := testing.AllocsPerRun(3, run); n > 8 { // closures and the error variable of the stages, no memory for data
		t.Errorf("%v allocations in a run after the first", n)
	}
}

// TestTrainedModelStaysLight holds the shape of the trained model, whatever its
// weights, to the limit that the project has set itself.
func TestTrainedModelStaysLight(t *testing.T) {
	h := Header{
		Header:       modelfile.Header{Arch: "shufflenet_v2_x1.5", Classes: make([]Class, 80)},
		NeckChannels: 128,
		RoI:          RoIHeader{Channels: 64, Size: 7, Hidden: 256, Proposals: 100},
	}
	first, err := firstGraph(&h, true)
	if err != nil {
		t.Fatal(err)
	}
	second, err := secondGraph(&h)
	if err != nil {
		t.Fatal(err)
	}
	dense, err := first.MACs(352, 352)
	if err != nil {
		t.Fatal(err)
	}
	regions, err := second.MACs(1, h.RoI.Proposals)
	if err != nil {
		t.Fatal(err)
	}
	if total := dense + regions; total < 1_100_000_000 || total >= 1_200_000_000 {
		t.Errorf("%d multiply-adds (%d + %d), want just under 1.2 G", total, dense, regions)
	}
}

// TestDetectOnAnySize wants boxes within the picture, whatever its shape.
func TestDetectOnAnySize(t *testing.T) {
	d := tinyDetector(t, Options{Workers: 1})
	for _, size := range []image.Point{{1, 1}, {16, 16}, {3000, 2}, {500, 1200}} {
		var img image.Image = parity.Picture(size.X, size.Y)
		r, err := d.Detect(context.Background(), img, Filter{Threshold: Everything})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Detections) == 0 {
			t.Errorf("%v: nothing found, which shows nothing", size)
		}
		for _, x := range r.Detections {
			if b := x.Box; b != b.Clip(float32(size.X), float32(size.Y)) || b.Width() < 0 || b.Height() < 0 {
				t.Fatalf("%v: box %v", size, b)
			}
		}
	}
	if _, err := d.Detect(context.Background(), image.NewGray(image.Rect(0, 0, 0, 0)), Filter{}); err == nil {
		t.Error("no error for a picture without pixels")
	}
}

func TestRegionsArePooledFromTheLevelOfTheirSize(t *testing.T) {
	t.Parallel()
	for finest, want := range map[int][]int{0: {0, 1, 1, 2, 2, 3, 3}, 160: {0, 0, 0, 1, 1, 2, 3}} {
		r := RoIHeader{Finest: finest}
		for i, side := range []float32{79, 80, 159, 160, 319, 320, 640} {
			if got := pyramidLevel(Box{X2: side, Y2: side}, 4, r.finest()); got != want[i] {
				t.Errorf("finest %d, side %v: level %d, want %d", finest, side, got, want[i])
			}
		}
	}
}
