package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"io"
	"math"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
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
	// SizeFor, if it is there, is asked for Size with that of the picture in the
	// file, upright.
	SizeFor func(file image.Point) image.Point
}

// Limits bound what [Decode] accepts. A zero field takes its default.
type Limits struct {
	MaxWidth, MaxHeight int   // pixels in the file; default 100,000 each
	MaxPixels           int   // pixels to be decoded, of a reduced photo those that are left; default no bound but MaxMemory
	MaxMemory           int64 // bytes that decoding takes; default 512 MiB
	MaxBytes            int64 // of the file; default 64 MiB
}

// DefaultLimits let any photo of a camera or phone pass.
var DefaultLimits = Limits{MaxWidth: 100_000, MaxHeight: 100_000, MaxPixels: math.MaxInt, MaxMemory: 512 << 20, MaxBytes: 64 << 20}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	for _, f := range []struct{ field, def *int }{{&l.MaxWidth, &d.MaxWidth}, {&l.MaxHeight, &d.MaxHeight}, {&l.MaxPixels, &d.MaxPixels}} {
		if *f.field <= 0 {
			*f.field = *f.def
		}
	}
	for _, f := range []struct{ field, def *int64 }{{&l.MaxMemory, &d.MaxMemory}, {&l.MaxBytes, &d.MaxBytes}} {
		if *f.field <= 0 {
			*f.field = *f.def
		}
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
	decode func([]byte) (image.Image, error)
	exif   func([]byte) []byte
}

var (
	codecJPEG = &codec{"jpeg", nil, nil, func(b []byte) []byte { return scanJPEG(b).exif }} // see decodeJPEG
	codecPNG  = &codec{"png", png.DecodeConfig, reading(png.Decode), pngExif}
	codecGIF  = &codec{"gif", gif.DecodeConfig, reading(gif.Decode), nil}
	codecWebP = &codec{"webp", webpConfig, decodeWebP, webpExif}
	codecBMP  = &codec{"bmp", bmp.DecodeConfig, reading(bmp.Decode), nil}
	codecTIFF = &codec{"tiff", tiffConfig, decodeTIFF, func(b []byte) []byte { return b }}
)

// reading makes a function of bytes of one that reads.
func reading(decode func(io.Reader) (image.Image, error)) func([]byte) (image.Image, error) {
	return func(data []byte) (image.Image, error) { return decode(bytes.NewReader(data)) }
}

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

// Decode reads a picture: JPEG (gray, YCbCr, RGB, CMYK and YCCK, baseline and
// progressive; damaged ones as far as they go, see [Photo.Warnings]), PNG (all colour types, 8 and 16 bit, interlaced), the first
// frame of a GIF, or a WebP, BMP and TIFF. The header is compared with the limits
// before any pixel is allocated. EXIF orientation is noted in the [Photo] and
// applied wherever the photo is used.
//
// The error wraps [ErrNotImage], [ErrTooLarge], [ErrTruncated], [ErrCorrupt] or
// [ErrUnsupported].
func Decode(data []byte, o Options) (photo *Photo, err error) {
	limits := o.Limits.withDefaults()
	if int64(len(data)) > limits.MaxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limits.MaxBytes)
	}
	c := sniff(data)
	if c == nil {
		return nil, unreadable(data)
	}
	// The decoders below are other people's and read what strangers send.
	defer func() {
		if r := recover(); r != nil {
			photo, err = nil, fmt.Errorf("%w: %s decoder: %v", ErrCorrupt, c.name, r)
		}
	}()
	photo = &Photo{Orientation: 1, Format: c.name}
	if c.exif != nil {
		photo.Orientation = exifOrientation(c.exif(data))
	}
	if c == codecJPEG {
		err = photo.decodeJPEG(data, limits, o)
	} else {
		err = photo.decodeWhole(c, data, limits)
	}
	if err != nil {
		return nil, decodeError(c, err)
	}
	return photo, nil
}

// decodeWhole decodes a picture of a format that cannot be reduced.
func (p *Photo) decodeWhole(c *codec, data []byte, limits Limits) error {
	cfg, err := c.config(bytes.NewReader(data))
	if err != nil {
		return err
	}
	pixels := int64(cfg.Width) * int64(cfg.Height)
	if err := limits.check(cfg.Width, cfg.Height, pixels, pixels*bytesPerPixel(c, cfg.ColorModel)); err != nil {
		return err
	}
	p.Stored, err = c.read(data, cfg)
	return err
}

// bytesPerPixel is what a decoded picture of a color model takes.
func bytesPerPixel(c *codec, m color.Model) int64 {
	if c == codecGIF {
		return 5 // indices, and colors where a frame does not fill its screen
	}
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.NRGBA64Model, color.RGBA64Model:
		return 8
	}
	return 4
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

// check compares a picture's size in the file, the pixels that are to be decoded
// and the memory that this takes with the limits.
func (l Limits) check(w, h int, pixels, memory int64) error {
	switch {
	case w <= 0 || h <= 0:
		return fmt.Errorf("%w: size %d x %d", ErrCorrupt, w, h)
	case w > l.MaxWidth || h > l.MaxHeight:
		return fmt.Errorf("%w: %d x %d pixels, at most %d x %d allowed", ErrTooLarge, w, h, l.MaxWidth, l.MaxHeight)
	case pixels > int64(l.MaxPixels):
		return fmt.Errorf("%w: %d x %d pixels, at most %d in all allowed", ErrTooLarge, w, h, l.MaxPixels)
	case memory > l.MaxMemory:
		return fmt.Errorf("%w: %d x %d pixels take %d MiB to decode, at most %d MiB allowed", ErrTooLarge, w, h, memory>>20, l.MaxMemory>>20)
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
	img, err := c.decode(data)
	if err != nil {
		return nil, err
	}
	if c == codecGIF {
		return onScreen(img, image.Rect(0, 0, cfg.Width, cfg.Height)), nil
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

// decodeError files a decoder's error under one of ours, without losing its text.
func decodeError(c *codec, err error) error {
	text := strings.TrimPrefix(err.Error(), c.name+": ")
	var unsupportedPNG png.UnsupportedError
	var unsupportedTIFF tiff.UnsupportedError
	switch {
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrTruncated), errors.Is(err, ErrCorrupt), errors.Is(err, ErrUnsupported):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		strings.Contains(text, "EOF"), strings.Contains(text, "not enough"), strings.Contains(text, "short Huffman data"):
		return fmt.Errorf("%w: %s ends too early", ErrTruncated, c.name)
	case errors.As(err, &unsupportedPNG), errors.As(err, &unsupportedTIFF),
		errors.Is(err, bmp.ErrUnsupported):
		return fmt.Errorf("%w: %s: %s", ErrUnsupported, c.name, text)
	}
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, c.name, text)
}
