package jpeg

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// turboVector is what training/vectors/jpeg.py wrote: by shift, the planes that
// libjpeg-turbo decodes.
type turboVector struct {
	Size   [2]int
	First  int // plane that the list begins with
	Planes [][]string
}

func unpack(t *testing.T, text string) []byte {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDecodeMatchesLibjpegTurbo, whose reduced transforms are means as well, in
// integers. Both may round by one; samples that clamping changes are few.
func TestDecodeMatchesLibjpegTurbo(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d vectors: %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v turboVector
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(strings.TrimSuffix(name, "json") + "jpg")
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Planes) != MaxShift+1 {
			t.Fatalf("%s: %d reductions", name, len(v.Planes))
		}
		for shift, planes := range v.Planes {
			img, _, err := Decode(data, shift)
			if err != nil {
				t.Fatalf("%s at 1/%d: %v", name, 1<<shift, err)
			}
			got := planesOf(t, img)
			for i, text := range planes {
				compareSamples(t, fmt.Sprintf("%s at 1/%d, plane %d", name, 1<<shift, v.First+i), got[v.First+i], unpack(t, text))
			}
		}
	}
}

func compareSamples(t *testing.T, what string, got plane, want []byte) {
	t.Helper()
	if len(want) != got.w*got.h {
		t.Fatalf("%s: %d x %d samples, want %d", what, got.w, got.h, len(want))
	}
	for y := range got.h {
		for x := range got.w {
			g, w := int(got.pix[y*got.stride+x]), int(want[y*got.w+x])
			if d := g - w; d < -1 || d > 1 {
				t.Fatalf("%s: sample (%d, %d) is %d, want %d", what, x, y, g, w)
			}
		}
	}
}

// TestDamageIsTold: a whole file has none, a damaged one says what is wrong, and how
// much is lost where something is.
func TestDamageIsTold(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		what string
		lost [2]float64 // from, to
	}{
		"420": {}, "progressive_restart": {}, "damaged_no_tables": {},
		"damaged_no_end":            {what: "no end marker"},
		"damaged_zeros_behind":      {what: "no end marker"},
		"damaged_cut":               {what: "data ends too early", lost: [2]float64{0.1, 0.4}},
		"damaged_restart_missing":   {what: "restart marker missing", lost: [2]float64{0.01, 0.2}},
		"damaged_restart_wrong_4":   {what: "restart marker of a wrong number"},
		"damaged_restart_lost_part": {what: "restart marker missing", lost: [2]float64{0.01, 0.2}},
	} {
		data, err := os.ReadFile("testdata/" + name + ".jpg")
		if err != nil {
			t.Fatal(err)
		}
		_, damage, err := Decode(data, 0)
		if err != nil || damage.What != want.what || damage.Lost < want.lost[0] || damage.Lost > want.lost[1] {
			t.Errorf("%s: %+v, %v, want %+v", name, damage, err, want)
		}
	}
}

// TestLeftOverDataIsTold: a scan that ends before its data does was not read as it
// was written; fill bytes before a marker are no damage.
func TestLeftOverDataIsTold(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/420.jpg")
	if err != nil {
		t.Fatal(err)
	}
	end := len(data) - 2
	for between, want := range map[string]string{"": "", "\xff\xff": "", "\x12\x34\x56": "data left over"} {
		longer := slices.Concat(data[:end], []byte(between), data[end:])
		if _, damage, err := Decode(longer, 0); err != nil || damage.What != want {
			t.Errorf("%x: %+v, %v", between, damage, err)
		}
	}
}

// TestUnsupportedIsNamed: what libjpeg can read and this package cannot, by name.
func TestUnsupportedIsNamed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/arithmetic.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Decode(data, 0); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "arithmetic coding") {
		t.Errorf("arithmetic coding: %v", err)
	}
	at := bytes.Index(data, []byte{0xff, 0xc9})
	for marker, want := range map[byte]string{0xC3: "lossless coding", 0xC5: "hierarchical coding", 0xC0: "12 bits"} {
		other := bytes.Clone(data)
		other[at+1] = marker
		if marker == 0xC0 {
			other[at+4] = 12
		}
		if _, _, err := Decode(other, 0); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// FuzzDecode: no bytes make the decoder panic or hang, and what it reads has the
// size that the header says.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.jpg")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(len(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte, shift uint8) {
		cfg, err := stdjpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil || cfg.Width*cfg.Height > 1<<18 {
			return
		}
		s := int(shift % (MaxShift + 1))
		img, _, err := Decode(data, s)
		if err != nil {
			return
		}
		want := image.Pt(ceil(cfg.Width, 1<<s), ceil(cfg.Height, 1<<s))
		if got := img.Bounds().Size(); got != want {
			t.Fatalf("decoded to %v, want %v", got, want)
		}
	})
}

// TestDecodeSurvivesDamage flips bytes of every vector. What is decoded all the
// same image/jpeg nearly always decodes to the same samples: it looks at some
// tables more closely, and absurd coefficients overflow its integers.
func TestDecodeSurvivesDamage(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 9))
	decoded, same := 0, 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			broken := bytes.Clone(data)
			for range 1 + rng.IntN(3) {
				broken[rng.IntN(len(broken))] = byte(rng.Uint32())
			}
			cfg, err := stdjpeg.DecodeConfig(bytes.NewReader(broken))
			if err != nil || cfg.Width*cfg.Height > 1<<16 {
				continue
			}
			for shift := 1; shift <= MaxShift; shift++ {
				_, _, _ = Decode(broken, shift)
			}
			img, damage, err := Decode(broken, 0)
			if err != nil {
				continue
			}
			want, err := stdjpeg.Decode(bytes.NewReader(broken))
			if _, ok := img.(*image.YCbCr); !ok || err != nil || damage.What != "" {
				continue // what only one of them decodes; libjpeg's pixels are among the vectors
			}
			decoded++
			if a, b := planesOf(t, img), planesOf(t, want); len(a) == len(b) && equalPlanes(a, b) {
				same++
			} else {
				t.Logf("%s differs", name)
			}
		}
	}
	t.Logf("%d damaged files were decoded, %d as image/jpeg does it", decoded, same)
	if decoded < 100 || same < decoded*9/10 {
		t.Error("too few, or too many otherwise")
	}
}

// equalPlanes reports whether no sample differs by more than rounding.
func equalPlanes(a, b []plane) bool {
	for i, p := range a {
		for y := range p.h {
			for x := range p.w {
				if d := int(p.pix[y*p.stride+x]) - int(b[i].pix[y*b[i].stride+x]); d < -1 || d > 1 {
					return false
				}
			}
		}
	}
	return true
}
