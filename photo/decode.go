package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	stdjpeg "image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"example.com/riffle/photo/internal/jpeg"
)

// Options say how a picture is decoded. The zero value decodes all pixels of a
// picture within [DefaultLimits].
type Options struct {
	Limits Limits
	// Size is that of the input of the network that will look at the picture. A
	// JPEG at least twice as large both ways, upright, is decoded at a half, a
	// quarter or an eighth, but no smaller than Size: every pixel is then the mean
	// of a square of the file's, and most of the work of a large photo falls away.
	// [Photo.Size] remains the file's. Zero decodes every pixel.
	Size image.Point
}

// Limits bound what [Decode] accepts. A zero field takes its default.
type Limits struct {
	MaxWidth, MaxHeight int   // pixels; default 20,000 each
	MaxPixels           int   // width x height; default 50 million, room for 8000 x 6000
	MaxBytes            int64 // of the file; default 64 MiB
}

// DefaultLimits let any photo of a camera or phone pass: 8000 x 6000 and more.
var DefaultLimits = Limits{MaxWidth: 20_000, MaxHeight: 20_000, MaxPixels: 50_000_000, MaxBytes: 64 << 20}

func (l Limits) withDefaults() Limits {
	if l.MaxWidth <= 0 {
		l.MaxWidth = DefaultLimits.MaxWidth
	}
	if l.MaxHeight <= 0 {
		l.MaxHeight = DefaultLimits.MaxHeight
	}
	if l.MaxPixels <= 0 {
		l.MaxPixels = DefaultLimits.MaxPixels
	}
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultLimits.MaxBytes
	}
	return l
}

// maxScans bounds the scans of a progressive JPEG, each of which goes over the
// whole picture: encoders write about ten, an attacker would write thousands.
const maxScans = 200

// codec is one picture format: its decoders, and where its EXIF stands.
type codec struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	exif   func([]byte) []byte
}

var (
	codecJPEG = &codec{"jpeg", stdjpeg.DecodeConfig, stdjpeg.Decode, func(b []byte) []byte { return scanJPEG(b).exif }}
	codecPNG  = &codec{"png", png.DecodeConfig, png.Decode, pngExif}
	codecGIF  = &codec{"gif", gif.DecodeConfig, gif.Decode, nil}
	codecWebP = &codec{"webp", webp.DecodeConfig, webp.Decode, webpExif}
	codecBMP  = &codec{"bmp", bmp.DecodeConfig, bmp.Decode, nil}
	codecTIFF = &codec{"tiff", tiff.DecodeConfig, tiff.Decode, func(b []byte) []byte { return b }}
)

// sniff names the format of data by its first bytes, nil if it is none.
func sniff(data []byte) *codec {
	start := func(s string) bool { return bytes.HasPrefix(data, []byte(s)) }
	switch {
	case start("\xff\xd8"):
		return codecJPEG
	case start("\x89PNG\r\n\x1a\n"):
		return codecPNG
	case start("GIF87a"), start("GIF89a"):
		return codecGIF
	case start("RIFF") && len(data) >= 12 && string(data[8:12]) == "WEBP":
		return codecWebP
	case start("BM") && len(data) >= 26:
		return codecBMP
	case start("II*\x00"), start("MM\x00*"):
		return codecTIFF
	}
	return nil
}

// unreadable says why data is in none of the formats.
func unreadable(data []byte) error {
	at := func(i int, s string) bool { return len(data) >= i+len(s) && string(data[i:i+len(s)]) == s }
	switch {
	case len(data) == 0:
		return fmt.Errorf("%w: no bytes at all", ErrNotImage)
	case at(4, "ftypavif"), at(4, "ftypavis"):
		return fmt.Errorf("%w: AVIF", ErrUnsupported)
	case at(4, "ftyphei"), at(4, "ftyphev"), at(4, "ftypmif1"), at(4, "ftypmsf1"):
		return fmt.Errorf("%w: HEIC", ErrUnsupported)
	case at(0, "\xff\x0a"), at(4, "JXL \r\n\x87\n"):
		return fmt.Errorf("%w: JPEG XL", ErrUnsupported)
	}
	return ErrNotImage
}

// animatedWebP reports whether a WebP's extended header announces frames.
func animatedWebP(data []byte) bool {
	const animation = 1 << 1
	return len(data) > 20 && string(data[12:16]) == "VP8X" && data[20]&animation != 0
}

// Decode reads a picture: JPEG (grey, YCbCr, RGB, CMYK and YCCK, baseline and
// progressive), PNG (all colour types, 8 and 16 bit, interlaced), the first
// frame of a GIF, still WebP, BMP and TIFF. The header is compared with the limits
// before any pixel is allocated. EXIF orientation is noted in the [Photo] and
// applied wherever the photo is used.
//
// The error wraps [ErrNotImage], [ErrTooLarge], [ErrTruncated], [ErrCorrupt] or
// [ErrUnsupported].
func Decode(data []byte, o Options) (photo *Photo, err error) {
	limits, size := o.Limits.withDefaults(), o.Size
	if int64(len(data)) > limits.MaxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limits.MaxBytes)
	}
	c := sniff(data)
	if c == nil {
		return nil, unreadable(data)
	}
	if c == codecWebP && animatedWebP(data) {
		return nil, fmt.Errorf("%w: animated WebP", ErrUnsupported)
	}
	// The decoders below are other people's and read what strangers send.
	defer func() {
		if r := recover(); r != nil {
			photo, err = nil, fmt.Errorf("%w: %s decoder: %v", ErrCorrupt, c.name, r)
		}
	}()
	cfg, err := c.config(bytes.NewReader(data))
	if err != nil {
		return nil, decodeError(c, err)
	}
	if err := limits.check(cfg.Width, cfg.Height); err != nil {
		return nil, err
	}
	photo = &Photo{Orientation: 1, Format: c.name}
	if c.exif != nil {
		photo.Orientation = exifOrientation(c.exif(data))
	}
	if c == codecJPEG {
		if photo.Orientation.Swaps() {
			size.X, size.Y = size.Y, size.X
		}
		photo.shift = shiftFor(cfg.Width, cfg.Height, size)
		photo.file, photo.data, photo.limits = image.Pt(cfg.Width, cfg.Height), data, limits
		photo.Stored, photo.shift, err = readJPEG(data, photo.shift)
		if photo.shift == 0 {
			photo.data = nil
		}
	} else {
		photo.Stored, err = c.read(data, cfg)
	}
	if err != nil {
		return nil, decodeError(c, err)
	}
	return photo, nil
}

// Read is [Decode] of everything r holds; it reads no more than the limit of
// bytes. An error of r itself is returned as it is.
func Read(r io.Reader, o Options) (*Photo, error) {
	data, err := io.ReadAll(io.LimitReader(r, o.Limits.withDefaults().MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return Decode(data, o)
}

// check compares a picture's size with the limits.
func (l Limits) check(w, h int) error {
	switch {
	case w <= 0 || h <= 0:
		return fmt.Errorf("%w: size %d x %d", ErrCorrupt, w, h)
	case w > l.MaxWidth || h > l.MaxHeight:
		return fmt.Errorf("%w: %d x %d pixels, at most %d x %d allowed", ErrTooLarge, w, h, l.MaxWidth, l.MaxHeight)
	case w > l.MaxPixels/h:
		return fmt.Errorf("%w: %d x %d pixels, at most %d in all allowed", ErrTooLarge, w, h, l.MaxPixels)
	}
	return nil
}

// read decodes the pixels, minding what the standard decoders leave to us.
func (c *codec) read(data []byte, cfg image.Config) (image.Image, error) {
	if c == codecPNG {
		// Deflate packs at most 1032 bytes into one: a tiny file that announces
		// a huge picture is refused before the picture is allocated.
		if int64(cfg.Width)*int64(cfg.Height)/8 > 1032*int64(len(data)) {
			return nil, io.ErrUnexpectedEOF
		}
	}
	img, err := c.decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch c {
	case codecGIF:
		return onScreen(img, image.Rect(0, 0, cfg.Width, cfg.Height)), nil
	case codecWebP:
		fullRange(img)
	}
	return img, nil
}

// onScreen puts a GIF's frame, which may cover only part of its screen, in place.
func onScreen(frame image.Image, screen image.Rectangle) image.Image {
	if frame.Bounds() == screen {
		return frame
	}
	out := image.NewRGBA(screen)
	draw.Draw(out, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return out
}

// adobeCMYK is the APP14 segment that says "four components, ink inverted".
var adobeCMYK = []byte{0xFF, markerAPP14, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0}

// readJPEG decodes a JPEG, reduced to 1 / 2^shift if it is of a kind that package
// jpeg knows, and returns the shift that came of it; all else is left to the
// standard library. Four components without Adobe's segment are read as CMYK with
// inverted ink, as every common viewer reads them; Go's decoder would refuse them.
func readJPEG(data []byte, shift int) (image.Image, int, error) {
	info := scanJPEG(data)
	if info.scans > maxScans {
		return nil, 0, fmt.Errorf("%w: JPEG of %d scans, at most %d allowed", ErrTooLarge, info.scans, maxScans)
	}
	img, err := jpeg.Decode(data, shift)
	if err == nil {
		return img, shift, nil
	}
	if errors.Is(err, jpeg.ErrTooShort) {
		return nil, 0, io.ErrUnexpectedEOF
	}
	var r io.Reader = bytes.NewReader(data)
	if info.components == 4 && !info.adobe {
		r = io.MultiReader(bytes.NewReader(data[:info.sof]), bytes.NewReader(adobeCMYK), bytes.NewReader(data[info.sof:]))
	}
	img, err = stdjpeg.Decode(r)
	return img, 0, err
}

// decodeError files a decoder's error under one of ours, without losing its text.
func decodeError(c *codec, err error) error {
	text := strings.TrimPrefix(err.Error(), c.name+": ")
	var unsupportedJPEG stdjpeg.UnsupportedError
	var unsupportedPNG png.UnsupportedError
	var unsupportedTIFF tiff.UnsupportedError
	switch {
	case errors.Is(err, ErrTooLarge):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		strings.Contains(text, "EOF"), strings.Contains(text, "not enough"), strings.Contains(text, "short Huffman data"):
		return fmt.Errorf("%w: %s ends too early", ErrTruncated, c.name)
	case errors.As(err, &unsupportedJPEG), errors.As(err, &unsupportedPNG), errors.As(err, &unsupportedTIFF),
		errors.Is(err, bmp.ErrUnsupported):
		return fmt.Errorf("%w: %s: %s", ErrUnsupported, c.name, text)
	}
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, c.name, text)
}
