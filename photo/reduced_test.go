package photo

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"testing"

	"golang.org/x/image/draw"
)

// large is the street photo, enlarged and encoded again.
func large(t *testing.T, w, h int, o Orientation) []byte {
	t.Helper()
	data, err := os.ReadFile("../docs/street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	street, err := Decode(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(img, img.Rect, street.Stored, street.Stored.Bounds(), draw.Src, nil)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return withOrientation(b.Bytes(), o)
}

// withOrientation puts an EXIF segment behind a JPEG's first marker.
func withOrientation(data []byte, o Orientation) []byte {
	exif := append([]byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"), byte(o), 0, 0, 0, 0, 0, 0)
	return append(append(bytes.Clone(data[:2]), exif...), data[2:]...)
}

func TestDecodeForReduces(t *testing.T) {
	for _, c := range []struct {
		w, h   int
		o      Orientation
		size   image.Point
		stored image.Point
	}{
		{641, 483, 1, image.Pt(352, 352), image.Pt(641, 483)},
		{705, 704, 1, image.Pt(352, 352), image.Pt(353, 352)},
		{1920, 1080, 1, image.Pt(352, 352), image.Pt(960, 540)},
		{1921, 1083, 6, image.Pt(100, 200), image.Pt(241, 136)},
		{1921, 1083, 6, image.Pt(200, 100), image.Pt(481, 271)},
		{1920, 1080, 1, image.Point{}, image.Pt(1920, 1080)},
	} {
		name := fmt.Sprintf("%dx%d, orientation %d, for %v", c.w, c.h, c.o, c.size)
		photo, err := Decode(large(t, c.w, c.h, c.o), Options{Size: c.size})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := image.Pt(c.w, c.h)
		if c.o.Swaps() {
			want = image.Pt(c.h, c.w)
		}
		if got := photo.Stored.Bounds().Size(); got != c.stored || photo.Size() != want {
			t.Errorf("%s: stored as %v, want %v; size %v, want %v", name, got, c.stored, photo.Size(), want)
		}
		full, err := photo.Full()
		if err != nil {
			t.Fatal(err)
		}
		if got := full.Bounds().Size(); got != want || full.Size() != want {
			t.Errorf("%s: in full %v", name, got)
		}
	}
}

// TestReducedSampling: what the network reads of a reduced photo is what it reads
// of the whole one, up to where within a pixel boxes end.
func TestReducedSampling(t *testing.T) {
	for _, c := range []struct {
		w, h  int
		o     Orientation
		limit float64 // root mean square of the differences, of 0 to 255
	}{
		{1408, 1408, 1, 0.75}, // boxes of whole pixels
		{1920, 1080, 1, 1.5},
		{1923, 1085, 8, 1.5},
		{2816, 1584, 3, 1.5},
	} {
		data := large(t, c.w, c.h, c.o)
		full, err := Decode(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		reduced, err := Decode(data, Options{Size: image.Pt(352, 352)})
		if err != nil {
			t.Fatal(err)
		}
		if reduced.shift == 0 {
			t.Fatalf("%dx%d is not reduced", c.w, c.h)
		}
		got, want := sample(t, reduced, 352, 352), sample(t, full, 352, 352)
		sum := 0.0
		for i := range got {
			d := float64(got[i] - want[i])
			sum += d * d
		}
		if rms := math.Sqrt(sum / float64(len(got))); !(rms < c.limit) {
			t.Errorf("%dx%d, orientation %d: root mean square %.2f, allowed %.2f", c.w, c.h, c.o, rms, c.limit)
		}
	}
}

// Every output of every axis is a mean: a grey picture stays grey.
func TestReducedAxesAddUpToOne(t *testing.T) {
	var a axis
	for shift := 0; shift <= 3; shift++ {
		for _, file := range []int{704, 705, 711, 1080, 1919, 1920, 2999, 3840, 8000} {
			n := 1 << shift
			src := (file + n - 1) / n
			if src < 352 {
				continue
			}
			a.set(axisKey{src, 0, float64(file) / float64(n), shift, 352, false, true})
			for i := range 352 {
				sum := float32(0)
				for _, tap := range a.taps[i*a.per : (i+1)*a.per] {
					if sum += tap.Weight; tap.Weight < 0 || int(tap.At) >= src {
						t.Fatalf("%d at 1/%d: output %d has %v of %d pixels", file, n, i, tap, src)
					}
				}
				if math.Abs(float64(sum)-1) > 1e-5 {
					t.Fatalf("%d at 1/%d: output %d has weights of %v in all", file, n, i, sum)
				}
			}
		}
	}
}

// RGB is reduced as YCbCr is, and stays RGB.
func TestReducedRGB(t *testing.T) {
	data := large(t, 1920, 1080, 1)
	at := bytes.Index(data, []byte{0xff, 0xc0})
	rgb := bytes.Clone(data)
	rgb[at+10], rgb[at+13], rgb[at+16] = 'R', 'G', 'B'
	scan := bytes.Index(rgb, []byte{0xff, 0xda})
	rgb[scan+5], rgb[scan+7], rgb[scan+9] = 'R', 'G', 'B'
	if app0 := bytes.Index(rgb, []byte("JFIF")); app0 >= 0 {
		copy(rgb[app0:], "none")
	}
	p, err := Decode(rgb, Options{Size: image.Pt(352, 352)})
	if err != nil {
		t.Fatal(err)
	}
	if p.Size() != image.Pt(1920, 1080) || p.Bounds().Size() != image.Pt(960, 540) {
		t.Errorf("RGB came as %v of %v", p.Bounds(), p.Size())
	}
	if _, ok := p.Stored.(*image.RGBA); !ok {
		t.Errorf("RGB came as %T", p.Stored)
	}
}
