package detector

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"maps"
	"slices"
	"testing"
	"time"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// BenchmarkDetect runs a network of the trained model's shape, with random
// weights, on a photo of 640 x 480 pixels and reports the median of each stage.
func BenchmarkDetect(b *testing.B) {
	d := fullSize(b, Options{})
	photo := image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420) // as a JPEG decodes to
	copy(photo.Y, parity.Picture(640, 480).Pix)
	for i := range photo.Cb {
		photo.Cb[i], photo.Cr[i] = 128, 128
	}
	var timings [6][]time.Duration
	for b.Loop() {
		r, err := d.Detect(context.Background(), photo, Filter{Threshold: Everything})
		if err != nil {
			b.Fatal(err)
		}
		t := r.Timing
		for i, v := range []time.Duration{t.Preprocess, t.Network, t.Proposals, t.SecondStage, t.Postprocess, t.Total()} {
			timings[i] = append(timings[i], v)
		}
	}
	for i, name := range []string{"preprocess", "network", "proposals", "second-stage", "postprocess", "total"} {
		b.ReportMetric(float64(median(timings[i]).Microseconds())/1000, name+"-ms")
	}
}

// fullSize is a detector of the trained model's shape.
func fullSize(b testing.TB, o Options) *Detector {
	b.Helper()
	h := Header{
		Header: modelfile.Header{
			Format: 1, Name: "random", Arch: "shufflenet_v2_x1.5", Kind: KindTwoStage, Input: []int{352, 352},
			Mean: []float32{123.675, 116.28, 103.53}, Std: []float32{58.395, 57.12, 57.375},
		},
		NeckChannels: 128, NMS: 0.6,
		RoI: RoIHeader{Channels: 64, Size: 7, Sampling: 2, Hidden: 256, PreNMS: 600, Proposals: 64, NMS: 0.6, SecondStageWeight: 0.5},
	}
	for i := range 80 {
		h.Classes = append(h.Classes, Class{ID: i + 1, Name: fmt.Sprintf("class %d", i+1)})
	}
	text, err := json.Marshal(h)
	if err != nil {
		b.Fatal(err)
	}
	first, err := firstGraph(&h, true)
	if err != nil {
		b.Fatal(err)
	}
	second, err := secondGraph(&h)
	if err != nil {
		b.Fatal(err)
	}
	w := nn.RandomWeights(first, 1)
	maps.Copy(w.Tensors, nn.RandomWeights(second, 2).Tensors)
	w.Tensors["roi.prior_scale"] = nn.Tensor{Shape: []int{80}, Data: make([]float32, 80)}
	w.Metadata = map[string]string{modelfile.Key: string(text)}
	o.Workers = 1
	d, err := compile(w, o, nn.Options{Threads: o.Threads, ISA: o.ISA})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// TestPhotosDoNotAllocate: from pixels to boxes, everything lives in a worker's
// memory from the second photo of a size on.
func TestPhotosDoNotAllocate(t *testing.T) {
	for _, threads := range []int{1, 2} {
		d := fullSize(t, Options{Threads: threads})
		if d.Info().ISA == "generic" {
			t.Skip("takes a minute in pure Go")
		}
		w := take(t, d)
		var img image.Image = image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420)
		copy(img.(*image.YCbCr).Y, parity.Picture(640, 480).Pix)
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
		if len(w.network.(*twoStage).proposer.chosen) == 0 {
			t.Fatal("no proposals to look at")
		}
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
