package classifier

import (
	"context"
	"errors"
	"image"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"example.com/riffle/backbone"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

func tiny(t *testing.T, o Options) *Classifier {
	t.Helper()
	data, err := os.ReadFile("../testdata/tiny_classifier.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(data, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func picture(t *testing.T) image.Image {
	t.Helper()
	data, err := os.ReadFile("../testdata/tiny_photo.png")
	if err != nil {
		t.Fatal(err)
	}
	p, err := photo.Decode(data, photo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestClassifyMatchesTorchvision compares the probabilities of all classes.
func TestClassifyMatchesTorchvision(t *testing.T) {
	v, err := nn.ReadWeightsFile("testdata/tiny_probabilities.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	want := v.Tensors["probabilities"].Data
	for _, cpu := range nn.ISAs() {
		c := tiny(t, Options{ISA: cpu})
		r, err := c.Classify(context.Background(), picture(t), 100)
		if err != nil {
			t.Fatal(err)
		}
		if r.Width != 131 || r.Height != 90 || len(r.Classes) != len(want) {
			t.Fatalf("%s: result %+v", cpu, r)
		}
		for i, s := range r.Classes {
			if d := math.Abs(s.Score - float64(want[s.ID])); !(d <= 1e-4) {
				t.Errorf("%s: %s has %v, torchvision says %v", cpu, s.Label, s.Score, want[s.ID])
			}
			if c.Info().Classes[s.ID].Name != s.Label {
				t.Errorf("%s: class %d is called %q", cpu, s.ID, s.Label)
			}
			if i > 0 && s.Score > r.Classes[i-1].Score {
				t.Errorf("%s: classes are not sorted: %v", cpu, r.Classes)
			}
		}
	}
}

func TestTop(t *testing.T) {
	c := tiny(t, Options{})
	all, err := c.Classify(context.Background(), picture(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Classify(context.Background(), picture(t), 2)
	if err != nil || len(two.Classes) != 2 || two.Classes[0] != all.Classes[0] || two.Classes[1] != all.Classes[1] {
		t.Errorf("top 2 are %v of %v, error %v", two.Classes, all.Classes, err)
	}
	if _, err := c.Classify(context.Background(), picture(t), 0); err == nil {
		t.Error("no classes at all were asked for, and none is an answer")
	}
}

func TestManyCallers(t *testing.T) {
	c := tiny(t, Options{Workers: 2})
	p := picture(t)
	want, err := c.Classify(context.Background(), p, 5)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				got, err := c.Classify(context.Background(), p, 5)
				if err != nil || got.Classes[0] != want.Classes[0] || got.Classes[4] != want.Classes[4] {
					t.Errorf("%v, alone it was %v, error %v", got.Classes, want.Classes, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestWaitEndsWithContext(t *testing.T) {
	c := tiny(t, Options{Workers: 1})
	w, err := c.workers.Acquire(context.Background()) // somebody else's
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	if _, err := c.Classify(ctx, picture(t), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	c.workers.Release(w)
}

func TestHeaderMistakes(t *testing.T) {
	for _, m := range []struct {
		name   string
		change func(h *Header)
		want   string
	}{
		{"kind", func(h *Header) { h.Kind = modelfile.TwoStage }, "is a detector: use riffle detect"},
		{"resize", func(h *Header) { h.Resize = 63 }, "resize: 63 is not from 64"},
		{"huge resize", func(h *Header) { h.Resize = 1 << 30 }, "resize: 1073741824"},
		{"arch", func(h *Header) { h.Arch = "mobilenet_v3_smal" }, `did you mean "mobilenet_v3_small`},
		{"classes", func(h *Header) { h.Classes = h.Classes[:4] }, "classifier.3.weight"},
		{"width", func(h *Header) { h.Arch = "mobilenet_v3_small_x0.5" }, "tensor"},
	} {
		w, err := nn.ReadWeightsFile("../testdata/tiny_classifier.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		h, err := ReadHeader(w)
		if err != nil {
			t.Fatal(err)
		}
		m.change(&h)
		data, err := modelfile.Write(w.Tensors, &h, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(data, Options{}); err == nil || !strings.Contains(err.Error(), m.want) {
			t.Errorf("%s: error %v, want %q in it", m.name, err, m.want)
		}
	}
}

// TestImageNet: the header of torchvision's weights runs with a network of
// theirs, and the classes are the 1000 of the papers.
func TestImageNet(t *testing.T) {
	h := ImageNet("mobilenet_v3_small", 256)
	h.Name = "random"
	if len(h.Classes) != backbone.ImageNetClasses || h.Classes[0].Name != "tench" || h.Classes[999].Name != "toilet tissue" {
		t.Fatalf("%d classes, from %v to %v", len(h.Classes), h.Classes[0], h.Classes[len(h.Classes)-1])
	}
	g, err := Graph(&h)
	if err != nil {
		t.Fatal(err)
	}
	data, err := modelfile.Write(nn.RandomWeights(g, 1).Tensors, &h, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Classify(context.Background(), picture(t), 3)
	if err != nil || len(r.Classes) != 3 {
		t.Errorf("%v, error %v", r.Classes, err)
	}
}
