package jpeg

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// scene is a picture with smooth parts, edges and noise.
func scene(w, h int, seed uint64) *image.RGBA {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(2*x + y), uint8(255 - 3*y), uint8(x * y / 8), 255}
			if (x/11+y/7)%3 == 0 {
				c.R, c.G = c.G, uint8(rng.IntN(256))
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

func encoded(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, m, &stdjpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plane is one component's samples.
type plane struct {
	pix            []byte
	stride, w, h   int
	shiftX, shiftY int // of the subsampling
}

func planesOf(t testing.TB, m image.Image) []plane {
	t.Helper()
	b := m.Bounds()
	switch m := m.(type) {
	case *image.Gray:
		return []plane{{m.Pix, m.Stride, b.Dx(), b.Dy(), 0, 0}}
	case *image.YCbCr:
		sx, sy := 0, 0
		switch m.SubsampleRatio {
		case image.YCbCrSubsampleRatio420:
			sx, sy = 1, 1
		case image.YCbCrSubsampleRatio422:
			sx = 1
		case image.YCbCrSubsampleRatio440:
			sy = 1
		}
		cw, ch := (b.Dx()+sx)>>sx, (b.Dy()+sy)>>sy
		return []plane{{m.Y, m.YStride, b.Dx(), b.Dy(), 0, 0}, {m.Cb, m.CStride, cw, ch, sx, sy}, {m.Cr, m.CStride, cw, ch, sx, sy}}
	}
	t.Fatalf("decoded to a %T", m)
	return nil
}

// mean is that of a square of 1<<shift samples. Squares that lie in the picture
// only in part are left out, and those in which samples may have been clamped:
// there the mean of samples is not the sample that the means of the transform
// give.
func (p plane) mean(x, y, shift int) (v float64, whole bool) {
	n := 1 << shift
	if (x+1)*n > p.w || (y+1)*n > p.h {
		return 0, false
	}
	for dy := range n {
		for dx := range n {
			s := p.pix[(y*n+dy)*p.stride+x*n+dx]
			if shift > 0 && (s == 0 || s == 255) {
				return 0, false
			}
			v += float64(s)
		}
	}
	return v / float64(n*n), true
}

// checkDecode holds Decode at all sizes against the standard library's samples.
func checkDecode(t testing.TB, what string, data []byte) {
	t.Helper()
	want, err := stdjpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: image/jpeg: %v", what, err)
	}
	for shift := 0; shift <= MaxShift; shift++ {
		got, _, err := Decode(data, shift)
		if err != nil {
			t.Fatalf("%s at 1/%d: %v", what, 1<<shift, err)
		}
		comparePlanes(t, fmt.Sprintf("%s at 1/%d", what, 1<<shift), planesOf(t, got), planesOf(t, want), shift)
	}
}

// comparePlanes allows the rounding of two decoders.
func comparePlanes(t testing.TB, what string, got, want []plane, shift int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d planes, want %d", what, len(got), len(want))
	}
	for i, p := range got {
		w := want[i]
		s := shift + p.shiftX - w.shiftX // equal in both directions, see Decode
		if wide := (w.w + 1<<s - 1) >> s; p.w != wide {
			t.Fatalf("%s: plane %d is %d wide, want %d", what, i, p.w, wide)
		}
		for y := range p.h {
			for x := range p.w {
				v, whole := w.mean(x, y, s)
				if !whole {
					continue
				}
				if d := float64(p.pix[y*p.stride+x]) - v; d > 1.01 || d < -1.01 {
					t.Fatalf("%s: plane %d, sample (%d, %d) is %d, want %.2f", what, i, x, y, p.pix[y*p.stride+x], v)
				}
			}
		}
	}
}

func TestDecodeMatchesStandardLibrary(t *testing.T) {
	for i, size := range []image.Point{{1, 1}, {7, 9}, {8, 8}, {16, 16}, {17, 33}, {64, 48}, {95, 70}, {200, 131}} {
		m := scene(size.X, size.Y, uint64(i))
		grey := image.NewGray(m.Rect)
		copy(grey.Pix, m.Pix)
		for _, quality := range []int{5, 50, 90, 100} {
			checkDecode(t, fmt.Sprintf("%v, quality %d", size, quality), encoded(t, m, quality))
			checkDecode(t, fmt.Sprintf("grey %v, quality %d", size, quality), encoded(t, grey, quality))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encoded(t, scene(64, 48, 1), 90)
	if _, _, err := Decode(good, 4); err == nil {
		t.Error("no error for shift 4")
	}
	for n := range len(good) {
		if _, damage, err := Decode(good[:n], 0); err == nil && damage.What == "" {
			t.Fatalf("neither error nor damage for the first %d of %d bytes", n, len(good))
		}
	}
	huge := bytes.Clone(good)
	at := bytes.Index(huge, []byte{0xFF, mSOF0}) + 5
	copy(huge[at:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	if _, _, err := Decode(huge, 0); !errors.Is(err, ErrTooShort) {
		t.Errorf("65535 x 65535 pixels in %d bytes: %v", len(huge), err)
	}
}

// TestRealPhotos runs where the shared photos are; the repository has none.
func TestRealPhotos(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/data/val/images/*.jpg")
	if len(files) == 0 {
		files, _ = filepath.Glob("../../../docs/*.jpg")
	}
	for i, name := range files {
		if i%20 != 0 {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		checkDecode(t, filepath.Base(name), data)
	}
}

func BenchmarkDecode(b *testing.B) {
	name := "../../../docs/street.jpg"
	if v := os.Getenv("JPEG"); v != "" {
		name = v
	}
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("image-jpeg", func(b *testing.B) {
		for b.Loop() {
			if _, err := stdjpeg.Decode(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for shift := 0; shift <= MaxShift; shift++ {
		b.Run(fmt.Sprint("1-", 1<<shift), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Decode(data, shift); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
