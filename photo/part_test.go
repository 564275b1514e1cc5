package photo

import (
	"fmt"
	"image"
	"image/draw"
	"math"
	"strings"
	"testing"

	"example.com/riffle/internal/parity"
)

// samplePart is sample of a part.
func samplePart(t *testing.T, img image.Image, part image.Rectangle, w, h int) []float32 {
	t.Helper()
	p, err := NewPreprocessor(w, h, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	planes := parity.Planes(3, w*h)
	if err := p.FillPart(planes, img, part); err != nil {
		t.Fatal(err)
	}
	return append(append(append([]float32{}, planes[0]...), planes[1]...), planes[2]...)
}

// A part is sampled as a picture of its own: at the edges, one pixel wide, and of
// every orientation.
func TestPartIsSampledAsAPicture(t *testing.T) {
	img := opaqueNoise(47, 33)
	for _, part := range []image.Rectangle{
		image.Rect(0, 0, 47, 33), image.Rect(0, 0, 20, 33), image.Rect(5, 7, 46, 30), image.Rect(46, 32, 47, 33),
		image.Rect(46, 0, 47, 33), image.Rect(0, 3, 47, 4), image.Rect(11, 1, 44, 33),
	} {
		for _, size := range [][2]int{{4, 4}, {16, 9}, {40, 50}} {
			what := fmt.Sprintf("part %v to %v: ", part, size)
			want := sample(t, img.SubImage(part), size[0], size[1])
			for name, same := range map[string]image.Image{"picture": img, "frame": frameOf(img, 5), "any": onlyAt{img}} {
				parity.Near(t, what+name, samplePart(t, same, part, size[0], size[1]), want, 1e-3)
			}
		}
		for o := Orientation(1); o <= 8; o++ {
			photo := &Photo{Stored: img, Orientation: o}
			upright := Upright(photo)
			part := part
			if o.Swaps() {
				part = image.Rect(part.Min.Y, part.Min.X, part.Max.Y, part.Max.X)
			}
			// Enlarged, so that boxes do not begin elsewhere in a mirrored picture.
			got, want := samplePart(t, photo, part, 50, 60), sample(t, upright.SubImage(part), 50, 60)
			parity.Near(t, fmt.Sprintf("orientation %d, part %v", o, part), got, want, 2e-3)
		}
	}
}

// Pictures whose bounds do not start at 0 are counted from their corner.
func TestPartOfAWindow(t *testing.T) {
	img := opaqueNoise(47, 33)
	inner := img.SubImage(image.Rect(10, 5, 40, 30))
	got, want := samplePart(t, inner, image.Rect(3, 2, 17, 21), 16, 16), sample(t, img.SubImage(image.Rect(13, 7, 27, 26)), 16, 16)
	parity.Near(t, "window", got, want, 0)
}

// A part of a reduced photo is that of the whole one, wherever it begins.
func TestPartOfReducedPhoto(t *testing.T) {
	for _, o := range []Orientation{1, 3, 8} {
		data := large(t, 1923, 1085, o)
		full, err := Decode(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		reduced, err := Decode(data, Options{Size: image.Pt(400, 400)})
		if err != nil {
			t.Fatal(err)
		}
		if reduced.shift != 1 {
			t.Fatal("not reduced to a half")
		}
		size := full.Size()
		for _, part := range []image.Rectangle{
			{Max: size}, image.Rect(0, 0, 801, 803), image.Rect(203, 101, 1005, 903), {size.Sub(image.Pt(777, 777)), size},
		} {
			got, want := samplePart(t, reduced, part, 200, 200), samplePart(t, full, part, 200, 200)
			sum := 0.0
			for i := range got {
				d := float64(got[i] - want[i])
				sum += d * d
			}
			if rms := math.Sqrt(sum / float64(len(got))); !(rms < 1.5) {
				t.Errorf("orientation %d, part %v: root mean square %.2f", o, part, rms)
			}
		}
	}
}

func TestPartOutsideIsRefused(t *testing.T) {
	p, err := NewPreprocessor(4, 4, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	img := opaqueNoise(20, 10)
	for _, part := range []image.Rectangle{{}, image.Rect(0, 0, 21, 10), image.Rect(-1, 0, 5, 5), image.Rect(3, 3, 3, 9), image.Rect(5, 0, 10, 11)} {
		for _, same := range []image.Image{img, frameOf(img, 0), &Photo{Stored: img, Orientation: 6}} {
			if same.Bounds().Dx() == 10 && part.In(image.Rect(0, 0, 10, 20)) && !part.Empty() {
				continue // within the turned picture
			}
			if err := p.FillPart(parity.Planes(3, 16), same, part); err == nil || !strings.Contains(err.Error(), "part") {
				t.Errorf("%T, part %v: %v", same, part, err)
			}
		}
	}
}

// A part of a frame allocates nothing once one of its size was seen.
func TestPartOfFrameAllocatesNothing(t *testing.T) {
	p, err := NewPreprocessor(16, 16, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	var f image.Image = frameOf(img, 0)
	planes := parity.Planes(3, 256)
	at := 0
	if n := testing.AllocsPerRun(10, func() {
		at = (at + 1) % 20
		if err := p.FillPart(planes, f, image.Rect(at, at, at+40, at+40)); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a part", n)
	}
}
