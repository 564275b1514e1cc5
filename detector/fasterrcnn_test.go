package detector

import (
	"context"
	"encoding/json"
	"errors"
	"image"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/riffle/backbone"
	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// smallNet is the backbone of training/vectors/detector_faster_rcnn.py.
var smallNet = backbone.ShuffleNetV2{Repeats: [3]int{1, 2, 1}, Stem: 8, Channels: [3]int{16, 24, 32}}

// fasterHeaders are of the networks of the vectors "faster_rcnn_" + name.
func fasterHeaders() map[string]Header {
	common := Header{
		Header: modelfile.Header{
			Format: 1, Name: "faster", Kind: KindFasterRCNN, Input: []int{96, 96},
			Mean: []float32{128, 128, 128}, Std: []float32{64, 64, 64},
			Classes: []Class{{ID: 1, Name: "cat"}, {ID: 2, Name: "dog"}, {ID: 3, Name: "owl"}, {ID: 4, Name: "ant"}},
		},
		NMS: FasterRCNNNMS,
		FasterRCNN: FasterRCNNHeader{
			Outputs: 5, Levels: 1, AnchorSizes: [][]float32{{16, 48}}, AnchorRatios: []float32{0.5, 1, 2},
			PreNMS: 60, Proposals: 40, ProposalNMS: 0.7, Size: 4, Sampling: 2, Hidden: 16, MinScore: 0.05,
			ShorterSide: 96, LongerSide: 128,
		},
	}
	single, pyramid := common, common
	f := &pyramid.FasterRCNN
	f.Levels, f.FPN, f.Size, f.AnchorSizes = 3, 8, 7, [][]float32{{8}, {24}, {48}, {80}}
	return map[string]Header{"single": single, "pyramid": pyramid}
}

// smallFaster is one of these networks, whose backbone has no name.
func smallFaster(t *testing.T, name string, input image.Point, o nn.Options) *fasterRCNN {
	t.Helper()
	h := fasterHeaders()[name]
	g, err := fasterRCNNOn(smallNet, &h)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := newFasterRCNNDesign(&h, g, parity.Vectors(t, "testdata/faster_rcnn_"+name+".safetensors"), o)
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.compile(input)
	if err != nil {
		t.Fatal(err)
	}
	return n.(*fasterRCNN)
}

// found is what a network says of its input.
func (n *fasterRCNN) found(t *testing.T) []classBox {
	t.Helper()
	if err := n.run(new(Timing)); err != nil {
		t.Fatal(err)
	}
	var pairs candidates
	n.detections(&pairs, float32(n.header.FasterRCNN.MinScore), nil)
	return pairs.best(nil, new(Suppressor), n.header.NMS, 50)
}

func TestFasterRCNNMatchesTorchvision(t *testing.T) {
	t.Parallel()
	for name, h := range fasterHeaders() {
		w := parity.Vectors(t, "testdata/faster_rcnn_"+name+".safetensors")
		for _, isa := range nn.ISAs() {
			for _, threads := range []int{1, 2} {
				n := smallFaster(t, name, image.Pt(128, 96), nn.Options{ISA: isa, Threads: threads})
				// A clone has memory of its own: running it first must not matter.
				c, err := n.clone()
				if err != nil {
					t.Fatal(err)
				}
				clone := c.(*fasterRCNN)
				clone.found(t)
				for _, net := range []*fasterRCNN{n, clone} {
					for c, plane := range planesOf(parity.Stored(t, w, "test.pixels").Data, 3) {
						for i, v := range plane {
							net.input[c][i] = v/64 - 2
						}
					}
					found := net.found(t)
					for i := range found {
						found[i].Class = h.Classes[found[i].Class].ID
					}
					checkFound(t, found, boxesOf(t, parity.Stored(t, w, "test.boxes")), parity.Stored(t, w, "test.scores").Data, intsOf(parity.Stored(t, w, "test.labels")))
				}
			}
		}
	}
}

// fasterFile is a whole model of random weights. change may alter its header.
func fasterFile(t testing.TB, change func(h *Header)) []byte {
	t.Helper()
	h := fasterHeaders()["pyramid"]
	h.Arch = "shufflenet_v2_x0.5"
	if change != nil {
		change(&h)
	}
	params, err := FasterRCNNParams(&h)
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string]nn.Tensor{}
	for _, p := range params {
		tensors[p.Name] = parity.Tensor(p.Name, p.Shape)
	}
	data, err := modelfile.Write(tensors, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fasterDetector(t testing.TB, o Options) *Detector {
	t.Helper()
	d, err := New(fasterFile(t, nil), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestInputKeepsShape: numbers are those of torchvision's GeneralizedRCNNTransform.
func TestInputKeepsShape(t *testing.T) {
	t.Parallel()
	h := Header{FasterRCNN: FasterRCNNHeader{ShorterSide: 320, LongerSide: 640}}
	d := fasterRCNNDesign{header: &h}
	for _, c := range []struct{ photo, input, planes image.Point }{
		{image.Pt(640, 480), image.Pt(426, 320), image.Pt(448, 320)},
		{image.Pt(480, 640), image.Pt(320, 426), image.Pt(320, 448)},
		{image.Pt(427, 640), image.Pt(320, 479), image.Pt(320, 480)},
		{image.Pt(4000, 1000), image.Pt(640, 160), image.Pt(640, 160)},
		{image.Pt(3000, 20), image.Pt(640, 4), image.Pt(640, 32)},
		{image.Pt(5000, 1), image.Pt(640, 1), image.Pt(640, 32)},
		{image.Pt(1, 1), image.Pt(320, 320), image.Pt(320, 320)},
	} {
		input := d.inputFor(c.photo)
		if input != c.input || padded(input) != c.planes {
			t.Errorf("%v: %v in planes of %v, want %v in %v", c.photo, input, padded(input), c.input, c.planes)
		}
	}
}

// TestFasterRCNNOnManySizes runs photos of more sizes than are kept from several
// goroutines, and wants of each the result it has alone, within the photo.
func TestFasterRCNNOnManySizes(t *testing.T) {
	t.Parallel()
	sizes := []image.Point{{90, 70}, {70, 90}, {64, 64}, {200, 64}, {64, 200}, {3000, 20}, {1, 1}, {31, 33}}
	look := func(d *Detector, size image.Point) []Detection {
		r, err := d.Detect(context.Background(), parity.Picture(size.X, size.Y), Filter{Threshold: Everything})
		if err != nil {
			t.Errorf("%v: %v", size, err)
		}
		return r.Detections
	}
	alone := make([][]Detection, len(sizes))
	total := 0
	for i, size := range sizes {
		alone[i] = look(fasterDetector(t, Options{Workers: 1}), size)
		total += len(alone[i])
		for _, x := range alone[i] {
			if b := x.Box; b != b.Clip(float32(size.X), float32(size.Y)) || b.Width() < 0 || b.Height() < 0 {
				t.Fatalf("%v: box %v", size, b)
			}
		}
	}
	if total < 20 {
		t.Fatalf("%d detections show nothing", total)
	}
	d := fasterDetector(t, Options{Workers: 3})
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range sizes {
				k := (i + 2*g) % len(sizes)
				if !slices.Equal(look(d, sizes[k]), alone[k]) {
					t.Errorf("%v: another result among others", sizes[k])
				}
			}
		})
	}
	wait.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Detect(ctx, parity.Picture(8, 8), Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestManyRegionsAreOneRun: but for rounding, which differs with the kernel that does
// the last columns, the box head's answers do not depend on how many regions it looks
// at in a run.
func TestManyRegionsAreOneRun(t *testing.T) {
	t.Parallel()
	img := parity.Picture(160, 120)
	d := fasterDetector(t, Options{Workers: 1})
	want, err := d.Detect(context.Background(), img, Filter{Threshold: Everything})
	if err != nil {
		t.Fatal(err)
	}
	// With room for more proposals than there are, runs have room for more regions.
	h := func(h *Header) { h.FasterRCNN.Proposals, h.FasterRCNN.PreNMS = 40, 60 }
	if d, err = New(fasterFile(t, h), Options{Workers: 1, Proposals: 700}); err != nil {
		t.Fatal(err)
	}
	w := take(t, d).network.(*fasterRCNN)
	if w.head.room != 234 {
		t.Fatalf("a run has room for %d regions", w.head.room)
	}
	if err := w.fill(img); err != nil {
		t.Fatal(err)
	}
	if err := w.run(new(Timing)); err != nil {
		t.Fatal(err)
	}
	all := slices.Clone(w.proposer.boxes)
	if len(all) <= 40 {
		t.Fatalf("%d proposals", len(all))
	}
	w.head.room = 17 // several runs
	if err := w.head.run(all[:40], w.mapper); err != nil {
		t.Fatal(err)
	}
	var pairs candidates
	w.head.detections(&pairs, all[:40], float32(w.size.X), float32(w.size.Y), 0.05, nil)
	found := pairs.best(nil, new(Suppressor), w.header.NMS, DefaultMaxDetections)
	got := d.appendInPhoto(nil, found, w.size, image.Pt(160, 120))
	if len(got) < 5 || len(got) != len(want.Detections) {
		t.Fatalf("%d detections, want %d", len(got), len(want.Detections))
	}
	for i, g := range got {
		x := want.Detections[i]
		corners := func(b Box) []float32 { return []float32{b.X1, b.Y1, b.X2, b.Y2} }
		parity.Near(t, "box", corners(g.Box), corners(x.Box), 1e-3)
		if d := g.Score - x.Score; g.Label != x.Label || d > 1e-5 || d < -1e-5 {
			t.Errorf("number %d is %+v, in one run %+v", i, g, x)
		}
	}
}

// TestFasterRCNNQueries holds thresholds and labels, which keep softmaxes from
// being worked out, against all detections.
func TestFasterRCNNQueries(t *testing.T) {
	t.Parallel()
	d, err := New(fasterFile(t, func(h *Header) { h.FasterRCNN.MinScore, h.NMS = 0.01, 0.9 }), Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	look := func(f Filter) []Detection {
		f.MaxDetections = 10_000
		r, err := d.Detect(context.Background(), parity.Picture(200, 150), f)
		if err != nil {
			t.Fatal(err)
		}
		return r.Detections
	}
	all := look(Filter{Threshold: Everything})
	if len(all) < 20 {
		t.Fatalf("%d detections are too few to compare", len(all))
	}
	threshold := all[len(all)/3].Score
	var above, owls []Detection
	for _, f := range all {
		if f.Score > threshold {
			above = append(above, f)
		}
		if f.Label == "owl" {
			owls = append(owls, f)
		}
	}
	if got := look(Filter{Threshold: float64(threshold)}); !slices.Equal(got, above) {
		t.Errorf("%d detections above %v, want %d", len(got), threshold, len(above))
	}
	if got := look(Filter{Threshold: Everything, Labels: []string{"owl"}}); len(owls) == 0 || !slices.Equal(got, owls) {
		t.Errorf("%d owls, want %d", len(got), len(owls))
	}
}

// TestFasterRCNNDoesNotAllocate: from the second photo of a size on.
func TestFasterRCNNDoesNotAllocate(t *testing.T) {
	for _, threads := range []int{1, 2} {
		d := fasterDetector(t, Options{Threads: threads, Workers: 1})
		var img image.Image = image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420)
		copy(img.(*image.YCbCr).Y, parity.Picture(640, 480).Pix)
		w := take(t, d)
		if err := w.choose(d.kind, Filter{Threshold: Everything}); err != nil {
			t.Fatal(err)
		}
		var timing Timing
		look := func() {
			if err := w.fill(img); err != nil {
				t.Fatal(err)
			}
			if _, err := w.look(&timing); err != nil {
				t.Fatal(err)
			}
		}
		look()
		// Other goroutines' allocations are counted too: one quiet try is enough.
		n := 1.0
		for try := 0; n > 0 && try < 5; try++ {
			n = testing.AllocsPerRun(1, look)
		}
		if n > 0 {
			t.Errorf("%d threads: %v allocations a photo", threads, n)
		}
	}
}

func TestFasterRCNNOptions(t *testing.T) {
	t.Parallel()
	d := fasterDetector(t, Options{Workers: 1, Size: 192, Proposals: 7})
	if in := d.Info(); in.Width != 192 || in.Height != 192 || d.header.FasterRCNN.LongerSide != 256 {
		t.Errorf("input %dx%d, longer side %d", in.Width, in.Height, d.header.FasterRCNN.LongerSide)
	}
	if _, err := d.Detect(context.Background(), parity.Picture(60, 50), Filter{Threshold: Everything}); err != nil {
		t.Fatal(err)
	}
	w, err := d.acquire(context.Background(), image.Pt(60, 50))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.network.(*fasterRCNN).proposer.boxes); n != 7 {
		t.Errorf("%d proposals", n)
	}
	for want, o := range map[string]Options{
		"knows no classes":    {FirstStageOnly: true},
		"multiple of 32":      {Size: 100},
		"faster_rcnn.rpn_pos": {Proposals: 6000},
		"input: 4096":         {Size: 4096},
	} {
		if _, err := New(fasterFile(t, nil), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v does not name %s", o, err, want)
		}
	}
}

func TestFasterRCNNProfile(t *testing.T) {
	t.Parallel()
	d := fasterDetector(t, Options{Workers: 1})
	layers, err := d.Profile(context.Background(), image.NewGray(image.Rect(0, 0, 96, 96)))
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	names := map[string]bool{}
	for _, l := range layers {
		sum += l.MACs
		names[l.Name] = true
	}
	if sum != d.Info().MACs {
		t.Errorf("layers have %d multiply-adds, the network %d", sum, d.Info().MACs)
	}
	for _, want := range []string{"preprocess", "proposals", "RoIAlign", "roi_heads.box_head.fc6", "suppression"} {
		if !names[want] {
			t.Errorf("no %s among %v", want, names)
		}
	}
}

// fasterRCNNFaults are headers that are wrong, by what an error says of them.
var fasterRCNNFaults = map[string]func(h *Header){
	"arch":                              func(h *Header) { h.Arch = "resnet50" },
	"faster_rcnn.outputs":               func(h *Header) { h.FasterRCNN.Outputs = 1 },
	"has id 4, the outputs":             func(h *Header) { h.FasterRCNN.Outputs = 4 },
	"faster_rcnn.levels":                func(h *Header) { h.FasterRCNN.Levels = 4 },
	"which alone joins several":         func(h *Header) { h.FasterRCNN.FPN = 0 },
	"faster_rcnn.fpn":                   func(h *Header) { h.FasterRCNN.FPN = -1 },
	"of 3 levels, want 4":               func(h *Header) { h.FasterRCNN.AnchorSizes = h.FasterRCNN.AnchorSizes[1:] },
	"level 1 has 2":                     func(h *Header) { h.FasterRCNN.AnchorSizes[1] = []float32{1, 2} },
	"level 0 has 0":                     func(h *Header) { h.FasterRCNN.AnchorSizes = make([][]float32, 4) },
	"0.5 is not from 1 to 10000":        func(h *Header) { h.FasterRCNN.AnchorSizes[2] = []float32{0.5} },
	"faster_rcnn.anchor_ratios: 0":      func(h *Header) { h.FasterRCNN.AnchorRatios = nil },
	"is not from 0.01 to 100":           func(h *Header) { h.FasterRCNN.AnchorRatios = []float32{-1} },
	"faster_rcnn.rpn_pre_nms_top_n":     func(h *Header) { h.FasterRCNN.PreNMS = 0 },
	"faster_rcnn.rpn_post_nms_top_n":    func(h *Header) { h.FasterRCNN.Proposals = 0 },
	"faster_rcnn.rpn_nms_thresh":        func(h *Header) { h.FasterRCNN.ProposalNMS = 2 },
	"faster_rcnn.rpn_score_thresh":      func(h *Header) { h.FasterRCNN.Objectness = -1 },
	"faster_rcnn.box_score_thresh":      func(h *Header) { h.FasterRCNN.MinScore = 1.5 },
	"faster_rcnn.slope":                 func(h *Header) { h.FasterRCNN.Slope = 1.5 },
	"backbone.body.conv1.0.bias":        func(h *Header) { h.FasterRCNN.Folded = true },
	"faster_rcnn.size":                  func(h *Header) { h.FasterRCNN.Size = 0 },
	"faster_rcnn.sampling":              func(h *Header) { h.FasterRCNN.Sampling = 0 },
	"faster_rcnn.hidden":                func(h *Header) { h.FasterRCNN.Hidden = 0 },
	"faster_rcnn.min_size":              func(h *Header) { h.FasterRCNN.ShorterSide = 8 },
	"faster_rcnn.max_size":              func(h *Header) { h.FasterRCNN.LongerSide = 64 },
	"branch_widths: a faster_rcnn":      func(h *Header) { h.BranchWidths = []int{1} },
	"this backbone has 2 maps":          func(h *Header) { h.Arch = "mobilenet_v3_small" },
	"backbone.body.conv1.0.weight":      func(h *Header) { h.Arch = "shufflenet_v1_x0.5_g3" },
	"roi_heads.box_head.fc6.weight":     func(h *Header) { h.FasterRCNN.Hidden = 48 },
	"rpn.head.cls_logits.weight":        func(h *Header) { h.FasterRCNN.AnchorRatios = []float32{1} },
	"roi_heads.box_predictor.cls_score": func(h *Header) { h.FasterRCNN.Outputs = 6 },
}

func TestFasterRCNNErrorsNameTheFault(t *testing.T) {
	t.Parallel()
	w, err := nn.ReadWeights(fasterFile(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	good := w.Metadata[modelfile.Key]
	for want, spoil := range fasterRCNNFaults {
		var h Header
		if err := json.Unmarshal([]byte(good), &h); err != nil {
			t.Fatal(err)
		}
		spoil(&h)
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		w.Metadata[modelfile.Key] = string(text)
		if _, err := compile(w, Options{Workers: 1}, nn.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
