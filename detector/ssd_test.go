package detector

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// What torchvision says of whole models is compared in cmd/riffle, where
// checkpoints are imported.

func ssdHeader() Header {
	h := Header{
		Header: modelfile.Header{
			Format: 1, Name: "ssd", Arch: "shufflenet_v2_x0.5", Kind: KindSSDLite, Input: []int{96, 128},
			Mean: []float32{127.5, 127.5, 127.5}, Std: []float32{127.5, 127.5, 127.5},
			Classes: []Class{{ID: 1, Name: "cat"}, {ID: 2, Name: "dog"}, {ID: 4, Name: "owl"}}, // 3 has no name
		},
		SSD: TorchvisionSSDLite, NMS: SSDLiteNMS,
	}
	h.SSD.Outputs = 5
	return h
}

// ssdFile is a model's file with random weights.
func ssdFile(t *testing.T, h Header) []byte {
	t.Helper()
	params, err := SSDLiteParams(&h)
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

// TestSSDQueries holds thresholds and labels, which keep softmaxes from being
// worked out, against all detections.
func TestSSDQueries(t *testing.T) {
	data := ssdFile(t, ssdHeader())
	img := parity.Picture(200, 150)
	for _, cpu := range nn.ISAs() {
		d, err := New(data, Options{ISA: cpu, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		look := func(q Filter) []Detection {
			q.MaxDetections = 10_000
			r, err := d.Detect(context.Background(), img, q)
			if err != nil {
				t.Fatal(err)
			}
			return r.Detections
		}
		all := look(Filter{Threshold: Everything})
		if len(all) < 50 {
			t.Fatalf("%s: %d detections are too few to compare", cpu, len(all))
		}
		above, owls := []Detection(nil), []Detection(nil)
		threshold := all[len(all)/3].Score
		for i, f := range all {
			if f.Score > threshold {
				above = append(above, f)
			}
			if f.Label == "owl" {
				owls = append(owls, f)
			}
			if f.CategoryID == 3 || f.Box.X1 < 0 || f.Box.X2 > 200 || f.Box.Y2 > 150 || i > 0 && f.Score > all[i-1].Score {
				t.Errorf("%s: %+v", cpu, f)
			}
		}
		if got := look(Filter{Threshold: float64(threshold)}); !slices.Equal(got, above) {
			t.Errorf("%s: %d detections above %v, want %d", cpu, len(got), threshold, len(above))
		}
		if got := look(Filter{Threshold: Everything, Labels: []string{"owl"}}); !slices.Equal(got, owls) || len(owls) == 0 {
			t.Errorf("%s: %d owls, want %d", cpu, len(got), len(owls))
		}
	}
	if _, err := New(data, Options{FirstStageOnly: true}); err == nil || !strings.Contains(err.Error(), "one stage") {
		t.Errorf("first stage only: %v", err)
	}
}

func TestSSDHeaderErrorsNameTheFault(t *testing.T) {
	data, err := nn.ReadWeights(ssdFile(t, ssdHeader()))
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(h *Header){
		"ssd.outputs":                         func(h *Header) { h.SSD.Outputs = 1 },
		"owl":                                 func(h *Header) { h.SSD.Outputs = 4 },
		"id 0":                                func(h *Header) { h.Classes[0].ID = 0 },
		"ssd.ratios":                          func(h *Header) { h.SSD.Ratios = []float64{0.5} },
		"ssd.top_k":                           func(h *Header) { h.SSD.TopK = 0 },
		"ssd.min_scale":                       func(h *Header) { h.SSD.MinScale = 0.99 },
		"ssd.min_score":                       func(h *Header) { h.SSD.MinScore = 0 },
		"ssd.reduced_tail":                    func(h *Header) { h.SSD.ReducedTail = true },
		"module_list":                         func(h *Header) { h.SSD.Outputs = 6 },
		"arch":                                func(h *Header) { h.Arch = "resnet50" },
		"use riffle segment or POST /segment": func(h *Header) { h.Kind = modelfile.Segmenter },
	} {
		h := ssdHeader()
		change(&h)
		file, err := modelfile.Write(data.Tensors, h, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(file, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// TestDefaultBoxes spells some of torchvision's DefaultBoxGenerator out.
func TestDefaultBoxes(t *testing.T) {
	boxes := DefaultBoxes([][2]int{{2, 4}, {1, 1}}, 0.2, 0.9, []float64{4}, 400, 200)
	if len(boxes) != 2*4*4+4 {
		t.Fatalf("%d boxes", len(boxes))
	}
	for i, want := range map[int]Box{
		0:  {10, 30, 90, 70},   // scale 0.2 of each side, around the first cell's centre at 50, 50
		2:  {-30, 40, 130, 60}, // twice as wide, half as high
		3:  {30, 10, 70, 90},   // and the other way round
		4:  {110, 30, 190, 70}, // the next cell
		32: {20, 10, 380, 190}, // scale 0.9 of the last map
		34: {0, 55, 400, 145},  // wider than the picture: cut to its width
		35: {110, 0, 290, 200},
	} {
		parity.Near(t, "box", []float32{boxes[i].X1, boxes[i].Y1, boxes[i].X2, boxes[i].Y2}, []float32{want.X1, want.Y1, want.X2, want.Y2}, 1e-4)
	}
}
