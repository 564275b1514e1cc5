package photo

import (
	"fmt"
	"image"
	"math/rand/v2"
	"testing"

	"example.com/riffle/internal/parity"
)

// frameOf copies a picture into rows of blue, green and red with slack between
// them, the last row ending with its last pixel.
func frameOf(img *image.RGBA, slack int) *Frame {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	f := &Frame{Width: w, Height: h, Stride: 3*w + slack}
	f.Pix = make([]byte, (h-1)*f.Stride+3*w)
	for y := range h {
		for x := range w {
			c := img.RGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			copy(f.Pix[y*f.Stride+3*x:], []byte{c.B, c.G, c.R})
		}
	}
	return f
}

func opaqueNoise(w, h int) *image.RGBA {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32())
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	return img
}

// A frame and a picture with the same pixels give the same planes, bit by bit:
// with boxes of one, two, three and more pixels, cut short or not.
func TestFrameIsSampledAsThePicture(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 9}, {16, 16}, {17, 33}, {32, 31}, {33, 47}, {50, 50}, {97, 64}, {163, 1}} {
		for slack := range 3 {
			img := opaqueNoise(size[0], size[1])
			p, err := NewPreprocessor(16, 16, [3]float32{1, 2, 3}, [3]float32{4, 5, 6})
			if err != nil {
				t.Fatal(err)
			}
			want, got := parity.Planes(3, 256), parity.Planes(3, 256)
			if err := p.Fill(want, img); err != nil {
				t.Fatal(err)
			}
			if err := p.Fill(got, frameOf(img, slack)); err != nil {
				t.Fatal(err)
			}
			for c := range want {
				parity.Near(t, fmt.Sprintf("%v, slack %d, plane %d", size, slack, c), got[c], want[c], 0)
			}
		}
	}
}

func TestFrameOfWrongSizeIsRefused(t *testing.T) {
	p, err := NewPreprocessor(4, 4, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Frame{
		{},
		{Pix: make([]byte, 12), Width: 0, Height: 2, Stride: 6},
		{Pix: make([]byte, 12), Width: 2, Height: -1, Stride: 6},
		{Pix: make([]byte, 12), Width: 2, Height: 2, Stride: 5},
		{Pix: make([]byte, 11), Width: 2, Height: 2, Stride: 6},
		{Pix: make([]byte, 5), Width: 2, Height: 1, Stride: 6},
		{Pix: nil, Width: 2, Height: 1, Stride: 600},
	} {
		if err := p.Fill(parity.Planes(3, 16), &f); err == nil {
			t.Errorf("%d bytes, %d x %d, stride %d are accepted", len(f.Pix), f.Width, f.Height, f.Stride)
		}
	}
	if err := p.Fill(parity.Planes(3, 16), &Frame{Pix: make([]byte, 12), Width: 2, Height: 2, Stride: 6}); err != nil {
		t.Error(err)
	}
}

// BenchmarkFillFrame is a camera's frame to planes; it must not allocate.
func BenchmarkFillFrame(b *testing.B) {
	for _, size := range [][2]int{{640, 480}, {768, 576}, {1280, 720}, {1920, 1080}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			p, err := NewPreprocessor(352, 352, [3]float32{123.675, 116.28, 103.53}, [3]float32{58.395, 57.12, 57.375})
			if err != nil {
				b.Fatal(err)
			}
			f, planes := frameOf(opaqueNoise(size[0], size[1]), 0), parity.Planes(3, 352*352)
			if err := p.Fill(planes, f); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Fill(planes, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestFillFrameAllocatesNothing(t *testing.T) {
	p, err := NewPreprocessor(64, 64, [3]float32{}, one)
	if err != nil {
		t.Fatal(err)
	}
	f, planes := frameOf(opaqueNoise(200, 150), 0), parity.Planes(3, 64*64)
	if err := p.Fill(planes, f); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() {
		if err := p.Fill(planes, f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
