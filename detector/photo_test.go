package detector

import (
	"bytes"
	"image/jpeg"

	"golang.org/x/image/draw"

	"context"
	"errors"
	"image"
	"os"
	"testing"

	"example.com/riffle/photo"
)

// trained is the shipped model.
func trained(tb testing.TB) *Detector {
	tb.Helper()
	weights, err := os.ReadFile("../models/riffle-v2-1.5x.safetensors")
	if err != nil {
		tb.Fatal(err)
	}
	d, err := New(weights, Options{Workers: 1})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func street(tb testing.TB) *image.RGBA {
	tb.Helper()
	data, err := os.ReadFile("../docs/street.jpg")
	if err != nil {
		tb.Fatal(err)
	}
	p, err := photo.Decode(data, photo.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return photo.Upright(p)
}

func TestDetectFrameFindsWhatDetectFinds(t *testing.T) {
	d, img := trained(t), street(t)
	want, err := d.Detect(context.Background(), img, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Detect(context.Background(), frameOf(img, 5), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Detections) < 5 || len(got.Detections) != len(want.Detections) {
		t.Fatalf("%d objects in the picture, %d in the frame", len(want.Detections), len(got.Detections))
	}
	for i, w := range want.Detections {
		if g := got.Detections[i]; g != w {
			t.Errorf("object %d: %v in the picture, %v in the frame", i, w, g)
		}
	}
	if got.Timing.Network <= 0 || got.Timing.Preprocess <= 0 {
		t.Errorf("timing %v", got.Timing)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Detect(ctx, frameOf(img, 0), Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestReducedDetections looks at large photos with and without reduction.
func TestReducedDetections(t *testing.T) {
	weights, err := os.ReadFile("../models/riffle-v2-1.5x.safetensors")
	if err != nil {
		t.Skip("no trained weights")
	}
	d, err := New(weights, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if d.Info().ISA == "generic" {
		t.Skip("takes a minute in pure Go")
	}
	for _, size := range []image.Point{{1920, 1080}, {2560, 1920}, {3840, 2160}} {
		data := enlarged(t, size.X, size.Y)
		var results [2]Result
		for i, reduce := range []image.Point{{}, d.DecodeSize()} {
			p, err := photo.Decode(data, photo.Options{Size: reduce})
			if err != nil {
				t.Fatal(err)
			}
			if results[i], err = d.Detect(context.Background(), p, Filter{Threshold: 0.4}); err != nil {
				t.Fatal(err)
			}
			if results[i].Width != size.X || results[i].Height != size.Y {
				t.Fatalf("%v is said to be %d x %d", size, results[i].Width, results[i].Height)
			}
		}
		want, got := results[0].Detections, results[1].Detections
		if len(want) < 3 {
			t.Fatalf("%v: only %d detections", size, len(want))
		}
		for _, x := range want {
			best := float32(0)
			for _, y := range got {
				if y.Label == x.Label {
					best = max(best, IoU(x.Box, y.Box))
				}
			}
			if best < 0.9 && x.Score > 0.5 {
				t.Errorf("%v: %s of %.2f at %v: the nearest one when reduced overlaps by %.2f", size, x.Label, x.Score, x.Box, best)
			}
		}
	}
}

// enlarged is the street photo of another size, as a JPEG.
func enlarged(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	src := street(t)
	draw.ApproxBiLinear.Scale(img, img.Rect, src, src.Rect, draw.Src, nil)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// frameOf is the picture as a video library holds it, with slack bytes between rows.
func frameOf(img *image.RGBA, slack int) *photo.Frame {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	f := &photo.Frame{Width: w, Height: h, Stride: 3*w + slack, Pix: make([]byte, h*(3*w+slack))}
	for y := range h {
		for x := range w {
			c := img.RGBAAt(x, y)
			copy(f.Pix[y*f.Stride+3*x:], []byte{c.B, c.G, c.R})
		}
	}
	return f
}

// take is the detector's only worker.
func take(tb testing.TB, d *Detector) *worker {
	tb.Helper()
	w, err := d.acquire(context.Background(), image.Pt(4, 3))
	if err != nil {
		tb.Fatal(err)
	}
	return w
}
