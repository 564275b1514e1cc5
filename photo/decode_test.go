package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"example.com/riffle/internal/parity"
	"example.com/riffle/nn"
)

// photoFiles are the pictures that training/vectors/detector_photos.py made.
func photoFiles(t *testing.T) map[string][]byte {
	t.Helper()
	w := parity.Vectors(t, "testdata/photos.safetensors")
	out := map[string][]byte{}
	for name, x := range w.Tensors {
		if base, ok := strings.CutSuffix(name, ".file"); ok {
			out[base] = bytesOf(x)
		}
	}
	return out
}

func bytesOf(x nn.Tensor) []byte {
	out := make([]byte, len(x.Data))
	for i, v := range x.Data {
		out[i] = byte(v)
	}
	return out
}

// TestDecodeSeesWhatPillowSees decodes every kind of picture and compares its
// pixels, as the network gets them and as Draw copies them, with Pillow's.
func TestDecodeSeesWhatPillowSees(t *testing.T) {
	want := parity.Vectors(t, "testdata/photos.safetensors")
	for name, file := range photoFiles(t) {
		t.Run(name, func(t *testing.T) {
			p, err := Decode(file, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if format, _, _ := strings.Cut(name, "_"); format != "tiny" && p.Format != format {
				t.Errorf("format %q, want %q", p.Format, format)
			}
			x := parity.Stored(t, want, name+".want")
			h, w := x.Shape[0], x.Shape[1]
			if got := p.Bounds(); got != image.Rect(0, 0, w, h) {
				t.Fatalf("bounds %v, want %d x %d", got, w, h)
			}
			// Lossy decoders differ by rounding and, most of all, in how they
			// spread subsampled colour.
			worst, mean := 2.0, 0.6
			if p.Format == "jpeg" || p.Format == "webp" {
				worst, mean = 16, 3
			}
			compare(t, "sampled", planar(x), sample(t, p, w, h), worst, mean)
			compare(t, "copied", planar(x), sample(t, Upright(p), w, h), worst, mean)
		})
	}
}

// planar reorders [H, W, 3] to three planes.
func planar(x nn.Tensor) []float32 {
	n := x.Shape[0] * x.Shape[1]
	out := make([]float32, 3*n)
	for i, v := range x.Data {
		out[i%3*n+i/3] = v
	}
	return out
}

func compare(t *testing.T, what string, want, got []float32, worst, mean float64) {
	t.Helper()
	var sum float64
	for i := range want {
		d := math.Abs(float64(got[i] - want[i]))
		if sum += d; d > worst {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
	if sum /= float64(len(want)); sum > mean {
		t.Errorf("%s: differs by %.2f on average, allowed %.2f", what, sum, mean)
	}
}

func TestDecodeReportsWhatIsWrong(t *testing.T) {
	files := photoFiles(t)
	cut := func(name string, keep float64) []byte { return files[name][:int(keep*float64(len(files[name])))] }
	twelveBit := bytes.Clone(files["jpeg_grey"])
	twelveBit[bytes.Index(twelveBit, []byte{0xff, 0xc0})+4] = 12
	flipped := bytes.Clone(files["png_rgb"])
	flipped[len(flipped)/2] ^= 0xff
	animated := []byte("RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x03\x00\x00ANIM\x00\x00\x00\x00")
	cases := map[string]struct {
		data []byte
		want error
	}{
		"a HEIC photo":     {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), ErrUnsupported},
		"an AVIF photo":    {[]byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif"), ErrUnsupported},
		"JPEG XL":          {[]byte("\xff\x0a\x00\x00"), ErrUnsupported},
		"no frames":        {animated, ErrTruncated},
		"planes apart":     {tiffTagged(t, files["tiff"], 284, 2), ErrUnsupported},
		"JPEG in TIFF":     {tiffTagged(t, files["tiff"], 259, 7), ErrTruncated},
		"nothing":          {nil, ErrNotImage},
		"text":             {[]byte("Dear detector, this is no picture."), ErrNotImage},
		"html":             {[]byte("<!doctype html><p>404"), ErrNotImage},
		"a JPEG's start":   {[]byte{0xff, 0xd8}, ErrTruncated},
		"half a JPEG":      {cut("jpeg_420", 0.6), ErrTruncated},
		"start of a PJPEG": {cut("jpeg_progressive", 0.25), ErrTruncated},
		"half a PNG":       {cut("png_rgb", 0.5), ErrTruncated},
		"half a GIF":       {cut("gif", 0.5), ErrTruncated},
		"half a WebP":      {cut("webp", 0.5), ErrTruncated},
		"half a BMP":       {cut("bmp", 0.5), ErrTruncated},
		"half a TIFF":      {cut("tiff", 0.5), ErrTruncated},
		"a 12-bit JPEG":    {twelveBit, ErrUnsupported},
		"a flipped byte":   {flipped, ErrCorrupt},
		"30,000 squared":   {pngHeader(30_000, 30_000), ErrTooLarge},
		"15,000 squared":   {pngHeader(15_000, 15_000), ErrTooLarge},
		"a lying header":   {pngHeader(8_000, 6_000), ErrTruncated},
		"a PNG of no row":  {pngHeader(10, 0), ErrCorrupt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(c.data, Options{})
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if err != nil && strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("error %q is not one line", err)
			}
		})
	}
}

// TestDamagedJPEGsAreShown: what libjpeg shows is decoded, with a warning that says
// what is wrong. How each kind of damage looks is tested in internal/jpeg.
func TestDamagedJPEGsAreShown(t *testing.T) {
	t.Parallel()
	files := photoFiles(t)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"most of a JPEG":    {files["jpeg_420"][:len(files["jpeg_420"])*95/100], "data ends too early"},
		"most of a PJPEG":   {files["jpeg_progressive"][:len(files["jpeg_progressive"])*7/10], "segment of a wrong length"},
		"without an end":    {files["jpeg_420"][:len(files["jpeg_420"])-2], "no end marker"},
		"zeros at the end":  {append(bytes.Clone(files["jpeg_420"][:len(files["jpeg_420"])-2]), make([]byte, 99)...), "no end marker"},
		"nothing is broken": {files["jpeg_420"], ""},
	} {
		p, err := Decode(c.data, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(p.Warnings, "; "); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: warnings %q, want %q", name, got, c.want)
		}
	}
}

// Sizes are bounded by the memory that decoding takes: a JPEG of many megapixels is
// cheap for a network, a PNG is not.
func TestLargePhotosByMemory(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 6000, 4500)), &jpeg.Options{Quality: 20}); err != nil {
		t.Fatal(err)
	}
	limits := Limits{MaxMemory: 2 << 20}
	p, err := Decode(b.Bytes(), Options{Limits: limits, Size: image.Pt(352, 352)})
	if err != nil || p.Size() != image.Pt(6000, 4500) || p.Bounds().Dx() != 750 {
		t.Errorf("for a network: %v, %v", p, err)
	}
	if _, err := Decode(b.Bytes(), Options{Limits: limits}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("with all pixels: %v", err)
	}
}

// TestReversedBitsAreRefused: the library would take them for the right way round.
func TestReversedBitsAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := decodeTIFF(tiffTagged(t, photoFiles(t)["tiff"], tagFillOrder, reversedBits)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// tiffTagged changes a tag of a TIFF, or puts it into the place of one that nobody
// misses.
func tiffTagged(t *testing.T, file []byte, tag, value uint16) []byte {
	t.Helper()
	out := bytes.Clone(file)
	const planar = 284 // 1 if it is not there
	for _, place := range []uint16{tag, planar} {
		found := false
		tiffEntries(out, func(order binary.ByteOrder, entry []byte) bool {
			if found = order.Uint16(entry) == place; found {
				order.PutUint16(entry, tag)
				order.PutUint16(entry[2:], 3)
				order.PutUint32(entry[4:], 1)
				order.PutUint16(entry[8:], value)
			}
			return !found
		})
		if found {
			return out
		}
	}
	t.Fatal("no place for the tag")
	return nil
}

// pngHeader is a PNG file that holds nothing but a header.
func pngHeader(w, h uint32) []byte {
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	head := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	head = binary.BigEndian.AppendUint32(head, h)
	head = append(head, 8, 2, 0, 0, 0)
	b = append(b, head...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head))
}

func TestDecodeRefusesHugeHeadersCheaply(t *testing.T) {
	data := pngHeader(30_000, 30_000)
	refusal := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode(data, Options{}); !errors.Is(err, ErrTooLarge) {
				b.Fatal(err)
			}
		}
	})
	if n := refusal.AllocedBytesPerOp(); n > 16<<10 {
		t.Errorf("%d bytes allocated to refuse a header", n)
	}
}

func TestDecodeLimits(t *testing.T) {
	file := photoFiles(t)["png_rgb"] // 28 x 20
	for name, l := range map[string]Limits{
		"width":  {MaxWidth: 27},
		"height": {MaxHeight: 19},
		"pixels": {MaxPixels: 28*20 - 1},
		"memory": {MaxMemory: 28*20*4 - 1},
		"bytes":  {MaxBytes: int64(len(file)) - 1},
	} {
		if _, err := Decode(file, Options{Limits: l}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: error %v, want %v", name, err, ErrTooLarge)
		}
		if _, err := Read(bytes.NewReader(file), Options{Limits: l}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s, from a reader: error %v, want %v", name, err, ErrTooLarge)
		}
	}
	exact := Limits{MaxWidth: 28, MaxHeight: 20, MaxPixels: 28 * 20, MaxBytes: int64(len(file))}
	if _, err := Read(bytes.NewReader(file), Options{Limits: exact}); err != nil {
		t.Errorf("a picture just within the limits: %v", err)
	}
}

func TestDecodeReaderReturnsTheReadersError(t *testing.T) {
	if _, err := Read(iotest.ErrReader(io.ErrClosedPipe), Options{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want the reader's", err)
	}
}

func TestDecodeBoundsScans(t *testing.T) {
	file := photoFiles(t)["jpeg_progressive"]
	at := bytes.LastIndex(file, []byte{0xff, markerSOS})
	scan, rest := file[at:len(file)-2], file[len(file)-2:]
	bomb := append(bytes.Clone(file[:at]), bytes.Repeat(scan, maxScans+1)...)
	if _, err := Decode(append(bomb, rest...), Options{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want %v", err, ErrTooLarge)
	}
}

func TestDecodeGIFFrameSmallerThanItsScreen(t *testing.T) {
	red := color.Palette{color.RGBA{255, 0, 0, 255}}
	var buf bytes.Buffer
	err := gif.EncodeAll(&buf, &gif.GIF{
		Image: []*image.Paletted{image.NewPaletted(image.Rect(2, 1, 5, 4), red), image.NewPaletted(image.Rect(0, 0, 8, 6), red)},
		Delay: []int{1, 1}, Config: image.Config{Width: 8, Height: 6, ColorModel: red},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Decode(buf.Bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := Upright(p)
	if got.Rect.Max != image.Pt(8, 6) || got.RGBAAt(3, 2) != (color.RGBA{255, 0, 0, 255}) || got.RGBAAt(0, 0) != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("bounds %v, inside %v, outside %v", got.Rect, got.RGBAAt(3, 2), got.RGBAAt(0, 0))
	}
}

func TestDecodeLargePhoto(t *testing.T) {
	if testing.Short() {
		t.Skip("8000 x 6000 pixels")
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, image.NewGray(image.Rect(0, 0, 8000, 6000)), nil); err != nil {
		t.Fatal(err)
	}
	p, err := Decode(buf.Bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Bounds().Max != image.Pt(8000, 6000) {
		t.Errorf("bounds %v", p.Bounds())
	}
}

func TestPhotoAtIsUpright(t *testing.T) {
	img := noise(5, 3)
	for o := Orientation(0); o <= 9; o++ {
		p := &Photo{Stored: img.SubImage(image.Rect(1, 1, 5, 3)), Orientation: o}
		b := p.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				sx, sy := o.stored(x, y, 4, 2)
				if got, want := p.At(x, y), img.At(1+sx, 1+sy); got != want {
					t.Fatalf("orientation %d: pixel (%d, %d) is %v, want %v", o, x, y, got, want)
				}
			}
		}
	}
}

// FuzzDecode looks for panics, hangs and pictures beyond their limits.
func FuzzDecode(f *testing.F) {
	w, err := nn.ReadWeightsFile("testdata/photos.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	for name, x := range w.Tensors {
		if strings.HasSuffix(name, ".file") {
			f.Add(bytesOf(x))
		}
	}
	f.Add(pngHeader(30_000, 30_000))
	limits := Limits{MaxWidth: 300, MaxHeight: 300, MaxPixels: 30_000, MaxBytes: 1 << 16}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data, Options{Limits: limits})
		if err != nil {
			for _, known := range []error{ErrNotImage, ErrTooLarge, ErrTruncated, ErrCorrupt, ErrUnsupported} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("error %v is none of ours", err)
		}
		if s := p.Bounds().Size(); s.X < 1 || s.Y < 1 || s.X > 300 || s.Y > 300 || s.X*s.Y > 30_000 {
			t.Fatalf("picture of %v passed the limits", s)
		}
		pre, err := NewPreprocessor(9, 7, [3]float32{}, one)
		if err != nil {
			t.Fatal(err)
		}
		if err := pre.Fill(parity.Planes(3, 63), p); err != nil {
			t.Fatal(err)
		}
	})
}

func randomBytes(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestDecodeKeepsItsOwnErrors(t *testing.T) {
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	junk := slices.Concat(buf.Bytes()[:40], randomBytes(60))
	if _, err := Decode(junk, Options{}); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) {
		t.Errorf("error %v", err)
	}
}
