package detector

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/photo"
)

// trainedVector is what training/vectors/detector_trained.py says about one
// picture: entries of large arrays, and all of small ones.
type trainedVector struct {
	Weights    string `json:"weights"`
	Picture    string `json:"picture"`
	Input      picked `json:"input"`
	Classes3   picked `json:"classes3"`
	Classes4   picked `json:"classes4"`
	Classes5   picked `json:"classes5"`
	Classes6   picked `json:"classes6"`
	Distances3 picked `json:"distances3"`
	Distances4 picked `json:"distances4"`
	Distances5 picked `json:"distances5"`
	Distances6 picked `json:"distances6"`
	Proposals  struct {
		Boxes      [][4]float32 `json:"boxes"`
		Objectness [][1]float32 `json:"objectness"`
		Count      int          `json:"count"`
		Deltas     [][4]float32 `json:"deltas"`
		Head       picked       `json:"head"`
	} `json:"proposals"`
	Detections []struct {
		CategoryID int        `json:"category_id"`
		Label      string     `json:"label"`
		Score      float32    `json:"score"`
		Box        [4]float32 `json:"box"`
	} `json:"detections"`
}

// picked are entries of an array, by flat row-major index.
type picked struct {
	At     []int     `json:"at"`
	Values []float32 `json:"values"`
}

// check compares the entries with what value says of their indices.
func (p picked) check(t *testing.T, what string, tol float64, value func(at int) float32) {
	t.Helper()
	got := make([]float32, len(p.At))
	for i, at := range p.At {
		got[i] = value(at)
	}
	parity.Near(t, what, got, p.Values, tol)
}

// TestTrainedModelMatchesPyTorch follows pictures through the shipped weights.
// The vectors belong to those weights: make them anew when these change.
func TestTrainedModelMatchesPyTorch(t *testing.T) {
	files, err := filepath.Glob("testdata/trained_*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no vectors of trained weights")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v trainedVector
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatal(err)
			}
			weights, err := os.ReadFile("../models/" + v.Weights + ".safetensors")
			if err != nil {
				weights, err = os.ReadFile("../models/zoo/" + v.Weights + ".safetensors")
			}
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(weights, Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join("testdata", v.Picture))
			if err != nil {
				t.Fatal(err)
			}
			p, err := photo.Decode(data, photo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			v.checkInput(t, d, p)
			v.checkDetections(t, d, p)
			v.checkStages(t, d)
		})
	}
}

func (v *trainedVector) checkInput(t *testing.T, d *Detector, p *photo.Photo) {
	t.Helper()
	in := d.Info()
	w := take(t, d)
	defer d.release(w)
	planes := parity.Planes(3, in.Width*in.Height)
	if err := w.network.(*twoStage).pre.Fill(planes, p); err != nil {
		t.Fatal(err)
	}
	n := in.Width * in.Height
	v.Input.check(t, "network input", 1e-3, func(at int) float32 { return planes[at/n][at%n] })
}

func (v *trainedVector) checkDetections(t *testing.T, d *Detector, p *photo.Photo) {
	t.Helper()
	r, err := d.Detect(context.Background(), p, Filter{Threshold: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	var got, want []classBox
	for _, x := range r.Detections {
		got = append(got, classBox{x.Box, x.Score, x.CategoryID})
	}
	for _, x := range v.Detections {
		want = append(want, classBox{Box{x.Box[0], x.Box[1], x.Box[2], x.Box[3]}, x.Score, x.CategoryID})
	}
	if len(got) != len(want) {
		t.Fatalf("%d detections, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Class != want[i].Class {
			t.Errorf("detection %d is a %d, want %d", i, got[i].Class, want[i].Class)
		}
		parity.Near(t, "score", []float32{got[i].Score}, []float32{want[i].Score}, 1e-4)
		nearBoxes(t, "box", []Box{got[i].Box}, []Box{want[i].Box}, 0.01)
	}
}

// checkStages looks at what the last run left in the only worker's memory.
func (v *trainedVector) checkStages(t *testing.T, d *Detector) {
	t.Helper()
	w := take(t, d).network.(*twoStage)
	classes := []picked{v.Classes3, v.Classes4, v.Classes5, v.Classes6}
	distances := []picked{v.Distances3, v.Distances4, v.Distances5, v.Distances6}
	for i := range w.dense.levels {
		l := &w.dense.levels[i]
		n := len(l.planes[0])
		classes[i].check(t, "class logits", 1e-3, func(at int) float32 { return l.planes[at/n][at%n] })
		distances[i].check(t, "distances in pixels", 0.01, func(at int) float32 {
			first := w.dense.classes + at/n*distanceBins
			var bins [distanceBins]float32
			for k, plane := range l.planes[first : first+distanceBins] {
				bins[k] = plane[at%n]
			}
			var mean [1]float32
			w.dense.isa.MeanBin(mean[:], bins[:])
			return mean[0] * l.stride
		})
	}
	p := &v.Proposals
	chosen := w.proposer.chosen
	if len(chosen) != p.Count {
		t.Fatalf("%d proposals, want %d", len(chosen), p.Count)
	}
	for i, want := range p.Boxes {
		nearBoxes(t, "proposal", []Box{chosen[i].box}, []Box{{want[0], want[1], want[2], want[3]}}, 0.01)
		parity.Near(t, "objectness", []float32{chosen[i].objectness}, p.Objectness[i][:], 1e-4)
		parity.Near(t, "deltas", byRegion(w.head.deltas, i+1)[4*i:], p.Deltas[i][:], 1e-3)
	}
	p.Head.check(t, "head logits", 1e-3, func(at int) float32 {
		i, c := at/w.dense.classes, at%w.dense.classes
		l, cell := w.dense.at(chosen[i].point)
		return w.head.classes[c][i] + w.head.priorScale[c]*l.planes[c][cell]
	})
}

// TestShrunkModel runs NetAdapt's result, whose units all have inner widths of
// their own.
func TestShrunkModel(t *testing.T) {
	data, err := os.ReadFile("../models/zoo/riffle-v2-1.5x-netadapt.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(data, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if in := d.Info(); in.MACs > 800_000_000 || in.Params > 2_000_000 {
		t.Errorf("%d multiply-adds, %d parameters: not shrunk", in.MACs, in.Params)
	}
	r, err := d.Detect(context.Background(), street(t), Filter{Threshold: 0.3, Labels: []string{"person", "car", "bus"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Detections) == 0 {
		t.Error("nothing found in a street")
	}
}
