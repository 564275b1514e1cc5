package photo

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"sync"
	"testing"

	"example.com/riffle/internal/parity"
)

var one = [3]float32{1, 1, 1}

// sample runs a fresh preprocessor without normalisation and returns the planes
// one after the other.
func sample(t *testing.T, img image.Image, w, h int) []float32 {
	t.Helper()
	p, err := NewPreprocessor(w, h, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, 3*w*h)
	if err := p.Fill([][]float32{out[:w*h], out[w*h : 2*w*h], out[2*w*h:]}, img); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPreprocessMatchesOpenCV(t *testing.T) {
	w := parity.Vectors(t, "testdata/preprocess.safetensors")
	for i := range 8 {
		want := parity.Stored(t, w, fmt.Sprintf("%d.want", i))
		img := parity.Image(parity.Stored(t, w, fmt.Sprintf("%d.image", i)))
		got := sample(t, img, want.Shape[2], want.Shape[1])
		parity.Near(t, fmt.Sprintf("case %d, %v", i, img.Rect.Max), got, want.Data, 1e-3)
	}
}

func TestPreprocessNormalises(t *testing.T) {
	p, err := NewPreprocessor(2, 2, [3]float32{10, 20, 30}, [3]float32{2, 4, 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []image.Point{{1, 1}, {3, 3}, {5, 9}, {40, 13}} {
		img := image.NewRGBA(image.Rectangle{Max: size})
		draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{110, 120, 130, 255}), image.Point{}, draw.Src)
		planes := parity.Planes(3, 4)
		if err := p.Fill(planes, img); err != nil {
			t.Fatal(err)
		}
		for c, want := range []float32{50, 25, 20} {
			parity.Near(t, fmt.Sprintf("channel %d of %v", c, size), planes[c], []float32{want, want, want, want}, 1e-4)
		}
	}
}

// noise is a picture of random pixels, with transparency.
func noise(w, h int) *image.NRGBA {
	rng := rand.New(rand.NewPCG(5, 6))
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32())
	}
	return img
}

// onlyAt hides a picture's type.
type onlyAt struct{ image.Image }

// TestPreprocessReadsEveryType holds each fast reader against the colours that
// the picture's At method gives.
func TestPreprocessReadsEveryType(t *testing.T) {
	src := noise(23, 17)
	window := image.Rect(3, 2, 22, 16) // bounds that do not start at 0
	var pictures []image.Image
	for _, dst := range []draw.Image{
		image.NewRGBA(src.Rect), image.NewNRGBA(src.Rect), image.NewRGBA64(src.Rect), image.NewNRGBA64(src.Rect),
		image.NewGray(src.Rect), image.NewGray16(src.Rect), image.NewCMYK(src.Rect),
		image.NewPaletted(src.Rect, color.Palette{color.NRGBA{200, 100, 50, 128}, color.Black, color.White, color.RGBA{9, 200, 30, 255}, color.Transparent}),
	} {
		draw.Draw(dst, src.Rect, src, image.Point{}, draw.Src)
		pictures = append(pictures, dst, dst.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(window))
	}
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		m := image.NewYCbCr(src.Rect, ratio)
		for i := range m.Y {
			m.Y[i] = 80 + src.Pix[i]%96
		}
		for i := range m.Cb {
			m.Cb[i], m.Cr[i] = 96+src.Pix[i]%64, 96+src.Pix[i+1]%64 // inside of the RGB cube
		}
		pictures = append(pictures, m, m.SubImage(window))
		veiled := &image.NYCbCrA{YCbCr: *m, A: src.Pix[:23*17], AStride: 23}
		pictures = append(pictures, veiled, veiled.SubImage(window))
	}
	for _, img := range pictures {
		for _, size := range []int{5, 16} {
			got, want := sample(t, img, size, size), sample(t, onlyAt{img}, size, size)
			parity.Near(t, fmt.Sprintf("%T %v to %d", img, img.Bounds(), size), got, want, 1.01)
		}
	}
}

func TestPreprocessLaysTransparencyOverWhite(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	parity.Near(t, "fully transparent", sample(t, clear, 1, 1), []float32{255, 255, 255}, 0)
	half := image.NewUniform(color.NRGBA{100, 0, 200, 51}) // one fifth
	img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	draw.Draw(img, img.Rect, half, image.Point{}, draw.Src)
	parity.Near(t, "one fifth opaque", sample(t, img, 1, 1), []float32{224, 204, 244}, 0.01)
}

// TestPreprocessTurns holds each orientation against a picture turned pixel by
// pixel.
func TestPreprocessTurns(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 24, 16)) // whole boxes at every size below
	draw.Draw(img, img.Rect, noise(24, 16), image.Point{}, draw.Over)
	for o := Orientation(1); o <= 8; o++ {
		photo := &Photo{Stored: img, Orientation: o}
		for _, size := range [][2]int{{4, 4}, {13, 9}, {30, 20}} {
			got, want := sample(t, photo, size[0], size[1]), sample(t, Upright(photo), size[0], size[1])
			parity.Near(t, fmt.Sprintf("orientation %d to %v", o, size), got, want, 1e-3)
		}
	}
}

// TestPreprocessThreads: the result does not depend on who samples which band.
func TestPreprocessThreads(t *testing.T) {
	p, err := NewPreprocessor(21, 37, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	p.Parallel(3, func(n int, f func(thread, from, to int)) {
		var wait sync.WaitGroup
		for thread := range 3 {
			wait.Go(func() { f(thread, thread*n/3, (thread+1)*n/3) })
		}
		wait.Wait()
	})
	for _, size := range []image.Point{{30, 40}, {99, 200}, {20, 11}} {
		img := noise(size.X, size.Y)
		got := parity.Planes(3, 21*37)
		if err := p.Fill(got, img); err != nil {
			t.Fatal(err)
		}
		want := sample(t, img, 21, 37)
		for c := range got {
			parity.Near(t, fmt.Sprintf("plane %d of %v", c, size), got[c], want[c*21*37:(c+1)*21*37], 0)
		}
	}
}

func TestPreprocessDoesNotAllocateTwice(t *testing.T) {
	p, err := NewPreprocessor(32, 32, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	planes := parity.Planes(3, 32*32)
	var img image.Image = image.NewYCbCr(image.Rect(0, 0, 100, 80), image.YCbCrSubsampleRatio420)
	if err := p.Fill(planes, img); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { _ = p.Fill(planes, img) }); n > 1 { // the reader behind its interface
		t.Errorf("%v allocations in a call after the first", n)
	}
}

func TestPreprocessRefusesBadArguments(t *testing.T) {
	if _, err := NewPreprocessor(0, 3, [3]float32{}, one); err == nil {
		t.Error("no error for a width of 0")
	}
	if _, err := NewPreprocessor(3, 3, [3]float32{}, [3]float32{1, 0, 1}); err == nil {
		t.Error("no error for a std of 0")
	}
	p, err := NewPreprocessor(4, 4, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Fill(parity.Planes(3, 16), image.NewGray(image.Rect(0, 0, 0, 5))); err == nil {
		t.Error("no error for a picture without pixels")
	}
	if err := p.Fill(parity.Planes(3, 15), image.NewGray(image.Rect(0, 0, 5, 5))); err == nil {
		t.Error("no error for planes of the wrong size")
	}
}

func BenchmarkPreprocess(b *testing.B) {
	for _, size := range []image.Point{{640, 480}, {1920, 1080}, {8000, 6000}} {
		b.Run(fmt.Sprintf("%dx%d", size.X, size.Y), func(b *testing.B) {
			img := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
			p, err := NewPreprocessor(352, 352, [3]float32{}, one)
			if err != nil {
				b.Fatal(err)
			}
			planes := parity.Planes(3, 352*352)
			for b.Loop() {
				if err := p.Fill(planes, img); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestPreprocessStride: rows of wider planes hold the same values, and what is
// right of them and below stays.
func TestPreprocessStride(t *testing.T) {
	const w, h, stride, rows = 13, 9, 32, 12
	img := parity.Picture(57, 41)
	for o := Orientation(1); o <= 8; o++ {
		photo := &Photo{Stored: img, Orientation: o}
		want := sample(t, photo, w, h)
		p, err := NewPreprocessor(w, h, [3]float32{}, one)
		if err != nil {
			t.Fatal(err)
		}
		p.Stride = stride
		planes := parity.Planes(3, stride*rows)
		for _, plane := range planes {
			for i := range plane {
				plane[i] = -1
			}
		}
		if err := p.Fill(planes, photo); err != nil {
			t.Fatal(err)
		}
		for i := range 3 * stride * rows {
			c, y, x := i/(stride*rows), i/stride%rows, i%stride
			v := float32(-1)
			if y < h && x < w {
				v = want[(c*h+y)*w+x]
			}
			if got := planes[c][y*stride+x]; got != v {
				t.Fatalf("orientation %d: channel %d (%d, %d) is %v, want %v", o, c, x, y, got, v)
			}
		}
		if err := p.Fill(parity.Planes(3, stride*(h-1)), photo); err == nil {
			t.Error("no error for planes that are too small")
		}
	}
}
